"""Telling a service manager that the daemon works, so that one that hangs is started anew.

The rule this file keeps: it is told only when a command has come through the writer, as every
client's does, so neither a loop nor a writer that hangs looks alive.
"""

import faulthandler
import os

from agentd.api import NoParams
from agentd.daemon.service_manager import ServiceManager
from agentd.daemon.timer import PeriodicTimer
from agentd.daemon.writer import SubmittedCommand, Writer
from agentd.methods import EXPIRE_LOCKS
from agentd.transact import Call, Outcome

_WORDS_IN_TIME = 3
"""How often it is told within the time after which silence is taken for a hang."""

_STANDARD_ERROR = 2


class Watchdog:
    """From `start` until `stop`."""

    def __init__(self, manager: ServiceManager, writer: Writer) -> None:
        self._manager = manager
        self._writer = writer
        self._is_under_way = False
        self._timer: PeriodicTimer | None = None

    def start(self) -> None:
        """Say it now and then, where somebody wants to hear it."""
        if self._manager.watchdog_seconds is None:
            return
        # It ends a daemon that hangs with SIGABRT: the log then says where that was.
        faulthandler.enable(os.dup(_STANDARD_ERROR))
        self._timer = PeriodicTimer(self._manager.watchdog_seconds / _WORDS_IN_TIME, self.look)
        self._timer.start()

    def look(self) -> None:
        """Send a command through the writer, if the last one has come back."""
        if not self._is_under_way:
            self._is_under_way = True
            # What it does is done soon in any case, and mostly it is nothing.
            self._writer.submit(SubmittedCommand(Call(EXPIRE_LOCKS, NoParams()), self))

    def answer(self, _command: SubmittedCommand, _outcome: Outcome) -> None:
        """It came through, refused or not: a full disk is no reason to start anew."""
        self._is_under_way = False
        self._manager.tell("WATCHDOG=1")

    def stop(self) -> None:
        """Say no more."""
        if self._timer is not None:
            self._timer.stop()
