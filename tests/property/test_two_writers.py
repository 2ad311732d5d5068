"""Two writers on one database, as two daemons that share one would be.

The rule this file keeps: each of the two has a store and a cache of its own, and knows nothing of
the other; who holds what, and who has a slot, is told by the journal alone. agentd lets no second
process write to a SQLite file, so here the stores go round that claim; on a server nobody has to.
The store in dictionaries is the memory of one process: there is no second writer to it, and it is
left out.
"""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import apsw
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd import queries
from agentd.journal import Recorded
from agentd.store.postgres import PostgresStore
from agentd.store.sqlite import SqliteStore
from agentd.store.sqlite.opening import prepare_writer
from agentd.store.sqlite.place import DatabasePlace
from agentd.transact import Outcome, run_batch
from tests.core import (
    LEASE_MS,
    NOW,
    Core,
    Ids,
    Params,
    command,
    context,
    open_sqlite,
    to_params,
    uid,
)
from tests.faults.chronicle import Chronicle, Row
from tests.postgres_server import shared_server
from tests.postgres_stores import migrated
from tests.property.conftest import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agentd.store import Store
    from tests.faults.snapshot import Database

PATIENCE_SECONDS = 10
LOOK_AGAIN_SECONDS = 0.0002
DATABASE = "agent_state.db"

LIMITS: dict[str, dict[str, Any]] = {
    "one": {"max_running": 1},
    "two": {"max_running": 2},
    "often": {"max_running": None, "rate": {"count": 4, "per_secs": 1}},
}
DEMANDS = ((), ("one",), ("one",), ("two",), ("one", "two"), ("often",), ("one", "often"))
"""By task, of which limits each of its nodes takes a slot."""

NODES = 5
ENDS = ("CompleteNode", "FailNode", "ReleaseNode")


class Writer(SqliteStore):
    """A store on a file that another one writes to; `is_blocked` once it waits for that one."""

    def __init__(self, path: Path) -> None:
        connection = apsw.Connection(str(path))
        prepare_writer(connection)
        connection.pragma("synchronous", "off")  # what a disk keeps is not asked here
        super().__init__(DatabasePlace(path), connection)
        self.is_blocked = threading.Event()
        connection.set_busy_handler(self._wait)

    def wait_until_blocked(self) -> None:
        """Wait until it waits for the other one, since the last time."""
        assert self.is_blocked.wait(PATIENCE_SECONDS), "it did not wait for its turn"
        self.is_blocked.clear()

    def _wait(self, _times: int) -> bool:
        self.is_blocked.set()
        time.sleep(LOOK_AGAIN_SECONDS)
        return True


class ServerWriter(PostgresStore):
    """The same on a server, which is asked whether somebody waits."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._server = shared_server()

    def wait_until_blocked(self) -> None:
        """See `Writer.wait_until_blocked`."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._is_blocked():
            assert time.monotonic() < deadline, "it did not wait for its turn"
            time.sleep(LOOK_AGAIN_SECONDS)

    def _is_blocked(self) -> bool:
        writer = self._writing.session
        pid = 0 if writer is None else writer.connection.info.backend_pid
        return bool(self._server.execute(WAITS, pid))


WAITS = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"


class Shared:
    """One database and its two writers; `journal` judges what they did."""

    def __init__(self, database: Database, writers: Sequence[Writer | ServerWriter]) -> None:
        self.writers = writers
        self.now = NOW
        self.journal = Chronicle(database)
        self._new_id = Ids(2_000_000)
        self._thread = ThreadPoolExecutor(1)
        self._judge()

    def close(self) -> None:
        """Close both."""
        self._thread.shutdown()
        for writer in self.writers:
            writer.close()

    def race(self, side: int, mine: int | None, yours: int | None) -> tuple[Any, Any]:
        """Both want a node, of a task or of all; the other tries when one has loaded its own.

        Returns what each got.
        """
        tasks = list(self.journal.tasks)
        one, other = (None if task is None else tasks[task] for task in (mine, yours))
        first, second = self.writers[side], self.writers[1 - side]
        tries: list[Future[Outcome]] = []

        def new_id() -> str:  # is asked for between loading and writing
            if not tries:
                tries.append(self._thread.submit(self._acquire, second, self._new_id, other))
                second.wait_until_blocked()
            return self._new_id()

        won = self._acquire(first, new_id, one)
        followed = tries[0].result() if tries else self._acquire(second, self._new_id, other)
        assert (won.refusal, followed.refusal) == (None, None)
        self._judge()
        if not followed.result:
            assert self._next(other) is None, "there is work that it did not see"
        return won.result, followed.result

    def end(self, side: int, which: int, method: str) -> None:
        """End the work on a node that somebody holds."""
        nodes = self.journal.nodes
        held = [node_id for node_id in nodes if nodes[node_id].holder is not None]
        if not held:
            return
        node_id = held[which % len(held)]
        node, note = nodes[node_id], "reason" if method == "ReleaseNode" else "payload"
        ids = {"task_id": node.task_id, "node_id": node_id, "lease_id": node.holder}
        self._do(self.writers[side], method, {**ids, note: self._new_id()})
        self._judge()

    def set_limit(self, side: int, name: str, most: int) -> None:
        """Allow more of it, or less."""
        params = {**LIMITS[name], "name": name, "max_running": most}
        outcome = self._do(self.writers[side], "SetLimit", params)
        assert outcome.refusal is None
        self._judge()

    def pass_time(self, milliseconds: int) -> None:
        """It is later for both."""
        self.now += milliseconds

    def _acquire(
        self, writer: Writer | ServerWriter, new_id: Callable[[], str], task_id: str | None
    ) -> Outcome:
        wanted = {} if task_id is None else {"task_id": task_id}
        return self._do(writer, "AcquireNextNode", wanted, new_id)

    def _do(
        self,
        writer: Writer | ServerWriter,
        method: str,
        params: Params,
        new_id: Callable[[], str] | None = None,
    ) -> Outcome:
        known = context(now=self.now, new_id=new_id or self._new_id)
        request = command(method, to_params(method, params))
        [outcome] = run_batch(writer, [request], lambda: known, raise_fault)
        return outcome

    def _next(self, task_id: str | None) -> object:
        """What somebody finds who has nothing cached."""
        with self.writers[0].read() as reader:
            return queries.next_node(reader, task_id, (), self.now)

    def _judge(self) -> None:
        """Nobody has what another has, or more than may be."""
        with self.writers[0].read() as reader:
            for record in reader.journal(self.journal.last_seq):
                self.journal.fold(row_of(record))
                self.journal.last_seq = record.seq
        assert self.journal.wrong == []


def raise_fault(error: BaseException) -> None:
    """A transaction that breaks is a failure of the test."""
    raise error


def row_of(record: Recorded) -> Row:
    """The record as plain columns."""
    data = msgspec.json.encode(record.event)
    ids = record.event_id, record.task_id, record.node_id
    return Row(record.seq, *ids, record.kind, record.at, data, record.payload)


def fill(store: Store) -> None:
    """Limits and tasks, for two that have not opened it yet."""
    with closing(store):
        core = Core(store)
        for name, limit in LIMITS.items():
            core.do("SetLimit", name=name, **limit)
        for number, limits in enumerate(DEMANDS, 1):
            nodes = [{"id": uid(1_000 * number + n), "limits": limits} for n in range(NODES)]
            core.register(*nodes)


def fill_server(url: str) -> None:
    """The same on a server."""
    migrated(url)
    fill(PostgresStore(url))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all that, that nobody has open."""
    directory = tmp_path_factory.mktemp("two_writers")
    fill(open_sqlite(directory))
    return directory / DATABASE


@contextmanager
def on_a_file(template: Path) -> Iterator[Shared]:
    """Two writers on a copy of the file."""
    with TemporaryDirectory() as directory:
        path = Path(shutil.copy(template, directory))
        with closing(Shared(path, [Writer(path), Writer(path)])) as shared:
            yield shared


@contextmanager
def on_a_server(_template: Path) -> Iterator[Shared]:
    """Two writers on a database like it."""
    with (
        shared_server().database(fill_server) as url,
        closing(Shared(url, [ServerWriter(url), ServerWriter(url)])) as shared,
    ):
        yield shared


OpenTwo = Callable[[Path], AbstractContextManager[Shared]]


@pytest.mark.parametrize(("open_two", "races"), [(on_a_file, 200), (on_a_server, 20)])
def test_the_last_slot_is_ones(template: Path, open_two: OpenTwo, races: int) -> None:
    """Whoever begins first gets it, and the other, that has it cached as free, sees it taken."""
    chance = random.Random(0)
    with open_two(template) as shared:
        for _ in range(races):
            won, followed = shared.race(chance.randrange(2), 1, 2)
            assert won is not None
            assert followed is None
            shared.end(chance.randrange(2), 0, "ReleaseNode")


SIDES, TASK = st.integers(0, 1), st.none() | st.integers(0, len(DEMANDS) - 1)
STEPS = st.one_of(
    st.tuples(st.just("race"), SIDES, TASK, TASK),
    st.tuples(st.just("end"), SIDES, st.integers(0, 9), st.sampled_from(ENDS)),
    st.tuples(st.just("set_limit"), SIDES, st.sampled_from(("one", "two")), st.integers(0, 3)),
    st.tuples(st.just("pass_time"), st.sampled_from((300, 1_000, LEASE_MS))),
)


def play(open_two: OpenTwo, template: Path, steps: list[tuple[Any, ...]]) -> None:
    """Take these steps."""
    with open_two(template) as shared:
        for name, *arguments in steps:
            getattr(shared, name)(*arguments)


@settings(max_examples=max(1, EXAMPLES // 4))
@given(steps=st.lists(STEPS, min_size=20, max_size=60))
def test_two_writers_are_as_one(template: Path, steps: list[tuple[Any, ...]]) -> None:
    """Whatever they did before: no node has two holders, no limit too many, no work is unseen."""
    play(on_a_file, template, steps)


@settings(max_examples=max(1, EXAMPLES // 50))
@given(steps=st.lists(STEPS, min_size=20, max_size=40))
def test_two_writers_on_a_server_are_as_one(template: Path, steps: list[tuple[Any, ...]]) -> None:
    """The same holds for two daemons that share a server."""
    play(on_a_server, template, steps)
