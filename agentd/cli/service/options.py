"""What the verbs of the service take."""

from agentd.cli.usage import Parser, positive_seconds, whole_number

_LINES = 50
_MOST_LINES = 1_000_000


def install(verb: Parser) -> None:
    """`agentd service install`."""
    workers = verb.add_mutually_exclusive_group()
    workers.add_argument(
        "--workers",
        metavar="NAME=N:COMMAND",
        action="append",
        help="N workers beside the daemon, such as 'claude=2:agentd work --all -- claude -p hi'; "
        "may be given again (default: those that there are)",
    )
    workers.add_argument(
        "--no-workers", action="store_true", help="no workers; those that there are go"
    )
    verb.add_argument(
        "--program", metavar="PATH", help="the agentd that is started (default: this one)"
    )
    verb.add_argument(
        "--timeout",
        metavar="DURATION",
        type=positive_seconds,
        default=60.0,
        help="how long to wait until the daemon answers (default: 60s)",
    )
    _add_dry_run(verb)


def uninstall(verb: Parser) -> None:
    """`agentd service uninstall`."""
    _add_dry_run(verb)


def logs(verb: Parser) -> None:
    """`agentd service logs`."""
    verb.add_argument(
        "-f", "--follow", action="store_true", help="go on with what is logged, until interrupted"
    )
    verb.add_argument(
        "-n",
        "--lines",
        metavar="N",
        type=whole_number(0, _MOST_LINES),
        default=_LINES,
        help=f"how many of the newest lines (default: {_LINES})",
    )


def _add_dry_run(verb: Parser) -> None:
    verb.add_argument("--dry-run", action="store_true", help="change nothing, and show what would")
