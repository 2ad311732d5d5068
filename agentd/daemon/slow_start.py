"""Saying what a start is doing that takes its time.

The rule this file keeps: it is said by the clock, whatever the work is waiting for.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from agentd.daemon.log import logger
from agentd.progress import Progress

FIRST_SECONDS, NEXT_SECONDS = 1.0, 10.0
"""How long a start may say nothing."""


@contextmanager
def said_when_slow(
    why: str, first: float = FIRST_SECONDS, pause: float = NEXT_SECONDS
) -> Iterator[Progress]:
    """Gives what is to be told how far it has come; the log is told after those seconds."""
    latest = ("it begins", 0, 0)
    is_over = threading.Event()

    def progress(what: str, done: int, total: int) -> None:
        nonlocal latest
        latest = what, done, total

    def say() -> None:
        seconds = first
        while not is_over.wait(seconds):
            what, done, total = latest
            logger.info("%s: %s", why, f"{what}, {done / total:.0%}" if total else what)
            seconds = pause

    thread = threading.Thread(target=say, name="slow start", daemon=True)
    thread.start()
    try:
        yield progress
    finally:
        is_over.set()
        thread.join()
