"""Leases that run out while the daemon is not there: killed and started again, or suspended.

Both absences are played once, side by side, and the tests look at what was seen.
"""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.daemon_process import (
    PATIENCE_SECONDS,
    DaemonProcess,
    Object,
    Refused,
    encoded,
    temporary_home,
)
from tests.stopwatch import Stopwatch
from tests.wire.steps import (
    SLACK_SECONDS,
    acquire,
    complete,
    eventually,
    flat,
    held,
    node_of,
    nothing_to_acquire,
    register,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.daemon_process import Connection

TIMEOUT = 4  # shorter than 10 s, so it is also the grace
ABSENCE = 5.2  # until both leases have run out, whatever way their ends are rounded
LATE = 0.8  # within the grace, and later than a sweep that knows no grace


class Seen(NamedTuple):
    """What a client saw when the daemon was back."""

    stolen_at_once: bool
    stolen_in_the_grace: bool
    heartbeat: str | None
    completion: str | None
    abandoned_after: float


def refused(write: Callable[[], object]) -> str | None:
    """Return why a write was refused, or None where it was not."""
    try:
        write()
    except Refused as error:
        return str(error)
    return None


def killed(daemon: DaemonProcess, connection: Connection, question: bytes) -> Connection:
    """Kill the daemon, start it after the absence, and put the question."""
    connection.close()
    daemon.kill()
    time.sleep(ABSENCE)
    daemon.restart()
    again = daemon.connect()
    again.send_raw(question)
    return again


def suspended(daemon: DaemonProcess, connection: Connection, question: bytes) -> Connection:
    """Suspend the daemon, put the question while it sleeps, and wake it."""
    daemon.signal(signal.SIGSTOP)
    connection.send_raw(question)
    time.sleep(ABSENCE)
    daemon.signal(signal.SIGCONT)
    return connection


def play(absence: Callable[[DaemonProcess, Connection, bytes], Connection]) -> Seen:
    """Let three leases run out during an absence, then use two of them."""
    with (
        temporary_home() as home,
        DaemonProcess(home, AGENTD_NODE_TIMEOUT_SECS=str(TIMEOUT)) as daemon,
    ):
        before = daemon.connect()
        task = register(before, flat(3))
        leases = [acquire(before, task) for _ in range(3)]
        ask = {"id": 1, "method": "AcquireNextNode", "params": {"task_id": task.id}}
        with absence(daemon, before, encoded(ask) + b"\n") as connection:
            watch = Stopwatch(daemon.pid)
            stolen_at_once = connection.read_response()["result"] is not None
            time.sleep(LATE)
            stolen_in_the_grace = not nothing_to_acquire(connection, task)
            heartbeat = refused(lambda: beat(connection, leases[0]))
            completion = refused(lambda: complete(connection, leases[1]))
            eventually(
                lambda: node_of(connection, task, "n2")["status"] == "PENDING",
                until=time.time() + PATIENCE_SECONDS,
            )
            abandoned_after = watch.seconds
    return Seen(stolen_at_once, stolen_in_the_grace, heartbeat, completion, abandoned_after)


def beat(connection: Connection, acquired: Object) -> None:
    """Send a heartbeat."""
    connection.call("HeartbeatNode", **held(acquired))


@pytest.fixture(scope="module")
def played() -> dict[str, Seen]:
    """Play both absences at the same time."""
    with ThreadPoolExecutor(2) as pool:
        absences = {"killed": pool.submit(play, killed), "suspended": pool.submit(play, suspended)}
        return {name: absence.result() for name, absence in absences.items()}


@pytest.fixture(params=["killed", "suspended"])
def seen(request: pytest.FixtureRequest, played: dict[str, Seen]) -> Seen:
    """What was seen after one of the absences."""
    return played[request.param]


def test_nobody_is_robbed_at_once(seen: Seen) -> None:
    """The first acquisition after an absence does not take a node whose lease ran out in it."""
    assert not seen.stolen_at_once


def test_nobody_is_robbed_in_the_grace(seen: Seen) -> None:
    """The lease is honoured for min(10 s, the node timeout) after the daemon is back."""
    assert not seen.stolen_in_the_grace


def test_a_heartbeat_in_the_grace_counts(seen: Seen) -> None:
    """A worker that lived on extends its lease in the grace."""
    assert seen.heartbeat is None


def test_a_completion_in_the_grace_counts(seen: Seen) -> None:
    """A completion that arrives after the expiry, before the rollback, still counts."""
    assert seen.completion is None


def test_the_grace_ends(seen: Seen) -> None:
    """A lease that nobody extends is rolled back within one second of the end of its grace."""
    assert seen.abandoned_after <= TIMEOUT + 1 + SLACK_SECONDS
