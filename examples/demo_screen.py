"""How the demo looks: plain lines of at most 80 columns, colour on a terminal only.

The rule this file keeps: it prints what it is given and knows nothing of daemons.
"""

import os
import sys
import time
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

WIDTH = 80


class Style(StrEnum):
    """The few looks that mean something (SGR codes, ECMA-48)."""

    PLAIN = ""
    GOOD = "32"
    BAD = "31;1"
    NEWS = "33"
    HEAD = "1"


class Check(NamedTuple):
    """One thing that must hold for the demo to have succeeded."""

    what: str
    held: bool
    detail: str


class Screen:
    """Prints the account as it happens; times count from its creation."""

    def __init__(self) -> None:
        # https://no-color.org: set and not empty means no colour.
        self._colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._started = time.time()

    def line(self, text: str = "", style: Style = Style.PLAIN) -> None:
        """One line; too long a text is cut, since a wrapped table cannot be read."""
        self._print(text if len(text) <= WIDTH else text[: WIDTH - 3] + "...", style)

    def _print(self, text: str, style: Style) -> None:
        if self._colour and style:
            text = f"\033[{style}m{text}\033[0m"
        print(text, flush=True)

    def block(self, text: str, style: Style = Style.PLAIN) -> None:
        """Text of somebody else's, whole: what went wrong is worth a long line."""
        for line in text.splitlines():
            self._print(f"    {line}", style)

    def heading(self, text: str) -> None:
        """The name of the next part of the account."""
        self.line()
        self.line(text, Style.HEAD)

    def event(
        self, who: str, what: str, title: str, at: float | None = None, style: Style = Style.PLAIN
    ) -> None:
        """One row of the timeline. `at` is in Unix seconds, now when it is left out."""
        offset = (at or time.time()) - self._started
        self.line(f"{offset:7.2f}s  {who:<9} {what:<11} {title}".rstrip(), style)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Columns as wide as their widest cell; numbers stand to the right."""
        cells = [tuple(head), *map(tuple, rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for row in cells:
            padded = (
                cell.rjust(width) if cell[:1].isdigit() else cell.ljust(width)
                for cell, width in zip(row, widths, strict=True)
            )
            self.line("  " + "  ".join(padded).rstrip())

    def check(self, check: Check) -> None:
        """One line of the verdict."""
        mark, style = ("ok", Style.GOOD) if check.held else ("FAILED", Style.BAD)
        detail, _, more = check.detail.partition("\n")
        self.line(f"  {mark:<6}  {check.what}: {detail}", style)
        self.block(more)
