"""A call is over when its time is, and an answer that comes then is nobody's."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from agentd import AsyncClient
from agentd.client.requests.daemon import health
from agentd.errors import ConnectionLost, DaemonUnreachable, NoAnswer, NobodyListens, NotAgentd
from tests.clients import blocking, each_client
from tests.fake_daemon import answers, breaks_off, fake_daemon, says, trickles
from tests.stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fake_daemon import Peer

TIMEOUT = 0.2
SLACK_SECONDS = 0.15
"""Half a timeout more is already a broken promise."""

LONGER = 3.0
"""A timeout in which a daemon that answers at once has answered, however busy the machine is."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where nothing listens yet."""
    return tmp_path / "s"


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """The block takes as long as that, and no longer."""
    watch = Stopwatch()
    yield
    took = watch.all_seconds, watch.seconds
    assert took[0] >= seconds - 0.01, took
    assert took[1] <= seconds + SLACK_SECONDS, took


LINE = b'{"result":{"status":"ok"}}\n'


@each_client
def test_a_timeout_bounds_the_call_as_a_whole(path: Path, opened: Any) -> None:
    """However the answer fails to come, the call is over when its time is."""
    told = rf"no answer on {path} in 0(\.2|\.\d\d)? s: .*request_id"
    with (
        fake_daemon(path, trickles(LINE[:4], TIMEOUT * 0.3)),
        opened(path, TIMEOUT) as client,
        within(TIMEOUT),
        pytest.raises(NoAnswer, match=told),
    ):
        client.register_task("g")


@each_client
@pytest.mark.parametrize("ask", ["typed", "raw"])
@pytest.mark.parametrize(
    "script", [trickles(LINE[:4], TIMEOUT), breaks_off(b"")], ids=["silence", "a lost connection"]
)
def test_a_query_that_is_not_answered(path: Path, opened: Any, script: Any, ask: str) -> None:
    """It records nothing, so nobody is told to wonder whether it was recorded."""
    with (
        fake_daemon(path, script),
        opened(path, TIMEOUT) as client,
        pytest.raises((NoAnswer, ConnectionLost)) as caught,
    ):
        client.health() if ask == "typed" else client.call("Health")
    assert "request_id" not in str(caught.value)
    assert "recorded" not in str(caught.value)


def reads_slowly(peer: Peer) -> None:
    """Take a part of the request whenever half of the time is over."""
    while not peer.read_on.wait(TIMEOUT / 2):
        peer.take(150_000)


@each_client
def test_a_timeout_bounds_the_sending_too(path: Path, opened: Any) -> None:
    """A daemon that reads too slowly does not answer in time."""
    with fake_daemon(path, reads_slowly) as daemon, opened(path, TIMEOUT) as client:
        with within(TIMEOUT), pytest.raises(NoAnswer):
            client.register_task("x" * 1_000_000)
        daemon.read_on.set()


@each_client
def test_a_daemon_that_lets_nobody_in(path: Path, opened: Any) -> None:
    """Where the daemon's queue is full, the call waits for its turn as long as its time allows."""
    with socket.socket(socket.AF_UNIX) as deaf, socket.socket(socket.AF_UNIX) as first:
        deaf.bind(str(path))
        deaf.listen(0)
        first.connect(str(path))
        with (
            opened(path, TIMEOUT) as client,
            within(TIMEOUT),
            pytest.raises(DaemonUnreachable, match="let us in") as caught,
        ):
            client.health()
    assert not isinstance(caught.value, NobodyListens | NotAgentd)


def test_who_is_let_in_late_has_less_time_left(path: Path) -> None:
    """Waiting to be let in and waiting for the answer are one wait."""
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
        busy.bind(str(path))
        busy.listen(0)
        first.connect(str(path))
        accepted: list[socket.socket] = []
        late = threading.Timer(TIMEOUT * 0.9, lambda: accepted.append(busy.accept()[0]))
        late.start()
        with blocking(path, TIMEOUT) as client, within(TIMEOUT), pytest.raises(NoAnswer):
            client.health()
        late.join()
        accepted[0].close()


def test_a_shorter_time_for_one_call(path: Path) -> None:
    """A request may have less time than the client's other calls, over the same connection."""

    def answers_once(peer: Peer) -> None:
        peer.read()
        peer.answer(1)
        peer.until_closed()

    with fake_daemon(path, answers_once) as daemon, blocking(path, 30) as client:
        assert client.call("Health") == 1
        with within(TIMEOUT), pytest.raises(NoAnswer, match=r"in 0(\.2|\.\d\d)? s"):
            client.ask(health(), TIMEOUT)
        assert daemon.accepted == 1


@each_client
def test_after_a_timeout_the_next_call_gets_its_own_answer(path: Path, opened: Any) -> None:
    """The answer to a call that gave up is nobody's."""

    def late(peer: Peer) -> None:
        peer.read()
        peer.read_on.wait()
        peer.answer("late")
        peer.read()
        peer.answer("in time")

    with fake_daemon(path, late, answers("in time")) as daemon, opened(path, LONGER) as client:
        with pytest.raises(NoAnswer):
            client.call("Health")
        daemon.read_on.set()
        assert client.call("Health") == "in time"


@each_client
def test_an_answer_that_nobody_asked_for(
    path: Path, opened: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Two answers in one piece: the second belongs to no later call."""
    one = b'{"result": 1}\n'
    with fake_daemon(path, says(one + b'{"result": 2}\n', one)) as _, opened(path) as client:
        assert [client.call("Health") for _ in range(3)] == [1, 1, 1]
    assert caplog.records == []


@each_client
def test_an_answer_in_pieces(path: Path, opened: Any) -> None:
    """However a line is cut into pieces, it is one answer."""
    with fake_daemon(path, trickles(b'{"result": [1, 2]}\n', 0)), opened(path) as client:
        assert client.call("Health") == [1, 2]


def test_answers_in_pieces(path: Path) -> None:
    """Answers to several calls may come in one piece, and the last in two."""

    def answers_both(peer: Peer) -> None:
        peer.read()
        peer.read()
        peer.send(b'{"result": 1}\n{"result"')
        peer.read()
        peer.send(b": 2}\n")
        peer.send(b'{"result": 3}\n')

    async def main() -> list[Any]:
        async with AsyncClient(path, 5) as client:
            first = asyncio.create_task(client.call("Health"))
            second = asyncio.create_task(client.call("Health"))
            return [await first, await client.call("Health"), await second]

    with fake_daemon(path, answers_both):
        assert asyncio.run(main()) == [1, 3, 2]


@each_client
def test_half_an_answer(path: Path, opened: Any) -> None:
    """A line that breaks off is no answer, even where it could be read."""
    scripts = breaks_off(b'{"result": 1}'), answers(2)
    with fake_daemon(path, *scripts), opened(path) as client:
        with pytest.raises(ConnectionLost, match=r"unknown: repeat it, under the same request_id"):
            client.call("RegisterTask", {"goal": "g"})
        assert client.call("Health") == 2
