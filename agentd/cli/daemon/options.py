"""What the verbs of the daemon take."""

from agentd.cli.usage import Parser, positive_seconds


def serve(verb: Parser) -> None:
    """`agentd serve`."""
    verb.add_argument(
        "--no-backup",
        dest="backup",
        action="store_false",
        help="migrate the database of an earlier agentd without a copy beside it",
    )


def call(verb: Parser) -> None:
    """`agentd call`."""
    verb.details = _methods
    verb.add_argument("method", metavar="METHOD", help="one of those below, or an alias of it")
    verb.add_argument(
        "params",
        metavar="JSON",
        nargs="?",
        help="the params, or - for standard input (default: {})",
    )
    verb.add_argument(
        "--timeout",
        metavar="DURATION",
        type=positive_seconds,
        default=30.0,
        help="how long to wait (default: 30s)",
    )


def doctor(verb: Parser) -> None:
    """`agentd doctor`."""
    verb.details = _json_form


def _methods() -> str:
    import textwrap

    from agentd.methods import METHODS

    lines = ["methods:"]
    for method in METHODS:
        lines += textwrap.wrap(
            method.summary, 78, initial_indent=f"  {method.name:19}", subsequent_indent=" " * 21
        )
    return "\n".join(lines) + "\n"


def _json_form() -> str:
    from agentd.cli.daemon.doctor import JSON_FORM

    return JSON_FORM
