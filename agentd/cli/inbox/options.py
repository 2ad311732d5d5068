"""What `agentd inbox` takes."""

from agentd.cli.time_arguments import moment_ago
from agentd.cli.usage import Parser

WEEK = "7d"


def inbox(verb: Parser) -> None:
    """`agentd inbox`."""
    verb.add_argument(
        "--since",
        metavar="TIME",
        type=moment_ago,
        default=WEEK,
        help="of the tasks that FAILED, those registered then or later: 1d ago, or "
        f"2026-01-31T12:00:00Z (default: {WEEK}); all else is shown however old it is",
    )
