"""What the verbs of events take."""

from agentd.cli.usage import Parser, whole_number

_LARGEST_PLACE = 2**53 - 1


def watch(verb: Parser) -> None:
    """`agentd events watch`."""
    verb.add_argument(
        "--after",
        metavar="SEQ",
        type=whole_number(0, _LARGEST_PLACE),
        help="begin behind this seq (default: with what happens from now on)",
    )
    verb.add_argument("--task", metavar="TASK", help="only the events of this task")
