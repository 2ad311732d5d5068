"""What a node used, as its verbs take it: `--usage UNIT=AMOUNT`."""

import argparse

from agentd.cli.failures import Usage


def read_usage(options: argparse.Namespace) -> dict[str, int | float]:
    """The amounts by unit. Raises `Usage` where one unit is given twice: which is meant?"""
    amounts = dict(options.usage)
    if len(amounts) < len(options.usage):
        raise Usage("--usage: give each unit once")
    return amounts
