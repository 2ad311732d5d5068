"""`agentd work --task ID -- COMMAND`: any command as a worker.

The rule this file keeps: standard output is for the outcome, standard error for what happens. What
the commands write is prefixed with their node and bounded, so that several of them can be told
apart and none floods the terminal.
"""

import argparse
import contextlib
import logging
import shutil
import signal
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from weakref import WeakKeyDictionary

from agentd import config
from agentd.cli.ids import find_task_id
from agentd.cli.log import failures_logged, log_to_stderr, logs_json
from agentd.cli.owner import process_owner
from agentd.cli.printing import print_data
from agentd.cli.worker.spans import sent_spans
from agentd.client import AsyncLease, Client
from agentd.errors import BadSetting, WorkerStopped
from agentd.label import node_label
from agentd.text import printable
from agentd.worker.command import (
    DIRECTORY_GONE,
    CommandHandler,
    CommandPolicy,
    is_directory_gone,
)
from agentd.worker.command_worker import CommandWorker
from agentd.worker.guardian import Guardian
from agentd.worker.kept_output import OutputKeeper, OutputPlace

_commands = logging.getLogger("agentd.worker.command")

MOST_LINES = 1000
"""Lines of one node that are shown."""

LONGEST_LINE = 2000
"""Characters of one line that are shown."""

_LONGEST_LABEL = 20
"""Characters of a node's name in front of its lines."""

COMMAND_FORM = """\
the command
  reads    the node's context, JSON, on standard input; AGENTD_TASK_ID,
           AGENTD_NODE_ID, AGENTD_LEASE_ID and AGENTD_SOCKET_PATH are set
  prints   the node's result on standard output: JSON, or else text
  says     AGENTD_EVENT {"action_type": "STEP", "payload": ...} on a line of
           standard error: an event of the node
  keeps    with `agentd checkpoint JSON` what the node's next holder goes on
           from: it finds it as "checkpoint" in its context
  exits    with 0: the node is COMPLETED
           with 75: "not now", it is given back for 60s, or as the last line of
           standard error says: AGENTD_LATER {"after_secs": 600,
           "close_limit": "claude", "reason": "..."}
           with 126 or 127 (no such program): given back, and the worker stops
           else: it is FAILED, or tried again if it has attempts left

what only stops the worker (Ctrl-C, SIGTERM, SIGHUP, a working directory that
is gone) fails no node: its command gets SIGTERM, with all that it has started,
after --grace SIGKILL, and the node is given back at once. To let commands
finish, `agentd task pause` their task first. A command that is killed by
anybody else gives its node back as well; the third time in a row it is FAILED
with --task the exit code is 1 if a node of the task has failed
"""

_ENDS = {"completed": "completed", "failed": "failed", "released": "given back", "lost": "lost"}
"""What becomes of nodes, for programs and for people."""


def run(options: argparse.Namespace) -> int:
    """Work until nothing is left to do, or until stopped; 1 when a node of the --task has failed.

    Raises `BadSetting` where there is no such command, `WorkerStopped` where it can do no good, and
    what `Worker` raises.
    """
    with failures_logged(as_json=options.json):
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    _check(options.command[0])
    with Client() as client:
        task = None if options.task is None else find_task_id(client, options.task)
        worker = _work(client, task, options)
        # Whoever stops it waits for no answer, and hears of its own nodes only.
        if task is None or worker.stopped_by is not None:
            counts = None
        else:
            counts = client.list_tasks(prefix=task).tasks[0].counts
    outcomes = worker.outcomes
    told = {end: outcomes.get(end, 0) for end in _ENDS}
    if options.json:
        print_data({**told, "task": counts})
    else:
        print(_format_outcomes(outcomes))
        if counts and counts.keys() != {"COMPLETED"}:
            print(f"the task: {_format_counts(counts.items())}")
    return 1 if counts is not None and "FAILED" in counts else 0


def _work(client: Client, task: str | None, options: argparse.Namespace) -> CommandWorker:
    policy, settings = _policy(options), config.load()
    place = OutputPlace.in_home(settings.home, settings.log_bytes)
    with Guardian(policy.grace) as guardian, sent_spans():
        command = CommandHandler(
            options.command,
            guardian,
            client.address,
            (_LineLog() if logs_json() else _LinePrinter()).show,
            lambda: worker,
            OutputKeeper(place, client.address),
            policy,
        )
        worker = CommandWorker(
            client,
            command,
            end_commands=command.end_commands,
            grace=policy.grace,
            concurrency=options.concurrency or 1,
            task_id=task,
            owner=options.owner or process_owner(),
            labels=options.label,
            context_scope=options.context,
        )
        _log_to_stderr()
        worker.run()
    told = _format_outcomes(worker.outcomes)
    if worker.stopped_by in (signal.SIGINT, signal.SIGHUP):
        raise KeyboardInterrupt(f"interrupted ({told})")
    if command.gave_up is not None:
        raise WorkerStopped(f"stopped ({told}): {command.gave_up}")
    return worker


def _policy(options: argparse.Namespace) -> CommandPolicy:
    """What was said on the command line, and else what agentd does."""
    given = {
        "later_exit": options.later_exit,
        "later_secs": options.later_secs,
        "timeout": options.timeout,
        "grace": options.grace,
        "most_failures": options.max_failures,
    }
    return CommandPolicy(**{name: value for name, value in given.items() if value is not None})


def _format_outcomes(outcomes: Mapping[str, int]) -> str:
    return _format_counts((said, outcomes.get(end, 0)) for end, said in _ENDS.items())


def _format_counts(numbers: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{number} {what}" for what, number in numbers)


def _check(program: str) -> None:
    """Before any node is acquired: is there such a program, and a directory to run it in?

    Raises `BadSetting` or `WorkerStopped`.
    """
    if is_directory_gone():
        raise WorkerStopped(DIRECTORY_GONE)
    if shutil.which(program) is not None:
        return
    if Path(program).is_file() and "/" in program:
        raise BadSetting(f"{program!r} may not be executed: `chmod +x` makes it a program")
    raise BadSetting(
        f"no program {program!r} is on the PATH or at that place: check its spelling, or give its "
        "whole path"
    )


def _log_to_stderr() -> None:
    log_to_stderr()
    logging.getLogger("agentd.worker").setLevel(logging.INFO)


class _LinePrinter:
    """Standard error, where each line is prefixed with its node."""

    def __init__(self) -> None:
        self._lines: WeakKeyDictionary[AsyncLease, int] = WeakKeyDictionary()

    def _put(self, lease: AsyncLease, line: str) -> None:
        print(f"[{_label(lease)}] {printable(line)}", file=sys.stderr, flush=True)

    def show(self, lease: AsyncLease, line: str) -> None:
        """Show a line of the command that works on that node, unless it has shown enough."""
        number = self._lines[lease] = self._lines.get(lease, 0) + 1
        if number > MOST_LINES + 1:
            return
        if number > MOST_LINES:
            line = f"more than {MOST_LINES:,} lines: the rest is not shown"
        elif len(line) > LONGEST_LINE:
            line = line[:LONGEST_LINE] + " ..."
        with contextlib.suppress(OSError):  # nobody reads it; the work goes on
            self._put(lease, line)


class _LineLog(_LinePrinter):
    """The log, where each line says of which node it is."""

    def _put(self, lease: AsyncLease, line: str) -> None:
        about = {"task_id": lease.task_id, "node_id": lease.node_id, "node": _label(lease)}
        _commands.info("%s", line, extra={"fields": about})


def _label(lease: AsyncLease) -> str:
    return printable(node_label(lease.node_id, lease.context.node.payload_schema)[:_LONGEST_LABEL])
