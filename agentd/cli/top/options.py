"""What `agentd top` takes."""

from agentd.cli.usage import Parser


def top(verb: Parser) -> None:
    """`agentd top`."""
    verb.add_argument(
        "task",
        metavar="TASK",
        nargs="?",
        help="open on this task: its id, the beginning of it, or @ for the newest",
    )
