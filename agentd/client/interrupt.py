"""Raises an exception in another thread, between two of its steps.

The rule this file keeps: what was raised arrives before `disarm` returns or not at all. A thread
that waits inside the kernel gets it when that call returns (Python's C API,
PyThreadState_SetAsyncExc), so this is a help, not a guarantee.
"""

import ctypes
import threading

_raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
_raise_in.argtypes = (ctypes.c_ulong, ctypes.py_object)
_raise_in.restype = ctypes.c_int
_NOTHING = ctypes.py_object()
"""NULL: takes back what was raised and has not arrived."""


class ThreadInterrupt:
    """For one thread: the one that arms it."""

    def __init__(self, exception: type[BaseException]) -> None:
        self._exception = exception
        self._lock = threading.Lock()
        self._thread: int | None = None
        self._fired = False

    def arm(self) -> None:
        """From now on `fire` raises in this thread."""
        self._thread = threading.get_ident()

    def fire(self) -> None:
        """Raise it, once, if the thread is armed."""
        with self._lock:
            if self._thread is not None and not self._fired:
                self._fired = True
                _raise_in(self._thread, self._exception)

    def disarm(self) -> None:
        """From now on nothing is raised."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is not None and self._fired:
                _raise_in(thread, _NOTHING)
