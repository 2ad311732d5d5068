"""What the verbs of limits take."""

import argparse

from agentd.cli.usage import Parser, duration, moment, whole_number

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
        help="so many at once; left out, any number",
    )
    verb.add_argument(
        "--rate",
        metavar="COUNT/SECONDS",
        type=_rate,
        help="so many begin in any so many seconds, such as 60/60; left out, any number",
    )
    verb.add_argument("--none", action="store_true", help="neither: it does not limit any more")


def close(verb: Parser) -> None:
    """`agentd limit close`."""
    _add_name(verb)
    end = verb.add_mutually_exclusive_group(required=True)
    end.add_argument("--for", dest="seconds", metavar="SECONDS", type=duration, help="so long")
    end.add_argument(
        "--until", metavar="TIME", type=moment, help="until then: 2026-01-31T12:00:00Z"
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
    """COUNT/SECONDS."""
    count, _, seconds = text.partition("/")
    try:
        given = whole_number(1, _MOST_STARTS)(count), float(seconds)
    except (ValueError, argparse.ArgumentTypeError):
        given = 0, 0.0
    if not 1 <= given[1] <= _LONGEST_RATE_SECS:
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected COUNT/SECONDS, such as 60/60: up to {_MOST_STARTS:,} in 1 to "
            f"{_LONGEST_RATE_SECS:,} seconds"
        )
    return given
