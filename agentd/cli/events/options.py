"""What `agentd events` takes."""

from agentd.cli.time_arguments import moment_ago
from agentd.cli.usage import Parser, whole_number

_LARGEST_PLACE = 2**53 - 1


def events(verb: Parser) -> None:
    """`agentd events`."""
    verb.add_argument(
        "--follow", action="store_true", help="go on with what happens, until interrupted"
    )
    begin = verb.add_mutually_exclusive_group()
    begin.add_argument(
        "--after",
        metavar="SEQ",
        type=whole_number(0, _LARGEST_PLACE),
        help="begin behind this seq (default: with the newest 100 that fit)",
    )
    begin.add_argument(
        "--since",
        metavar="TIME",
        type=moment_ago,
        help="begin with what happened then: 1h ago, or 2026-01-31T12:00:00Z",
    )
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
