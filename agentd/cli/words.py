"""Numbers and names as a person reads them."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentd.backup.verify import Contents

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
_KIB = 1024


def size(number: float) -> str:
    """So many bytes."""
    for unit in _UNITS[:-1]:
        if number < _KIB:
            return f"{number:,.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= _KIB
    return f"{number:,.1f} {_UNITS[-1]}"


def shown(text: Path | str) -> str:
    """A path, or what has one in it, that fits on a line, whatever bytes it is made of."""
    words = str(text)
    if words.isprintable():  # nearly always, and a goal may have a million characters
        return words
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)


def contents(found: "Contents") -> str:
    """What a database holds."""
    tasks = "1 task" if found.tasks == 1 else f"{found.tasks:,} tasks"
    return f"{tasks}, events up to seq {found.last_seq:,}"
