"""The server of a database that other daemons use as well: whether it answers.

The rule this file keeps: what was seen by whoever asked last is known to all, and told in the log
once when it goes, once for each other reason that comes while it is gone, and once when it is back.
Who comes back after it was away, or let somebody wait for longer than a moment, finds the leases
that ran out meanwhile honoured: see `grace`.
"""

from collections.abc import Callable
from random import random
from time import perf_counter

from agentd.api import rfc3339
from agentd.daemon.grace import LATE_MS, Grace
from agentd.daemon.log import logger
from agentd.errors import DatabaseGone

WAIT_SECONDS = 10.0
"""For how long a request waits for the server, where nobody says how long."""

HANGS_SECONDS = LATE_MS / 1000
"""Who has waited so long for it was not answered late, but not answered."""

NO_ANSWER = "the database's server does not answer; nothing of this request is recorded: repeat it"
"""What is said to whoever waited for it, and was not begun."""

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0
"""Between two tries to reach it, whose pauses double."""


class DatabaseServer:
    """What is known of it. From any thread: every field is put in place whole."""

    def __init__(
        self,
        now: Callable[[], int],
        grace: Grace,
        wait_secs: float = WAIT_SECONDS,
        seconds: Callable[[], float] = perf_counter,
        chance: Callable[[], float] = random,
    ) -> None:
        """`now` is the daemon's clock (Unix ms); `seconds` that of waiting, `chance` the jitter."""
        self.wait_secs = wait_secs
        self.seconds = seconds
        self._now = now
        self._grace = grace
        self._chance = chance
        self._tries = 0
        self._was_away = False
        self._gone_since = 0
        self._reasons: set[str] = set()  # that were told since it is gone
        self.answered_at = seconds()
        self.fault: DatabaseGone | None = None
        """Why it cannot be reached, and since when; None where it can, as far as is known."""

    def note_answer(self, began: float | None = None) -> None:
        """It has answered: what was asked at `began` (seconds of its clock), if that is brief."""
        self.answered_at = self.seconds()
        self._tries = 0
        if began is not None and self.answered_at - began > HANGS_SECONDS:
            self._was_away = True
        if self.fault is not None:
            self.fault = None
            self._reasons.clear()
            logger.warning("the database's server answers again")

    def note_gone(self, error: DatabaseGone) -> None:
        """It cannot be reached."""
        self._tries += 1
        self._was_away = True
        if self.fault is None:
            self._gone_since = self._now()
            logger.error("the database's server is gone, and requests wait: %s", error.why)
        elif error.why not in self._reasons:
            logger.error("the database's server is still gone: %s", error.why)
        self._reasons.add(error.why)
        since = self._gone_since
        self.fault = DatabaseGone(
            f"{error.why} (gone since {rfc3339(since)}); nothing of this request is recorded",
            since=since,
        )

    def note_return(self, began: float) -> None:
        """It lets a transaction begin that was asked for at `began`; on the writer's thread."""
        if self._was_away or self.seconds() - began > HANGS_SECONDS:
            self._was_away = False
            self._grace.came_back(self._now())

    @property
    def pause(self) -> float:
        """Seconds until it may be tried again."""
        return pause_after(self._tries, self._chance())


def pause_after(tries: int, chance: float) -> float:
    """Seconds to wait after so many tries in vain; `chance` is the jitter, from 0 to 1."""
    longest = min(FIRST_PAUSE_SECONDS * (1 << min(tries, 10)), LONGEST_PAUSE_SECONDS)
    return longest * (1 + chance) / 2
