"""What `agentd mcp` takes."""

from agentd.cli.usage import Parser, positive_seconds


def mcp(verb: Parser) -> None:
    """`agentd mcp`."""
    verb.add_argument(
        "--owner",
        metavar="NAME",
        help="who holds what it holds (default: AGENTD_OWNER, else the client's program, this "
        "folder and the process)",
    )
    verb.add_argument(
        "--human", action="store_true", help="a person is there to be asked: gates may be decided"
    )
    verb.add_argument(
        "--idle",
        metavar="DURATION",
        type=positive_seconds,
        default=3600.0,
        help="give back what is held after so long without a call (default: 60m)",
    )
