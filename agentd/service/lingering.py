"""Services that go on when their user has logged out: lingering, as systemd calls it.

The rule this file keeps: it is a setting of the user's, not ours, so it is turned off only where we
turned it on; the home remembers that.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from agentd.service.commands import Ended, run

_REMEMBERED = "agentd.service.lingering"


class Lingering:
    """The setting of this user, and what the home remembers of it."""

    def __init__(self, environment: Mapping[str, str], home: Path) -> None:
        self._environment = environment
        self._remembered = home / _REMEMBERED
        # By number: after `su` the environment may name another, and loginctl knows of no session.
        self._user = str(os.getuid())

    def is_on(self) -> bool:
        """Whether services of this user go on, as far as anybody can tell."""
        asked = self._ask("show-user", self._user, "--property=Linger")
        return asked.ok and asked.out.strip() == "Linger=yes"

    def turn_on(self) -> str | None:
        """Have them go on; why that may not be, where it may not. Raises `OSError`."""
        if self.is_on():
            return None
        ended = self._ask("enable-linger", self._user)
        if not ended.ok:
            return ended.reason
        self._remembered.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._remembered.touch(mode=0o600)
        return None

    def turn_off(self) -> bool:
        """Have it as it was; whether that changed anything. Raises `OSError`."""
        if not self._remembered.exists():
            return False
        if not self._ask("disable-linger", self._user).ok:
            return False
        self._remembered.unlink()
        return True

    def _ask(self, *words: str) -> Ended:
        return run(["loginctl", *words], self._environment)
