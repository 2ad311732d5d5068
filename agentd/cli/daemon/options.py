"""What the verbs of the daemon take."""

import argparse
from typing import TYPE_CHECKING

from agentd.cli.usage import Parser, positive_seconds, whole_number

_LARGEST_DESCRIPTOR = 1_048_576

if TYPE_CHECKING:
    from agentd.loopback import Loopback


def serve(verb: Parser) -> None:
    """`agentd serve`."""
    verb.add_argument(
        "--no-backup",
        dest="backup",
        action="store_false",
        help="migrate the database of an earlier agentd without a copy beside it",
    )
    verb.add_argument(
        "--tcp",
        metavar="ADDRESS",
        type=_loopback,
        help="listen on TCP, too, such as 127.0.0.1:7777 or [::1]:7777, for clients that a sandbox "
        "or a container keeps off the socket; port 0 takes any and says which",
    )
    verb.add_argument(
        "--metrics",
        metavar="ADDRESS",
        type=_loopback,
        help="tell Prometheus the figures of `agentd metrics` at http://ADDRESS/metrics, such as "
        "127.0.0.1:9464; port 0 takes any and says which",
    )
    ready = verb.add_mutually_exclusive_group()
    ready.add_argument(
        "--ready-fd",
        metavar="N",
        type=whole_number(1, _LARGEST_DESCRIPTOR),
        help="write `ready` to descriptor N, and close it, when the first client can be served",
    )
    ready.add_argument(
        "--autostart",
        action="store_true",
        help="as AGENTD_AUTOSTART=1 does it: come back when the first client can be served; the "
        "daemon goes on, and logs to serve.log in its home",
    )


def _loopback(text: str) -> "Loopback":
    from agentd.loopback import parse_loopback

    try:
        return parse_loopback(text, lowest_port=0)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error


def wait_ready(verb: Parser) -> None:
    """`agentd wait-ready`."""
    verb.add_argument(
        "--timeout",
        metavar="DURATION",
        type=positive_seconds,
        default=30.0,
        help="how long to wait (default: 30s)",
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


def metrics(verb: Parser) -> None:
    """`agentd metrics`."""
    verb.add_argument(
        "--prometheus",
        action="store_true",
        help="in Prometheus' text format 1.0; where no daemon answers it is agentd_up 0, and the "
        "exit code is 3, where it has no database 1",
    )


def doctor(verb: Parser) -> None:
    """`agentd doctor`."""
    verb.details = _json_form


def _methods() -> str:
    import textwrap

    from agentd.methods import METHODS

    lines = ["methods:"]
    width = max(len(method.name) for method in METHODS) + 4
    for method in METHODS:
        summary = " ".join(method.summary.split())
        head = f"  {method.name}".ljust(width)
        lines += textwrap.wrap(summary, 78, initial_indent=head, subsequent_indent=" " * width)
    return "\n".join(lines) + "\n"


def _json_form() -> str:
    from agentd.cli.daemon.doctor import JSON_FORM

    return JSON_FORM
