"""`agentd limit list`: the limits, how full each is, and how many nodes wait for it."""

import argparse
import time

from agentd.api import LimitView, ListLimitsResult
from agentd.cli.limit.known import all_limits
from agentd.cli.printing import print_data
from agentd.cli.screen import console, is_terminal, plain_text, print_fields, print_table
from agentd.client import Client
from agentd.quantities import format_amount
from agentd.times import format_duration, format_seconds


def run(options: argparse.Namespace) -> int:
    """Print the limits. Raises `DaemonUnreachable`."""
    with Client() as client:
        limits = all_limits(client)
    if options.json:
        print_data(ListLimitsResult(limits, None))
    elif not is_terminal():
        for each in limits:
            _print_fields(each)
    elif not limits:
        print("no limit was set; `agentd limit set NAME --max-running N` sets one")
    else:
        rows = [[plain_text(cell) for cell in _cells(each)] for each in limits]
        names = ("LIMIT", "RUNNING", "RATE", "WAITING", "")
        print_table(console(), names, rows, flexible=4)
    return 0


def _print_fields(limit: LimitView) -> None:
    rate = "" if limit.rate is None else f"{limit.rate.count}/{limit.rate.per_secs:.12g}"
    until = None if limit.closed_until is None else f"{limit.closed_until:.3f}"
    print_fields(
        limit.name, limit.max_running, rate, limit.running, limit.waiting, until, limit.reason
    )


def _cells(limit: LimitView) -> tuple[object, ...]:
    most = "" if limit.max_running is None else f"/{limit.max_running:,}"
    rate = (
        "-" if limit.rate is None else f"{limit.rate.count:,}/{format_seconds(limit.rate.per_secs)}"
    )
    said = [] if limit.closed_until is None else [_closed_words(limit.closed_until, limit.reason)]
    said += [f"{unit} {format_amount(amount)} used" for unit, amount in sorted(limit.usage.items())]
    return limit.name, f"{limit.running:,}{most}", rate, f"{limit.waiting:,}", "; ".join(said)


def _closed_words(until: float, reason: str | None) -> str:
    left = format_duration(int(until - time.time()))
    return f"closed, {left} left" + (f": {reason}" if reason else "")
