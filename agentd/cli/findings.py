"""Findings as they are told: a line each, and what to do where it is not ok.

The rule this file keeps: one way for all verbs that look after something, for people and programs,
and an exit code that says whether something failed.
"""

import os
import shutil
import sys
import textwrap
from collections.abc import Iterator

from msgspec.structs import astuple

from agentd.cli.printing import print_data
from agentd.doctor.finding import FAILED, OK, WARNING, Finding
from agentd.text import printable

_COLOURS = {OK: "\x1b[32m", WARNING: "\x1b[33m", FAILED: "\x1b[31m"}
_PLAIN = "\x1b[0m"
_STATUS = 9
_WHAT = 13
_WIDEST = 100
"""Columns, on a terminal that has more."""


def print_findings(findings: Iterator[Finding], *, as_json: bool) -> int:
    """Print what is found, as it is found; 1 when something failed."""
    found: list[Finding] = []
    for finding in findings:
        shown = Finding(*map(printable, astuple(finding)))
        found.append(shown)
        if not as_json:
            print(_format_finding(shown), flush=True)
    if as_json:
        print_data({"status": _worst_status(found), "findings": found})
    else:
        print(_summary(found))
    return 1 if _worst_status(found) == FAILED else 0


def _format_finding(finding: Finding) -> str:
    """One line in a pipe; on a terminal as many as it takes, in columns."""
    status, what = f"{finding.status:{_STATUS}}", f"{finding.what:{_WHAT}}"
    advice = f"-> {finding.advice}" if finding.advice else ""
    if not sys.stdout.isatty():
        return f"{status}{what}{finding.finding} {advice}".rstrip()
    width = min(shutil.get_terminal_size().columns, _WIDEST) - len(status + what)
    lines = [*textwrap.wrap(finding.finding, width), *textwrap.wrap(advice, width)]
    colour = _COLOURS[finding.status] if _is_colourful() else ""
    first = f"{colour}{status}{_PLAIN if colour else ''}{what}"
    return first + f"\n{' ' * len(status + what)}".join(lines)


def _is_colourful() -> bool:
    """See https://no-color.org."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _worst_status(found: list[Finding]) -> str:
    statuses = {finding.status for finding in found}
    return next(status for status in (FAILED, WARNING, OK) if status in statuses)


def _summary(found: list[Finding]) -> str:
    counts = [(status, sum(f.status == status for f in found)) for status in (FAILED, WARNING, OK)]
    return ", ".join(f"{number} {status}" for status, number in counts if number)
