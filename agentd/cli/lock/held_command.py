"""A command that may be ended with all that it has started, and else runs as if typed.

The rules this file keeps: the command has a process group of its own, and the terminal as long as
it runs, so that Ctrl-C and Ctrl-Z are meant for it; other signals are passed on.
"""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from types import FrameType

GRACE_SECONDS = 10.0
"""From SIGTERM to SIGKILL, for a command that is to end."""

_PASSED_ON = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
_STOPPED_BY_TERMINAL = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
"""By Ctrl-Z, or for reading in the background."""

_KILLED = 128
"""And the number of the signal: what shells exit with when one killed their command."""


class HeldCommand:
    """One command. `end` may be called from any thread, at any time."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._changes = threading.Lock()
        self._group: int | None = None
        self._early: list[int] = []  # signals that came before it was there
        self._is_to_end = False

    def run(self) -> int:
        """Run it to its end; the exit code. Raises `OSError` where it cannot be started."""
        with self._signals_passed_on():
            with self._changes:
                if self._is_to_end:
                    return _KILLED + signal.SIGTERM
                # Waited for below, where it may also have been stopped.
                process = subprocess.Popen(self._command, process_group=0)  # noqa: S603 - the user's own
                self._group = process.pid
            for number in self._early:
                self._send(number)
            with _Terminal.lent_to(process.pid) as terminal:
                process.returncode = self._wait(process.pid, terminal)
            with self._changes:
                if self._is_to_end:
                    self._send(signal.SIGKILL)  # what it has left behind
                self._group = None
        code = process.returncode
        return code if code >= 0 else _KILLED - code

    def end(self, _why: str) -> None:
        """Have it end, with all that it has started: politely, and firmly after the grace."""
        with self._changes:
            self._is_to_end = True
            self._send(signal.SIGTERM)
            self._send(signal.SIGCONT)
        timer = threading.Timer(GRACE_SECONDS, self._kill)
        timer.daemon = True
        timer.start()

    def _kill(self) -> None:
        with self._changes:
            self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        if self._group is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, number)

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        if self._group is None:
            self._early.append(number)
        self._send(number)

    @contextlib.contextmanager
    def _signals_passed_on(self) -> Iterator[None]:
        ours = [each for each in _PASSED_ON if signal.getsignal(each) is not signal.SIG_IGN]
        before = {each: signal.signal(each, self._pass_on) for each in ours}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def _wait(self, process: int, terminal: "_Terminal | None") -> int:
        """Its exit code, negative the number of a signal; stopped, it stops us too."""
        while True:
            _, status = os.waitpid(process, os.WUNTRACED)
            if not os.WIFSTOPPED(status):
                return os.waitstatus_to_exitcode(status)
            if terminal is not None and os.WSTOPSIG(status) in _STOPPED_BY_TERMINAL:
                terminal.take_back()
                # A signal that nobody ignores: else it would be stopped again at once, and again.
                os.killpg(0, signal.SIGSTOP)
                terminal.lend()  # somebody has us go on, perhaps in the foreground
                self._send(signal.SIGCONT)


class _Terminal:
    """The terminal that we were started from."""

    def __init__(self, file: int, borrower: int) -> None:
        self._file = file
        self._borrower = borrower

    @classmethod
    @contextlib.contextmanager
    def lent_to(cls, borrower: int) -> Iterator["_Terminal | None"]:
        """Lend it to that process group for the length of the block; None where there is none."""
        try:
            file = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            yield None
            return
        terminal = cls(file, borrower)
        try:
            terminal.lend()
            yield terminal
            terminal.take_back()
        finally:
            os.close(file)

    def lend(self) -> None:
        """Where we are in the foreground; it may have been stopped for want of the terminal."""
        with contextlib.suppress(OSError):
            if os.tcgetpgrp(self._file) == os.getpgrp():
                os.tcsetpgrp(self._file, self._borrower)
                os.killpg(self._borrower, signal.SIGCONT)

    def take_back(self) -> None:
        """Where it is still with whom it was lent to."""
        with contextlib.suppress(OSError):
            if os.tcgetpgrp(self._file) == self._borrower:
                # Who is in the background is stopped when it changes the terminal.
                before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
                os.tcsetpgrp(self._file, os.getpgrp())
                signal.signal(signal.SIGTTOU, before)
