"""What `agentd ui` takes."""

from agentd.cli.usage import Parser, whole_number

_HIGHEST_PORT = 65_535


def ui(verb: Parser) -> None:
    """`agentd ui`."""
    verb.add_argument(
        "--port",
        metavar="N",
        type=whole_number(0, _HIGHEST_PORT),
        default=0,
        help="the port of 127.0.0.1 to listen on (default: 0, any that is free)",
    )
    verb.add_argument(
        "--allow-actions",
        action="store_true",
        help="let the pages approve, reject, retry, cancel, pause and resume; without it they "
        "change nothing",
    )
    verb.add_argument(
        "--no-open",
        dest="opens",
        action="store_false",
        help="only print the link, and open no browser",
    )
