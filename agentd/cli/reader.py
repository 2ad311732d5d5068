"""Whether anybody still reads what a verb prints that goes on.

The rule this file keeps: who waits for what happens ends as soon as nobody would read of it, and
not when it happens.
"""

import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class _ReaderGone(BaseException):
    """Nobody reads us: raised wherever we wait, where a `BrokenPipeError` may mean the daemon."""


def check_reader(seconds: float = 0) -> None:
    """Wait so long; raise `BrokenPipeError` when nobody would read what is to come."""
    if _goes_within(seconds):
        raise BrokenPipeError


@contextmanager
def while_read() -> Iterator[None]:
    """What is done for a reader; raises `BrokenPipeError` in the midst of it when he is gone.

    Whoever goes away from a terminal is told of by SIGHUP.
    """
    if sys.stdout.isatty():
        yield
        return
    earlier = signal.signal(signal.SIGPIPE, _raise_gone)
    try:
        try:
            threading.Thread(target=_tell_when_gone, daemon=True).start()
            yield
        finally:
            signal.signal(signal.SIGPIPE, earlier)
    except _ReaderGone:
        raise BrokenPipeError from None


def _tell_when_gone() -> None:
    if _goes_within(None):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGPIPE)


def _goes_within(seconds: float | None) -> bool:
    watched = select.poll()
    watched.register(sys.stdout, 0)  # what is told in any case: its reader is gone
    return bool(watched.poll(None if seconds is None else seconds * 1000))


def _raise_gone(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # once: a write that fails sends it, too
    raise _ReaderGone
