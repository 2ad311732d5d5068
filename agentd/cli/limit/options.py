"""What the verbs of limits take."""

import argparse

from agentd.cli.time_arguments import moment_ahead, seconds
from agentd.cli.usage import Parser, duration, whole_number

_MOST_RUNNING = 10**15
_MOST_STARTS = 10_000
_LONGEST_RATE_SECS = 86_400


def set_limit(verb: Parser) -> None:
    """`agentd limit set`."""
    _add_name(verb)
    verb.add_argument(
        "--max-running",
        metavar="N",
        type=whole_number(0, _MOST_RUNNING),
        help="so many at once; left out, as before",
    )
    verb.add_argument(
        "--rate",
        metavar="COUNT/DURATION",
        type=_rate,
        help="so many begin in any so many seconds, such as 60/1m; left out, as before",
    )
    verb.add_argument("--none", action="store_true", help="neither: it does not limit any more")


def close(verb: Parser) -> None:
    """`agentd limit close`."""
    _add_name(verb)
    end = verb.add_mutually_exclusive_group(required=True)
    end.add_argument(
        "--for", dest="seconds", metavar="DURATION", type=duration, help="so long: 10m"
    )
    end.add_argument(
        "--until", metavar="TIME", type=moment_ahead, help="until then: 2026-01-31T12:00:00Z"
    )
    verb.add_argument("--reason", metavar="TEXT", help="why; whoever asks what waits is told")
    verb.add_argument("--by", metavar="NAME", help="who says so")


def open_limit(verb: Parser) -> None:
    """`agentd limit open`."""
    _add_name(verb)
    verb.add_argument("--reason", metavar="TEXT", help="why, for the journal")
    verb.add_argument("--by", metavar="NAME", help="who says so")


def _add_name(verb: Parser) -> None:
    verb.add_argument("name", metavar="NAME", help="the limit, as nodes name it")


def _rate(text: str) -> tuple[int, float]:
    """COUNT/DURATION."""
    count, _, duration_ = text.partition("/")
    try:
        return whole_number(1, _MOST_STARTS)(count), seconds(1, _LONGEST_RATE_SECS)(duration_)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected COUNT/DURATION, such as 60/1m: up to {_MOST_STARTS:,} in 1s to 1d"
        ) from error
