"""What `agentd prime` takes."""

from agentd.cli.usage import Parser


def prime(verb: Parser) -> None:
    """`agentd prime`."""
    verb.add_argument(
        "--hook",
        action="store_true",
        help="as the hook for a session's start: what the agent tells of itself is read from "
        "standard input, and the answer is JSON for it; where none runs, the daemon is started "
        "unless AGENTD_AUTOSTART=0",
    )
