"""The worker that runs a command: what it makes of signals.

The rule this file keeps: whoever stops it has its nodes back at once. The Python `Worker` lets its
handlers finish at SIGTERM; a command may take hours, and the one who wants it to finish pauses the
task. So every signal that ends a program ends the commands, politely; a second one ends them
firmly. Their nodes are given back, and where no daemon takes them the worker ends without.
"""

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from agentd.worker.worker import Worker

logger = logging.getLogger("agentd.worker")

_HEEDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

GIVE_BACK_SECONDS = 5.0
"""Seconds that a daemon has to take the nodes back when the commands have ended."""


class CommandWorker(Worker):
    """A worker whose commands end when it is told to stop."""

    def __init__(
        self, *arguments: Any, end_commands: Callable[[], int], grace: float, **options: Any
    ) -> None:
        """As `Worker`; `end_commands` has the commands end, in `grace` seconds at most.

        It returns how many there are.
        """
        super().__init__(*arguments, **options)
        self._end_commands = end_commands
        self._grace = grace
        self.stopped_by: signal.Signals | None = None

    @contextmanager
    def _heed_signals(self) -> Iterator[None]:
        loop, main = asyncio.get_running_loop(), asyncio.current_task()
        assert main is not None  # noqa: S101 - this is its coroutine
        before = {number: signal.getsignal(number) for number in _HEEDED}
        heeded = [number for number in _HEEDED if before[number] is not signal.SIG_IGN]
        for number in heeded:
            loop.add_signal_handler(number, self._on_signal, number, main)
        try:
            yield
        finally:
            for number in heeded:
                loop.remove_signal_handler(number)
                signal.signal(number, before[number])

    def _on_signal(self, number: signal.Signals, main: "asyncio.Task[None]") -> None:
        loop = asyncio.get_running_loop()
        if self.stopped_by is not None:
            main.cancel()
            return
        self.stopped_by = number
        self._signalled_at = loop.time()
        self.stop()
        number_of_commands = self._end_commands()
        if number_of_commands and self._grace:
            logger.info(_stopping_words(number_of_commands, self._grace, number))
        loop.call_later(self._grace + GIVE_BACK_SECONDS, main.cancel)


def _stopping_words(commands: int, grace: float, by: signal.Signals) -> str:
    """What people are told who may think that nothing happens."""
    which, them = ("1 command", "it") if commands == 1 else (f"{commands} commands", "them")
    again = "another Ctrl-C" if by is signal.SIGINT else "another signal"
    return f"stopping {which}, up to {grace:g} s; {again} ends {them} at once"
