"""Text of others in a drawing.

The rule this file keeps: it is text, it is on one line, and it ends where its room ends. Letters
are of one width there (drawing.css says so), so room is counted in cells, as on a terminal.
"""

from html import escape
from unicodedata import east_asian_width

from agentd.text import printable

_LONGEST_TITLE = 300
"""Characters of what a pointer that rests on something shows."""


def shown(text: str) -> str:
    """The text as markup."""
    return escape(printable(text))


def shown_title(*texts: str) -> str:
    """What is told of something in full, as markup; what is beyond all measure is cut."""
    whole = " · ".join(printable(text[: _LONGEST_TITLE + 1]) for text in texts if text)
    cut = whole if len(whole) <= _LONGEST_TITLE else f"{whole[:_LONGEST_TITLE]}…"
    return f"<title>{escape(cut)}</title>"


def cut_to(cells: int, text: str) -> str:
    """The text where it has room; else its beginning and its end, which tell names apart."""
    begin = printable(text[: cells + 1])
    if len(text) <= cells and cell_count(begin) <= cells:
        return begin
    end = _fill(cells // 3, printable(text[-cells:])[::-1])[::-1]
    return f"{_fill(cells - 1 - cell_count(end), begin)}…{end}"


def cell_count(text: str) -> int:
    """Cells that printable text takes; an accent has one, so that a thousand of them end."""
    return len(text) + sum(east_asian_width(c) in "WF" for c in text if not c.isascii())


def _fill(cells: int, text: str) -> str:
    """As much of the text's beginning as has room."""
    taken = 0
    for place, character in enumerate(text):
        taken += cell_count(character)
        if taken > cells:
            return text[:place]
    return text
