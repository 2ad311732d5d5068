"""A thread for work that may take long, whose ends are told on the event loop's thread.

The rule this file keeps: nobody waits for it. Work that hangs for ever holds up neither the loop
nor the end of the process.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

_Done = TypeVar("_Done")


class OwnThread:
    """Does one thing after the other, from its making until `end`."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def do(self, work: Callable[[], _Done], then: Callable[[_Done], Any]) -> None:
        """Do this work, which raises nothing, and then that on the loop, with what came of it."""

        def task() -> None:
            done = work()
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody wants to know
                self._loop.call_soon_threadsafe(then, done)

        self._tasks.put(task)

    def end(self, seconds: float) -> None:
        """Take no more work; wait so many seconds at most until what was given is done."""
        self._tasks.put(None)
        self._thread.join(seconds)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
