"""A progress bar where somebody is watching: on standard error, when that is a terminal.

The rule this file keeps: a terminal that cannot clear a line is shown none.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from agentd.progress import Progress

_WIDTH = 30
_CLEAR = "\r\x1b[K"


@contextmanager
def show_progress() -> Iterator[Progress]:
    """Shows what it is told on one line, which is gone at the end of the block."""
    if sys.stderr is None or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda _what, _done, _total: None
        return
    try:
        yield _draw
    finally:
        print(_CLEAR, end="", file=sys.stderr, flush=True)


def _draw(what: str, done: int, total: int) -> None:
    if not what:
        line = ""
    elif total:
        filled = _WIDTH * min(done, total) // total
        bar = "#" * filled + "." * (_WIDTH - filled)
        line = f"{what} [{bar}] {done:,} of {total:,}"
    else:
        line = f"{what} ..."
    print(_CLEAR + line, end="", file=sys.stderr, flush=True)
