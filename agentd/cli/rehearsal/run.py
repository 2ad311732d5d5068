"""`agentd rehearse`: what would have come out, beside what did."""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager

from agentd import config
from agentd.api import rfc3339
from agentd.api.moments import to_milliseconds
from agentd.cli.database.opening import opened_to_read
from agentd.cli.failures import Usage
from agentd.cli.ids import resolve_task_id
from agentd.cli.no_collections import no_collections
from agentd.cli.printing import print_data
from agentd.cli.progress_bar import show_progress
from agentd.cli.rehearsal.showing import show_rehearsal
from agentd.errors import BadSetting, TaskNotFound
from agentd.rehearsal import Rehearsal, parse_policy, read_stretch, rehearse
from agentd.store import Store

_DAY_SECS = 86_400


def run(options: argparse.Namespace) -> int:
    """Play it, and print both. Raises `Usage`, `TaskNotFound`, and `Failure` for no events."""
    with _settings_as_usage():
        policy = parse_policy(options.settings)
    with opened_to_read(config.load()) as store, show_progress() as progress:
        task_id = None if options.task is None else _find_task(store, options.task)
        since = options.since
        if since is None and task_id is None:
            since = time.time() - _DAY_SECS
        progress("reading the journal", 0, 0)
        with store.read() as reader:
            stretch = read_stretch(
                reader, task_id, None if since is None else to_milliseconds(since, "--since")
            )
        progress("rehearsing", 0, 0)
        with _settings_as_usage(), no_collections():
            played = rehearse(stretch, policy)
    if options.json:
        print_data(_as_data(played))
    else:
        show_rehearsal(played)
    return 0


@contextmanager
def _settings_as_usage() -> Iterator[None]:
    """What is wrong with them is wrong with the command line, and with no file."""
    try:
        yield
    except BadSetting as error:
        raise Usage(str(error)) from error


def _find_task(store: Store, given: str) -> str:
    def find(begin: str, limit: int) -> list[tuple[str, str]]:
        with store.read() as reader:
            return [(row.task_id, "") for row in reader.tasks(begin, None, limit)]

    task_id = resolve_task_id(given, find)
    if not find(task_id, 1):  # an id in full is taken as it is
        raise TaskNotFound(
            f"there is no task {task_id}: `agentd task list` shows the tasks there are"
        )
    return task_id


def _as_data(played: Rehearsal) -> dict[str, object]:
    return {
        "was": played.was.figures,
        "would": played.would.figures,
        "begin": rfc3339(played.begin),
        "end": rfc3339(played.end),
        "events": played.events,
        "tasks": played.tasks,
        "assumes": played.assumes,
        "left": played.left,
        "cut": played.cut,
    }
