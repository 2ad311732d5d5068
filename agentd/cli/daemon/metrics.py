"""`agentd metrics`: the figures for a person, a program, or Prometheus.

The rule this file keeps: Prometheus' format is for a file as well, so it has something to say where
nobody answers, or has no figures; the exit code and standard error say so, too.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence

from agentd.cli.extras import require_extra
from agentd.cli.failures import Usage
from agentd.cli.printing import print_data
from agentd.cli.screen import console, is_terminal, plain_text, print_lines, print_table
from agentd.client import Client
from agentd.errors import DaemonUnreachable, RequestRefused
from agentd.figures.figure import Figure, Sample
from agentd.figures.reading import read
from agentd.figures.table import figures, figures_of_none
from agentd.quantities import format_amount
from agentd.times import format_moment

_NAMES = ("FIGURE", "NUMBER", "WHAT IT IS")
_UNIX_TIME = "agentd_start_time_seconds"


def run(options: argparse.Namespace) -> int:
    """Print the figures. Raises `DaemonUnreachable`, `Usage`, `Failure` without the extra."""
    if options.prometheus:
        return _print_for_prometheus(as_json=options.json)
    with Client() as client:
        found = figures(read(client))
    if options.json:
        print_data({"figures": found})
    elif is_terminal():
        rows = [[plain_text(cell) for cell in cells] for cells in _rows(found)]
        print_table(console(), _NAMES, rows, flexible=2)
    else:
        print_lines(
            (sample.name, _label(sample.labels), repr(sample.value))
            for figure in found
            for sample in figure.samples
        )
    return 0


def _print_for_prometheus(*, as_json: bool) -> int:
    if as_json:
        raise Usage("--json and --prometheus are two formats: choose one of them")
    require_extra("agentd metrics --prometheus", "metrics", ("prometheus_client",))
    try:
        with Client() as client:
            found = figures(read(client))
    except (DaemonUnreachable, RequestRefused):
        _expose(figures_of_none())
        raise
    _expose(found)
    return 0


def _expose(found: Sequence[Figure]) -> None:
    from agentd.figures.exposition import expose

    text, _content_type = expose(found)
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()


def _rows(found: Sequence[Figure]) -> Iterator[tuple[str, str, str]]:
    for figure in found:
        for sample in figure.samples:
            name = f"{sample.name} {_label(sample.labels)}".rstrip()
            yield name, _number(sample), figure.help


def _number(sample: Sample) -> str:
    if sample.name == _UNIX_TIME:
        return format_moment(sample.value)
    return format_amount(sample.value)


def _label(labels: dict[str, str]) -> str:
    """The value of the one label that there is."""
    return next(iter(labels.values()), "")
