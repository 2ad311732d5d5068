"""Lines that nobody should send: each is answered, none changes what it may not, nobody waits."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.daemon_process import (
    PATIENCE_SECONDS,
    REPOSITORY,
    Connection,
    DaemonProcess,
    Object,
    environment,
)
from tests.faults.bystander import Bystander
from tests.faults.footprint import MIB, memory_of, open_files
from tests.faults.mutations import LINE_LIMIT, Held, Invalid, good_line, method_of, mutated
from tests.wire.steps import acquire, eventually, flat, held, register, totals

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

    from tests.faults.laboratory import Laboratory

AT_ONCE = 50
"""Small lines that are sent before the first answer is read."""

LONGEST_WAIT_MS = 100.0


class Account:
    """What the answers say was recorded: tasks, nodes and events."""

    def __init__(self) -> None:
        self.tasks = self.nodes = self.events = 0
        self.kinds: Counter[str] = Counter()
        self._ended: set[str] = set()  # the events that a repeat is answered with, too

    def take(self, line: bytes, answer: Object) -> None:
        """Add one answer; fail where it is a result and the line was no request."""
        assert ("result" in answer) != ("error" in answer), answer
        if "error" in answer:
            self.kinds[answer["error"]["data"]["kind"]] += 1
            assert answer["error"]["data"]["kind"] != "internal", line[:500]
            return
        try:
            self._add(method_of(line), answer["result"])
        except Invalid as reason:
            raise AssertionError(f"taken although {reason}: {line[:500]!r}") from reason

    def _add(self, method: str, result: Object | None) -> None:
        self.kinds["result"] += 1
        if method == "RegisterTask" and result is not None:
            self.tasks += 1
            self.nodes += len(result["node_ids"])
            self.events += 1 + len(result["node_ids"])
        elif method == "AcquireNextNode":
            self.events += result is not None
        elif method in {"CommitEvent", "HeartbeatNode"}:
            self.events += 1
        elif method in {"CompleteNode", "FailNode"} and result is not None:
            self.events += result["event_id"] not in self._ended
            self._ended.add(result["event_id"])

    def since(self, before: tuple[int, int, int]) -> tuple[int, int, int]:
        """Return what the totals have to be."""
        return before[0] + self.tasks, before[1] + self.nodes, before[2] + self.events


def some_held(connection: Connection) -> list[Held]:
    """Return the leases that good lines speak of; there are more nodes to acquire."""
    tasks = [register(connection, flat(8)) for _ in range(10)]
    return [Held(**held(acquire(connection, task))) for task in tasks for _ in range(4)]


def send(daemon: DaemonProcess, lines: list[bytes], account: Account) -> None:
    """Send the lines, large ones each for itself, and take every line's answer."""
    waiting: list[bytes] = []
    with contextlib.ExitStack() as opened:
        connection = opened.enter_context(daemon.connect())
        for line in [*lines, b""]:
            if len(line) < 2_000 and len(waiting) < AT_ONCE and line:
                waiting.append(line)
                continue
            exchange(connection, waiting, account)
            waiting = []
            if len(line) >= LINE_LIMIT:
                too_long(daemon, line, account)
            elif line:
                exchange(connection, [line], account)


def exchange(connection: Connection, lines: list[bytes], account: Account) -> None:
    """Send some lines at once and take their answers."""
    connection.send_raw(b"".join(line + b"\n" for line in lines))
    for line in lines:
        account.take(line, decoded(connection.read_line()))


def decoded(answer: bytes) -> Object:
    """Return the answer; an id may be a number that Python will not read."""
    found: Object = json.loads(answer, parse_int=str)
    return found


def too_long(daemon: DaemonProcess, line: bytes, account: Account) -> None:
    """Send a line that is too long on a connection of its own: it is answered and closed."""
    with daemon.connect() as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.send_raw(line + b"\n")
        account.take(line, decoded(connection.read_line()))
        assert connection.at_eof()


def hostile_lines(chance: Random, count: int, leases: list[Held]) -> list[bytes]:
    """Return that many lines, few of which are still requests."""
    return [mutated(chance, good_line(chance, leases)) for _ in range(count)]


def replay_check(daemon: DaemonProcess) -> int:
    """Return how `agentd replay --check` ends beside the daemon."""
    return subprocess.run(
        [sys.executable, "-m", "agentd", "replay", "--check"],
        cwd=REPOSITORY,
        env=environment(daemon.home, daemon.env),
        timeout=60,
        check=False,
    ).returncode


def journal_length(database: Path) -> int:
    """Count the journal's records without agentd."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as other:
        found: int = other.execute("SELECT count(*) FROM journal").fetchone()[0]
    return found


def longest_wait(daemon: DaemonProcess, misbehave: Callable[[], None]) -> float:
    """Return the milliseconds that somebody else waited because of it.

    What the machine did to one run it does not do to the next: the least of three counts, and
    after a good one there is no other.
    """
    found = []
    for _ in range(3):
        with Bystander(daemon) as bystander:
            misbehave()
        found.append(bystander.waits.longest)
        if found[-1] < LONGEST_WAIT_MS:
            break
    return min(found)


def test_mutated_lines(daemon: DaemonProcess, lab: Laboratory) -> None:
    """Each is answered by itself, only requests change anything, and nobody else waits for long."""
    account = Account()
    with daemon.connect() as witness:
        leases = some_held(witness)
        before = totals(witness)
        lines = hostile_lines(lab.random, lab.amount(10_000, 100_000), leases)
        waited = longest_wait(daemon, lambda: send(daemon, lines, account))
        assert totals(witness) == account.since(before), account.kinds
    assert journal_length(daemon.database) == account.since(before)[2]
    assert daemon.process.poll() is None
    assert replay_check(daemon) == 0
    assert "Traceback" not in daemon.stderr()
    assert account.kinds["result"] > 0  # some were requests still: the account was put to the test
    assert waited < LONGEST_WAIT_MS
    lab.count(lines=len(lines), ms_that_another_waited_at_most=round(waited))


# Floods

FLOODS = {
    "broken": b"{\n",
    "no params": b'{"method":"RegisterTask"}\n',
    "no such task": b'{"method":"AcquireNextNode","params":{"task_id":"%b"}}\n' % (b"0" * 32),
    "queries": b'{"method":"Health"}\n',
}
FLOOD_BYTES = 262_144  # what a loop reads at a time


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_of_lines(shared: DaemonProcess, kind: str) -> None:
    """However many lines arrive in one piece, the others have their turn between them."""
    flood = FLOODS[kind] * (FLOOD_BYTES // len(FLOODS[kind]))
    last = b'{"id":"last","method":"Nope"}\n'

    def misbehave() -> None:
        with shared.connect() as rude:
            sender = threading.Thread(target=rude.send_raw, args=(flood + last,))
            sender.start()
            while not rude.read_line().startswith(b'{"id":"last"'):
                pass
            sender.join()

    assert longest_wait(shared, misbehave) < LONGEST_WAIT_MS


# Lines that do not end

HEALTH = b'{"id":1,"method":"Health"}'


def test_a_line_that_comes_byte_by_byte(shared: DaemonProcess) -> None:
    """Whoever sends a byte now and then is waited for, and is answered in the end."""
    with contextlib.ExitStack() as opened:
        slow = [opened.enter_context(shared.connect()) for _ in range(20)]
        quick = opened.enter_context(shared.connect())
        for place in range(len(HEALTH)):
            for connection in slow:
                connection.send_raw(HEALTH[place : place + 1])
            assert quick.call("Health")["status"] == "ok"
        for connection in slow:
            connection.send_raw(b"\n")
            assert connection.read_response()["result"]["status"] == "ok"


def test_half_a_line_and_gone(shared: DaemonProcess, lab: Laboratory) -> None:
    """A line whose sender went away changes nothing, wherever it was cut; nothing is left of it."""
    line = b'{"id":1,"method":"RegisterTask","params":{"goal":"half"}}'
    with shared.connect() as witness:
        before, files = totals(witness), len(open_files(shared))
        for _ in range(lab.amount(200, 5_000)):
            with shared.connect() as gone:
                gone.send_raw(line[: lab.random.randrange(len(line))])
        assert eventually(lambda: len(open_files(shared)) <= files, time.time() + PATIENCE_SECONDS)
        assert totals(witness) == before


def test_a_line_that_never_ends(shared: DaemonProcess) -> None:
    """It is refused at the limit, and however much of it follows, none of it is kept."""
    with shared.connect() as endless:
        before = memory_of(shared)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(256):
                endless.send_raw(b"x" * 262_144)
        assert decoded(endless.read_line())["error"]["data"]["kind"] == "request_too_large"
        assert memory_of(shared).peak - before.now < 8 * MIB
