"""Long text in lines that fit.

The rule this file keeps: it is cut between words where that is possible, and wherever it has to be
where it is not: nobody promised that there are spaces.
"""

from rich.cells import cell_len, chop_cells

from agentd.text import printable

_LONGEST = 20_000
"""Characters of a text."""


def wrap(text: str, cells: int) -> list[str]:
    """The lines of a text of others, at least one."""
    width = max(cells, 2)
    lines: list[str] = []
    line: str | None = None
    for word in printable(text[:_LONGEST]).split(" "):
        longer = word if line is None else f"{line} {word}"
        if cell_len(longer) <= width:
            line = longer
            continue
        if line is not None and line.strip():
            lines.append(line)
        *whole, line = chop_cells(word, width) or [""]
        lines += whole
    return [*lines, line or ""]
