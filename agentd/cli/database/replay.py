"""`agentd replay`: rebuild, `--check`, `--until`."""

import argparse
import itertools
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from agentd import config, replay
from agentd.cli.database.opening import opened_to_fold, opened_to_read
from agentd.cli.ids import resolve_task_id
from agentd.cli.printing import print_data, print_json
from agentd.cli.progress_bar import show_progress
from agentd.cli.remarks import say
from agentd.config import Settings
from agentd.errors import BadSetting
from agentd.journal import Recorded
from agentd.progress import Advance, Progress, begin
from agentd.store import Store
from agentd.text import printable

_MOST_DIFFERENCES = 20
"""Differences that are printed; more would hide the first ones."""

_LONGEST_SEQ = 19
"""Digits: SQLite's integers have no more."""


def run(options: argparse.Namespace) -> int:
    """Rebuild the projections, compare them, or print a task as it was."""
    if (options.until is None) != (options.task is None):
        raise BadSetting("--until and --task go together: which task, as it was when?")
    settings = config.load()
    if options.until is not None:
        return _print_task_at(settings, options.task, options.until, as_json=options.json)
    run_ = _check if options.check else _rebuild
    return run_(settings, as_json=options.json)


def _rebuild(settings: Settings, *, as_json: bool) -> int:
    with opened_to_fold(settings) as store:
        began = time.monotonic()
        with show_progress() as progress:
            events = replay.rebuild(store, _begin_replay(store, progress))
    seconds = time.monotonic() - began
    if as_json:
        print_data({"events": events, "seconds": round(seconds, 3)})
        return 0
    print(f"replayed {events:,} events in {seconds:.1f} s; the projections are rebuilt")
    return 0


def _check(settings: Settings, *, as_json: bool) -> int:
    with opened_to_read(settings) as store, show_progress() as progress:
        differences = replay.check(store, _begin_replay(store, progress))
        first = list(itertools.islice(differences, _MOST_DIFFERENCES))
        more = sum(1 for _ in differences)
    if as_json:
        print_data({"differences": list(map(str, first)), "not_shown": more})
    elif not first:
        print("replay check: ok; rows equal, hash chains whole, every edge legal")
    else:
        _print_differences(first, more)
    return 1 if first else 0


def _print_differences(first: Sequence[object], more: int) -> None:
    for difference in first:
        print(printable(difference))
    found = len(first) + more
    noun = "difference" if found == 1 else "differences"
    print(f"replay check: {found} {noun}" + (f", {more} not shown" if more else ""))


def _print_task_at(settings: Settings, task: str, until: str, *, as_json: bool) -> int:
    seq, bound = _parse_seq(until), _parse_until(until)
    with opened_to_read(settings) as store:

        def find(begin: str, limit: int) -> list[tuple[str, str]]:
            with store.read() as reader:
                return [(row.task_id, "") for row in reader.tasks(begin, None, limit)]

        status = replay.task_at(store, resolve_task_id(task, find), bound)
        with store.read() as reader:
            last = reader.last_seq()
    if seq is not None and seq > last:
        say(f"the journal ends with seq {last}: this is the task as it is now")
    if as_json:
        print_data(status)
    else:
        print_json(msgspec.json.encode(status))
    return 0


def _parse_until(text: str) -> Callable[[Recorded], bool]:
    """What `SEQ|TIME` means: a number is a seq, anything else a moment in RFC 3339."""
    if (seq := _parse_seq(text)) is not None:
        return lambda recorded: recorded.seq <= seq
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadSetting(
            f"--until {text!r}: expected a seq such as 42, or a time such as 2026-01-31T12:00:00Z"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    at = moment.timestamp() * 1000
    return lambda recorded: recorded.at <= at


def _parse_seq(text: str) -> int | None:
    is_one = text.isascii() and text.isdigit() and len(text) <= _LONGEST_SEQ
    return int(text) if is_one else None


def _begin_replay(store: Store, progress: Progress) -> Advance:
    """Tells of the seq of the last record folded."""
    with store.read() as reader:
        last = reader.last_seq()
    return begin(progress, "replaying events", last)
