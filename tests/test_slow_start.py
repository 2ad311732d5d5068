"""A start that takes its time says what it is doing."""

import logging
import queue
from collections.abc import Iterator
from logging.handlers import QueueHandler

import pytest

from agentd.daemon.log import logger
from agentd.daemon.slow_start import said_when_slow
from tests.daemon_process import PATIENCE_SECONDS

Said = queue.SimpleQueue[logging.LogRecord]


@pytest.fixture
def said() -> Iterator[Said]:
    """What the log is told."""
    lines: Said = queue.SimpleQueue()
    handler, level = QueueHandler(lines), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(handler)
    logger.setLevel(level)


def next_line(said: Said) -> str:
    """The next line of the log, which has to come."""
    return said.get(timeout=PATIENCE_SECONDS).getMessage()


def test_what_takes_long_is_said_again_and_again(said: Said) -> None:
    """Why, what, and how far it has come, whatever the work is waiting for."""
    with said_when_slow("keeping it", first=0, pause=0) as progress:
        progress("copying pages", 62, 100)
        while (line := next_line(said)) == "keeping it: it begins":
            pass
        assert line == "keeping it: copying pages, 62%"
        progress("checking pages", 0, 0)
        while (line := next_line(said)) == "keeping it: copying pages, 62%":
            pass
        assert line == "keeping it: checking pages"


def test_what_is_quick_is_not_said(said: Said) -> None:
    """Nobody has to read what nobody waits for."""
    with said_when_slow("keeping it", first=PATIENCE_SECONDS) as progress:
        progress("copying pages", 1, 2)
    assert said.empty()


def test_what_fails_is_over(said: Said) -> None:
    """An error ends the lines, and goes on."""
    with pytest.raises(ValueError, match="no"), said_when_slow("keeping it", PATIENCE_SECONDS):
        raise ValueError("no")
    assert said.empty()
