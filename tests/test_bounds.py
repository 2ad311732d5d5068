"""What one client, one link or one shared path may not do to the others."""

import asyncio
import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from agentd.daemon.answer_memory import AnswerMemory
from agentd.daemon.connection import (
    BREATH_SECONDS,
    MOST_IN_FLIGHT,
    RECEIVED_AT_ONCE,
    Connection,
)
from agentd.daemon.context_sizes import ContextSizes
from agentd.daemon.incoming import LINES_AT_ONCE
from agentd.daemon.lock import socket_lock
from agentd.daemon.writer import SubmittedCommand
from agentd.store import sqlite
from agentd.store.sqlite import SqliteStore
from agentd.transact import Outcome
from tests.core import NOW, Core, uid
from tests.daemon_process import serve_to_the_end


class Wire:
    """A transport that keeps what is written and remembers whether it is read from."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.reading = True

    def write(self, line: bytes) -> None:
        self.lines.append(line)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def set_write_buffer_limits(self, high: int) -> None:
        assert high > 0

    def get_extra_info(self, _name: str) -> None:
        return None


class Turns(Connection):
    """A connection that counts how often it asked for a turn with a large command."""

    turns = 0
    memory: AnswerMemory
    sizes: ContextSizes


def connected(
    submitted: list[SubmittedCommand],
    permits: list[object] | None = None,
    *,
    has_permits: bool = True,
) -> tuple[Turns, Wire]:
    """A connection whose commands end in `submitted`; who left one is taken out of `permits`."""
    taken: list[object] = [] if permits is None else permits

    def take(who: object) -> bool:
        taken.append(who)
        return has_permits

    def turn(who: Turns) -> None:
        who.turns += 1

    service = SimpleNamespace(
        admits=lambda _socket: True,
        add_connection=lambda _connection: None,
        count_acquire=lambda _nanoseconds: None,
        forget_wait=lambda _connection: None,
        is_waiting=lambda _connection: False,
        stalls=SimpleNamespace(watch=lambda _reader: None),
        writer=SimpleNamespace(submit=submitted.append, submit_large=turn),
        queries=SimpleNamespace(submit=lambda *_query: None),
        sizes=ContextSizes(),
        permits=SimpleNamespace(take=take, leave=taken.remove, are_wanted=not has_permits),
        memory=AnswerMemory(lambda: None),
        buffer=bytearray(RECEIVED_AT_ONCE),
    )
    wire = Wire()
    connection = Turns(cast("Any", service))
    connection.memory, connection.sizes = service.memory, service.sizes
    connection.connection_made(cast("Any", wire))
    return connection, wire


def receive(connection: Connection, data: bytes) -> None:
    """Some bytes arrive, as many at a time as there is place for."""
    while data:
        place = connection.get_buffer(-1)
        now, data = data[: len(place)], data[len(place) :]
        place[: len(now)] = now
        connection.buffer_updated(len(now))


def lines(count: int, method: str = "CommitEvent", **params: Any) -> bytes:
    """Requests in one piece, as a client that pipelines sends them."""
    params = params or {"task_id": uid(1), "node_id": uid(2)}
    request = {"id": 1, "method": method, "params": params}
    return (msgspec.json.encode(request) + b"\n") * count


def test_a_long_pipeline_leaves_room_for_others() -> None:
    """Of one client's commands only so many are in the writer's hands at a time."""
    submitted: list[SubmittedCommand] = []
    connection, wire = connected(submitted)
    receive(connection, lines(MOST_IN_FLIGHT + 10))
    assert len(submitted) == MOST_IN_FLIGHT
    connection.answer(submitted[0], Outcome(None))
    assert len(submitted) == MOST_IN_FLIGHT + 1
    assert wire.lines == [b'{"id":1,"result":null}\n']


def test_a_pipeline_is_worked_off_to_its_end() -> None:
    """Every answer makes room for the next command, until all are answered."""
    submitted: list[SubmittedCommand] = []
    connection, wire = connected(submitted)
    receive(connection, lines(3 * MOST_IN_FLIGHT))
    for place in range(3 * MOST_IN_FLIGHT):
        connection.answer(submitted[place], Outcome(None))
    assert len(wire.lines) == len(submitted) == 3 * MOST_IN_FLIGHT
    assert connection.idle


def test_a_flood_is_looked_at_a_piece_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two pieces of a flood of broken lines the others have a moment to themselves."""
    breaths: list[float] = []

    async def run() -> None:
        connection, wire = connected([])
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "call_later", lambda wait, *_: breaths.append(wait))
        receive(connection, b"{\n" * (2 * LINES_AT_ONCE + 1))
        for pieces in (1, 2):
            assert len(wire.lines) == pieces * LINES_AT_ONCE
            assert not wire.reading
            connection.resume_writing()
        assert len(wire.lines) == 2 * LINES_AT_ONCE + 1
        assert wire.reading

    asyncio.run(run())
    assert breaths == [BREATH_SECONDS] * 2


def test_a_database_behind_a_link_is_checkpointed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The WAL lies beside the file, not beside a link to it, and is copied into the file."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 1)
    real, link = tmp_path / "real" / "agent_state.db", tmp_path / "link.db"
    real.parent.mkdir()
    link.symlink_to(real)
    store = SqliteStore.open(link, NOW)
    Core(store).register({})
    assert store.checkpoint()
    alone = shutil.copy(real, tmp_path / "alone.db")
    store.close()
    copied = SqliteStore.open(Path(alone), NOW)
    with copied.read() as reader:
        assert reader.last_seq() == 2
    copied.close()
    assert link.is_symlink()


def test_a_sockets_path_has_one_owner(home: Path) -> None:
    """Whoever holds the lock on a socket's path is named to a daemon of another home."""
    path = home.parent / "shared.sock"
    with socket_lock(path):
        ended = serve_to_the_end(home, AGENTD_SOCKET_PATH=str(path))
    assert (ended.code, str(os.getpid()) in ended.output) == (4, True)
    assert not path.exists()
