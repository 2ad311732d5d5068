"""What is done where another daemon was faster: it is counted, and after a pause decided again."""

import time
from collections.abc import Callable
from random import random

from agentd.api import RuntimeMetrics

FIRST_PAUSE_SECONDS = 0.005
"""The pause before the second try, on average; it doubles with each."""


class Conflicts:
    """Called before a batch is decided again, on the thread that runs it."""

    def __init__(
        self,
        counters: RuntimeMetrics,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random,
    ) -> None:
        """`chance` gives the jitter, from 0 to 1, and `sleep` waits for so many seconds.

        Nobody else writes to that counter.
        """
        self._counters = counters
        self._sleep = sleep
        self._chance = chance

    def __call__(self, attempt: int) -> None:
        """It has been decided so often."""
        self._counters.conflicts += 1
        self._sleep(FIRST_PAUSE_SECONDS * 2**attempt * self._chance())
