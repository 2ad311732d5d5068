"""`agentd task export TASK`: a task as a file, to be imported elsewhere, or to be read."""

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from agentd.api import AttemptView, Checkpoint, RecordedEventView
from agentd.cli.failures import Usage
from agentd.cli.ids import find_task_id
from agentd.cli.printing import print_data, print_json
from agentd.cli.progress_bar import show_progress
from agentd.cli.screen import is_terminal
from agentd.client import Client
from agentd.durable import replace_file
from agentd.errors import Failure
from agentd.plans.writing import Written, write_agentd, write_json, write_markdown
from agentd.progress import Progress
from agentd.text import printable_json

_PAGE = 1_000


def run(options: argparse.Namespace) -> int:
    """Write the task. Raises `TaskNotFound`, `Ambiguous`, `Failure` or `OSError` of the file."""
    to_file = options.output not in (None, "-")
    if options.json and not to_file and options.form != "json":
        raise Usage("--json prints an envelope: give --form json, or a file with -o")
    if to_file:
        _refuse_taken(Path(options.output), force=options.force)
    with Client() as client, show_progress() as progress:
        task = _whole(client, find_task_id(client, options.task), progress)
    if to_file:
        _write(options, task)
    elif options.json:
        print_data(msgspec.Raw(write_json(task)))
    elif options.form == "json":
        print_json(write_json(task))
    else:
        _print(_lines(task, options.form))
    return 0


def _whole(client: Client, task_id: str, progress: Progress) -> Written:
    """All there is of a task: its nodes as one moment has them, then what is told of them."""
    status = client.task_status(task_id)
    attempts: dict[str, list[AttemptView]] = {}
    checkpoints: dict[str, Checkpoint] = {}
    tried = [node.id for node in status.nodes if node.attempt]
    for number, node_id in enumerate(tried, 1):
        progress("attempts", number, len(tried))
        node = client.node_status(task_id, node_id)
        attempts[node_id] = node.attempts
        if node.checkpoint is not None:
            checkpoints[node_id] = node.checkpoint
    events: list[RecordedEventView] = []
    after, more = 0, True
    while more:
        page = client.task_events(task_id, after=after, limit=_PAGE)
        events += page.events
        after, more = page.last_seq, page.more
        progress("events", len(events), 0)
    progress("", 0, 0)
    return Written(status, attempts, checkpoints, events)


def _lines(task: Written, form: str) -> Iterable[bytes]:
    if form == "markdown":
        return (line.encode() + b"\n" for line in write_markdown(task))
    return write_agentd(task)


def _write(options: argparse.Namespace, task: Written) -> None:
    if options.form == "json":
        content = write_json(task) + b"\n"
    else:
        content = b"".join(_lines(task, options.form))
    _refuse_taken(Path(options.output), force=options.force)  # much can happen meanwhile
    try:
        replace_file(Path(os.path.realpath(options.output)), content)  # and not a link to it
    except OSError as error:  # which may name the draft beside it, that nobody has asked for
        raise OSError(error.errno, error.strerror, options.output) from error
    if options.json:
        written = {"path": options.output, "form": options.form}
        counts = {"nodes": len(task.status.nodes), "events": len(task.notes)}
        print_data({"task_id": task.status.task.id, **written, **counts})


def _refuse_taken(path: Path, *, force: bool) -> None:
    """Raise `Failure` where something is there that must not be replaced."""
    if path.exists() and not (path.is_file() or path.is_dir()):  # root could replace a device
        raise Failure(
            f"{path} is not a regular file: choose another name, or - for standard output"
        )
    if path.is_file() and not force:
        from agentd.backup.draft import already_exists

        raise already_exists(path)


def _print(lines: Iterable[bytes]) -> None:
    """For a program as it is; on a terminal with what steers terminals escaped."""
    out = sys.stdout.buffer
    for line in lines:
        out.write(printable_json(line).encode() if is_terminal() else line)
    out.flush()
