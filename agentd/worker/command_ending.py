"""How a command ended, as far as its exit code and its last words tell.

The rule this file keeps: an exit code is read as shells write it, so that a command and a shell
around it say the same.
"""

import contextlib
import signal
from typing import Any

from agentd.worker.later import LATER_PREFIX

_SIGNAL_EXIT_BASE = 128
"""A command that a signal ended has this plus its number as exit code, as shells say."""

NOT_RUN = frozenset({126, 127})
"""Exit codes of shells, env, timeout and the like: a program could not be run, or was not found
(POSIX, Shell Command Language, 2.8.2)."""

_LONGEST_QUOTED = 200
"""Characters of a command's last words that are repeated."""

_FOR_THE_WORKER = LATER_PREFIX.decode()

_HARMLESS = ("CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "WINCH", "RTMIN", "RTMAX")
_DEADLY = frozenset(signal.Signals) - {
    getattr(signal, f"SIG{name}") for name in _HARMLESS if hasattr(signal, f"SIG{name}")
}
"""Signals with a name that end a process that does not ask for them."""


class CommandEnding:
    """Code (negative: the number of the signal that ended it) and the end of standard error."""

    def __init__(self, code: int, stderr: str) -> None:
        self._code = code
        self.stderr = stderr
        self.exit_code = code if code >= 0 else _SIGNAL_EXIT_BASE - code
        """As a shell would show it."""

    @property
    def signal(self) -> str | None:
        """The signal that ended the command, or one in it of which its shell tells; or None."""
        number = -self._code if self._code < 0 else self._code - _SIGNAL_EXIT_BASE
        with contextlib.suppress(ValueError):  # no signal, or a real-time one: they have no name
            if (found := signal.Signals(number)) in _DEADLY:
                return found.name
        return f"signal {number}" if self._code < 0 else None

    @property
    def lacked_program(self) -> bool:
        """Whether a program could not be found or run, as a shell tells it."""
        return self._code in NOT_RUN

    def exited_with(self, code: int) -> bool:
        """Whether the command itself chose this exit code."""
        return self._code == code

    def failure(self) -> dict[str, Any]:
        """What a node fails with that fails of it."""
        return {"exit_code": self.exit_code, "stderr": self.stderr}

    def __str__(self) -> str:
        """The exit code, and the last line of what the command said."""
        return f"exit code {self.exit_code}{last_words(self.stderr)}"


def last_words(stderr: str) -> str:
    """The last line that says something to people, behind a colon, or nothing."""
    said = (line.strip() for line in stderr.splitlines())
    lines = [line for line in said if line and not line.startswith(_FOR_THE_WORKER)]
    return f": {lines[-1][:_LONGEST_QUOTED]}" if lines else ""
