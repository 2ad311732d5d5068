"""Text in a number of cells of a terminal.

The rule this file keeps: a text is shortened before anything else is done with it, for somebody may
have written a million characters; and it is measured in cells, for some characters take two, or
none.
"""

from rich.cells import cell_len, set_cell_size

from agentd.text import printable

_MOST_A_CELL = 4
"""Characters that are looked at for a cell: some take none, and a text may consist of them."""


def shorten(words: object, cells: int) -> str:
    """The words as they can be shown, `…` at their end where they do not fit."""
    most = max(cells, 0) * _MOST_A_CELL + 1
    text = str(words)
    shown = printable(text[:most])
    if len(text) <= most and cell_len(shown) <= cells:
        return shown
    return set_cell_size(shown, cells - 1).rstrip() + "…" if cells > 0 else ""


def fit(words: object, cells: int) -> str:
    """The same in exactly so many cells."""
    return set_cell_size(shorten(words, cells), max(cells, 0))


def fit_right(words: object, cells: int) -> str:
    """The same with its end at the right: how numbers are read."""
    text = shorten(words, cells)
    return " " * (cells - cell_len(text)) + text
