"""How far long work has come, told to whoever watches.

The rule this file keeps: who works says what is done and of how much; how that is drawn is another
matter.
"""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is done, and of how much; 0 where nobody knows.

Where nothing is being done ("") the line is cleared, for others to print.
"""

Advance = Callable[[int], None]
"""Is told how much of one piece of work is done, now and then."""


def begin(progress: Progress, what: str, total: int) -> Advance:
    """Say that a piece of work begins; returns what is to be told how much of it is done."""
    progress(what, 0, total)
    return lambda done: progress(what, done, total)
