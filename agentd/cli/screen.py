"""A terminal, where there is one: its width, its colours, and what may be shown on it.

The rule this file keeps: tables and colours are for terminals; a program that reads our output gets
plain lines, with tabs between fields, ids in full and JSON as it was written. What users wrote is
text: it is neither markup nor control characters.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Raw

from agentd.states import STATES, State
from agentd.text import printable, printable_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.segment import Segment
    from rich.text import Text

    from agentd.drawing import Line

_WIDEST = 32
"""Columns of a cell that is not the last resort of a long text."""

_GAP = 2

_ONE_LINE = bytes.maketrans(b"\t\n\r", b"   ")

_NO_WIDTH = 80
"""Columns of a terminal that says it has none."""


def is_terminal() -> bool:
    """Is a person looking at our output?"""
    return sys.stdout.isatty()


def console() -> "Console":
    """The terminal. It leaves out colours where NO_COLOR or TERM=dumb asks for that."""
    from rich.console import Console

    width = _NO_WIDTH if os.environ.get("COLUMNS") == "0" else None  # rich would show nothing
    return Console(highlight=False, markup=False, emoji=False, width=width)


def plain_text(words: object, style: str = "") -> "Text":
    """What somebody wrote, as it can be shown on one line; JSON (`Raw`) stays JSON."""
    from rich.text import Text

    return Text(
        printable_json(bytes(words)) if isinstance(words, Raw) else printable(words), style=style
    )


def state_text(of: State) -> "Text":
    """The sign and the word of a state, in its colour."""
    return plain_text(f"{_sign(of)} {of.word}", of.colour)


def _sign(of: State) -> str:
    try:
        of.sign.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return of.word[0]
    return of.sign


def state_counts(found: Iterable[State]) -> "Text":
    """How many there are of each state."""
    from rich.text import Text

    listed = list(found)
    parts = [plain_text(f"{listed.count(s):,} {s.word}", s.colour) for s in STATES if s in listed]
    return Text(", ").join(parts)


def print_line(screen: "Console", *parts: "Text | str") -> None:
    """One line, cut where the terminal ends."""
    from rich.text import Text

    whole = Text().join(part if isinstance(part, Text) else plain_text(part) for part in parts)
    screen.print(whole, no_wrap=True, overflow="ellipsis")


def print_whole(screen: "Console", words: object) -> None:
    """One line, however many it takes on the terminal: nothing is cut, all can be copied."""
    screen.print(plain_text(words), soft_wrap=True)


def print_table(
    screen: "Console", names: Sequence[str], rows: Sequence[Sequence["Text"]], flexible: int
) -> None:
    """A table in which the flexible column gives way where the terminal is narrow."""
    from rich.segment import Segments

    widths = [len(name) for name in names]
    for row in rows:
        widths = [max(width, cell.cell_len) for width, cell in zip(widths, row, strict=True)]
    widths = [width if at == flexible else min(width, _WIDEST) for at, width in enumerate(widths)]
    taken = sum(widths) - widths[flexible] + _GAP * (len(names) - 1)
    widths[flexible] = max(min(widths[flexible], screen.width - taken), len(names[flexible]), 1)
    heads = [plain_text(name, "bold") for name in names]
    lines = (_table_line(screen, row, widths) for row in (heads, *rows))
    screen.print(Segments(segment for line in lines for segment in line), end="")


def _table_line(
    screen: "Console", cells: Sequence["Text"], widths: Sequence[int]
) -> Iterator["Segment"]:
    """A line of a table; rich's own tables take several times as long."""
    from rich.segment import Segment

    for number, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        if number:
            yield Segment(" " * _GAP)
        cell.truncate(width, overflow="ellipsis", pad=True)
        yield Segment(cell.plain, screen.get_style(cell.style))
    yield Segment.line()


def drawing_text(line: "Line") -> "Text":
    """A line of a graph's drawing: the node's sign and state in their colour."""
    drawn = plain_text(line.plain)
    drawn.stylize("dim", 0, len(line.beside))
    if line.state is not None:
        drawn.highlight_words([line.state.sign], f"not dim {line.state.colour}")
        end = len(line.beside) + len(line.state.word)
        drawn.stylize(line.state.colour, len(line.beside), end)
    return drawn


def print_fields(*fields: object) -> None:
    """One line for a program: the fields with tabs between them, JSON (`Raw`) as it was written."""
    print_lines([fields])


def print_lines(lines: Iterable[Iterable[object]]) -> None:
    """Many such lines, in one write."""
    sys.stdout.buffer.write(b"".join(b"\t".join(map(_field, line)) + b"\n" for line in lines))


def _field(field: object) -> bytes:
    if isinstance(field, Raw):  # a tab or an end of a line in it is one space of several
        return bytes(field).translate(_ONE_LINE)
    if type(field) is int:
        return b"%d" % field
    words = "" if field is None else printable(field)
    return words.encode(sys.stdout.encoding, "backslashreplace")
