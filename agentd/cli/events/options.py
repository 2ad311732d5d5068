"""What `agentd events` and `agentd watch` take."""

from pathlib import Path

from agentd.cli.time_arguments import moment_ago
from agentd.cli.usage import Parser, whole_number

_LARGEST_PLACE = 2**53 - 1

_COMMAND_FORM = """\
the command
  reads    the event on standard input, JSON, as `agentd events --json` has it
  knows    AGENTD_EVENT_SEQ, AGENTD_EVENT_ID, AGENTD_EVENT_KIND, AGENTD_TASK_ID,
           AGENTD_NODE_ID (not set where the event has none) and
           AGENTD_SOCKET_PATH
  prints   where agentd does
  exits    with 0: the event is done with, and the next one's turn
           with 126 or 127 (no such command): agentd stops
           else: it stops with that exit code; started again it begins with
           this event. With --keep-going it says so, and the event is done with

Ctrl-C and SIGTERM let the command end what it does; the second time it gets
SIGTERM, the third time SIGKILL. An event that is done with is never run for
again; after a SIGKILL the one that was under way comes first. A daemon that is
gone is waited for, and no event is left out.
"""


def events(verb: Parser) -> None:
    """`agentd events`."""
    verb.add_argument(
        "--follow", action="store_true", help="go on with what happens, until interrupted"
    )
    _begin(verb, "with the newest 100 that fit")
    _which(verb)


def watch(verb: Parser) -> None:
    """`agentd watch`."""
    verb.details = lambda: _COMMAND_FORM
    verb.add_argument(
        "--exec",
        metavar="COMMAND",
        help="a line for the shell, run for every event, one after the other",
    )
    _begin(verb, "with what happens; only where no place is kept yet")
    _which(verb)
    verb.add_argument(
        "--cursor",
        metavar="FILE",
        type=Path,
        help="where the place is kept (default: a file of its own in ~/.agentd/watch for what is "
        "run for which events)",
    )
    verb.add_argument(
        "--keep-going",
        action="store_true",
        help="go on to the next event when the command fails (default: stop with its exit code)",
    )


def _begin(verb: Parser, default: str) -> None:
    """Where to begin."""
    begin = verb.add_mutually_exclusive_group()
    begin.add_argument(
        "--after",
        metavar="SEQ",
        type=whole_number(0, _LARGEST_PLACE),
        help=f"begin behind this seq (default: {default})",
    )
    begin.add_argument(
        "--since",
        metavar="TIME",
        type=moment_ago,
        help="begin with what happened then: 1h ago, or 2026-01-31T12:00:00Z",
    )


def _which(verb: Parser) -> None:
    """Which events."""
    verb.add_argument("--task", metavar="TASK", help="only the events of this task")
    verb.add_argument(
        "--kind",
        metavar="TYPE",
        nargs="+",
        action="extend",
        help="only events of these types, such as FAIL_NODE; heartbeats are shown where one is "
        "HEARTBEAT_NODE",
    )
    verb.add_argument(
        "--grep",
        metavar="TEXT",
        help="only lines with this text in them, in small letters or large ones",
    )
