"""`agentd limit set NAME`: how many nodes that name it may run, and how often one may begin."""

import argparse

from agentd.api import RateSpec
from agentd.cli.failures import Usage
from agentd.cli.printing import print_data
from agentd.cli.screen import is_terminal
from agentd.client import Client
from agentd.text import printable


def run(options: argparse.Namespace) -> int:
    """Set a limit. Raises `Usage`, `InvalidParams`, `DaemonUnreachable`."""
    most, rate = options.max_running, None if options.rate is None else RateSpec(*options.rate)
    if (most is None and rate is None) is not options.none:
        raise Usage("give --max-running, --rate, or both; or --none for neither")
    with Client() as client:
        done = client.set_limit(options.name, most, rate=rate)
    if options.json:
        print_data(done)
    elif is_terminal():
        said = "any number may run" if most is None else f"at most {most:,} run at once"
        often = "" if rate is None else f", {rate.count:,} begin in any {rate.per_secs:g} s"
        print(printable(f"limit {options.name}: {said}{often}"))
    return 0
