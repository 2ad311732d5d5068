"""`agentd node log TASK NODE`: what a command wrote while it worked on a node.

The rule this file keeps: the files are this machine's, so what is not here is no failure of theirs:
the answer says why that can be, and what there is.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from agentd import config
from agentd.api import NodeStatusResult
from agentd.cli.node.attempt_watch import AttemptWatch
from agentd.cli.node.log_printers import BytePrinter, EnvelopePrinter, LogPrinter, TerminalPrinter
from agentd.cli.node.stream_log import StreamLog
from agentd.cli.node.target import TargetNode, find_target
from agentd.cli.reader import check_reader
from agentd.cli.screen import is_terminal
from agentd.client import Client
from agentd.errors import Failure
from agentd.results.attempt_files import DIRECTORY, STREAMS, AttemptFiles, kept_attempts

_PAUSE_SECONDS = 0.25
"""Between two looks at files that grow."""


class NothingKept(Failure):
    """Nothing that the attempt wrote is kept here."""


def run(options: argparse.Namespace) -> int:
    """Print what an attempt wrote. Raises `TaskNotFound`, `NodeNotFound`, `NothingKept`."""
    results = config.load().home / DIRECTORY
    with Client() as client:
        target = find_target(client, options)
        status = client.node_status(*target)
        attempt = status.node.attempt if options.attempt is None else options.attempt
        _check_kept(results, target, status, attempt)
        files = AttemptFiles(results, *target, attempt)
        streams = [options.stream] if options.stream else STREAMS
        logs = [StreamLog(files, stream) for stream in streams]
        printer = _printer(attempt, _state(status, attempt), as_json=options.json)
        if options.follow:
            _follow(AttemptWatch(client.address, *target, attempt), logs, printer)
        else:
            printer.show(logs, is_all=True)
    return 0


def _follow(watch: AttemptWatch, logs: Sequence[StreamLog], printer: LogPrinter) -> None:
    """Show what comes until the attempt has ended. Raises `BrokenPipeError`, `RequestRefused`."""
    while True:
        # Asked before the last look: all has been written then, but the last words of a command
        # whose lease was taken away.
        has_ended = watch.has_ended()
        printer.show(logs, is_all=has_ended)
        if has_ended:
            return
        check_reader(_PAUSE_SECONDS)


def _printer(attempt: int, status: str, *, as_json: bool) -> LogPrinter:
    if as_json:
        return EnvelopePrinter(attempt, status)
    return TerminalPrinter(attempt, status) if is_terminal() else BytePrinter()


def _state(status: NodeStatusResult, attempt: int) -> str:
    """How the attempt ended, if it has."""
    ended = (each.how for each in status.attempts if each.attempt == attempt)
    return next(ended, status.node.status)


def _check_kept(results: Path, target: TargetNode, status: NodeStatusResult, attempt: int) -> None:
    """Raise `NothingKept` where there is nothing to show, with the reasons that there can be."""
    newest = status.node.attempt
    if newest == 0:
        raise NothingKept("nobody has worked on the node yet")
    if attempt > newest:
        raise NothingKept(f"there was no attempt {attempt} yet: the newest is {newest}")
    kept = kept_attempts(results, *target)
    if attempt in kept:
        return
    there = f"; kept of this node: {', '.join(map(str, kept))} (`--attempt N`)" if kept else ""
    raise NothingKept(
        f"nothing of attempt {attempt} ({_owner(status, attempt)}) is kept in {results}: only "
        "`agentd work` with this AGENTD_HOME on this machine keeps it, not a worker in Python or "
        f"work by hand; or it was removed to make room (AGENTD_LOG_BYTES){there}"
    )


def _owner(status: NodeStatusResult, attempt: int) -> str:
    ended = (each.owner for each in status.attempts if each.attempt == attempt)
    return f"by {next(ended, status.node.lease_owner) or 'nobody known'}"
