"""Whether an attempt goes on: asked of the daemon, told by it, and waited for while it is away."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from agentd.cli.node import attempt_watch
from agentd.cli.node.attempt_watch import AttemptWatch
from agentd.client.address import UnixAddress
from agentd.errors import NobodyListens, RequestRefused, TaskNotFound
from tests.daemon_process import PATIENCE_SECONDS


class Daemon:
    """Answers as a daemon would, one answer after the other, and notes what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []
        self.is_silent = threading.Event()

    def __call__(self, _socket_path: Path) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def watch_events(self, *, after_seq: int | None = None, **_: Any) -> Any:
        return self._answer(f"events after {after_seq}")

    def node_status(self, *_: str) -> Any:
        return self._answer("status")

    def _answer(self, asked: str) -> Any:
        self.asked.append(asked)
        if not self._answers:
            self.is_silent.set()
            threading.Event().wait()  # in a thread that nobody waits for
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def page(last_seq: int, *nodes: str) -> SimpleNamespace:
    """Events of these nodes."""
    return SimpleNamespace(last_seq=last_seq, events=[SimpleNamespace(node_id=n) for n in nodes])


def status(status: str, attempt: int) -> SimpleNamespace:
    """What a node is doing."""
    return SimpleNamespace(node=SimpleNamespace(status=status, attempt=attempt))


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Callable[[Daemon], AttemptWatch]:
    """Watches the second attempt of a node."""

    def begin(daemon: Daemon) -> AttemptWatch:
        monkeypatch.setattr(attempt_watch, "Client", daemon)
        monkeypatch.setattr(attempt_watch, "_PAUSE_SECONDS", 0)
        return AttemptWatch(UnixAddress("socket"), "task", "node", 2)

    return begin


def ends(watched: AttemptWatch) -> bool:
    """Whether it ends, in a while."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not watched.has_ended() and time.monotonic() < deadline:
        time.sleep(0.01)
    return watched.has_ended()


@pytest.mark.parametrize(
    "now", [status("COMPLETED", 2), status("PENDING", 2), status("RUNNING", 3)]
)
def test_it_had_ended(watch: Callable[[Daemon], AttemptWatch], now: SimpleNamespace) -> None:
    """An attempt is over when its node does not run, or runs another one."""
    assert ends(watch(Daemon(page(7), now)))


def test_it_ends(watch: Callable[[Daemon], AttemptWatch]) -> None:
    """Of what happens in the task only what concerns the node is a reason to look again."""
    running = status("RUNNING", 2)
    daemon = Daemon(
        page(7), running, page(8), page(9, "other"), page(10, "node"), running, page(11, "node"),
        status("FAILED", 2),
    )  # fmt: skip
    assert ends(watch(daemon))
    assert daemon.asked == [
        *["events after None", "status", "events after 7", "events after 8", "events after 9"],
        *["status", "events after 10", "status"],
    ]


def test_it_goes_on(watch: Callable[[Daemon], AttemptWatch]) -> None:
    """As long as nothing is heard it has not ended."""
    daemon = Daemon(page(7), status("RUNNING", 2))
    watched = watch(daemon)
    assert daemon.is_silent.wait(PATIENCE_SECONDS)
    assert not watched.has_ended()


def test_a_daemon_that_is_away(watch: Callable[[Daemon], AttemptWatch]) -> None:
    """It is asked again, from where it was: no end is missed."""
    away = NobodyListens("away")
    daemon = Daemon(page(7), status("RUNNING", 2), away, away, page(8, "node"), status("FAILED", 2))
    assert ends(watch(daemon))
    assert daemon.asked[2:5] == ["events after 7"] * 3


def test_a_look_that_was_not_answered(watch: Callable[[Daemon], AttemptWatch]) -> None:
    """The event that was the reason for it is not passed over."""
    away, running = NobodyListens("away"), status("RUNNING", 2)
    assert ends(watch(Daemon(page(7), away, page(7), running, page(8, "node"), away,
                             page(8, "node"), status("FAILED", 2))))  # fmt: skip


def test_a_refusal(watch: Callable[[Daemon], AttemptWatch]) -> None:
    """It is raised where the end is asked for."""
    watched = watch(Daemon(TaskNotFound("gone")))
    with pytest.raises(RequestRefused, match="gone"):
        ends(watched)
