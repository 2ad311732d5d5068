"""`agentd limit set NAME`: how many nodes that name it may run, and how often one may begin.

The rule this file keeps: what is not given stays as it is. SetLimit replaces both, so the other one
is asked for first.
"""

import argparse

from agentd.api import RateSpec
from agentd.cli.failures import Usage
from agentd.cli.limit.known import find_limit
from agentd.cli.printing import print_data
from agentd.cli.screen import is_terminal
from agentd.client import Client
from agentd.text import printable
from agentd.times import format_seconds

_Both = tuple[int | None, RateSpec | None]


def run(options: argparse.Namespace) -> int:
    """Set a limit. Raises `Usage`, `InvalidParams`, `DaemonUnreachable`."""
    most, rate = options.max_running, None if options.rate is None else RateSpec(*options.rate)
    if (most is None and rate is None) is not options.none:
        raise Usage("give --max-running, --rate, or both; or --none for neither")
    with Client() as client:
        if (most is None) is not (rate is None):
            most, rate = _with_kept(client, options.name, most, rate)
        done = client.set_limit(options.name, most, rate=rate)
    if options.json:
        print_data(done)
    elif is_terminal():
        said = "any number may run" if most is None else f"at most {most:,} run at once"
        often = (
            "" if rate is None else f", {rate.count:,} begin in any {format_seconds(rate.per_secs)}"
        )
        print(printable(f"limit {options.name}: {said}{often}"))
    return 0


def _with_kept(client: Client, name: str, most: int | None, rate: RateSpec | None) -> _Both:
    """What is given, and the other one as the limit has it."""
    found = find_limit(client, name)
    if found is None:
        return most, rate
    return (found.max_running, rate) if most is None else (most, found.rate)
