"""Two writers on one database, as two daemons that share one would be.

The rule this file keeps: each of the two has a store and a cache of its own, and knows nothing of
the other; who holds what, and who has a slot, is told by the journal alone. agentd lets no second
process write to a SQLite file, so here the stores go round that claim. The store in dictionaries is
the memory of one process: there is no second writer to it, and it is left out.
"""

from __future__ import annotations

import random
import shutil
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
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
from tests.property.conftest import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable

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

    def _wait(self, _times: int) -> bool:
        self.is_blocked.set()
        time.sleep(LOOK_AGAIN_SECONDS)
        return True


class Shared:
    """One database and its two writers; `journal` judges what they did."""

    def __init__(self, path: Path) -> None:
        self.writers = [Writer(path), Writer(path)]
        self.now = NOW
        self.journal = Chronicle(path)
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
        second.is_blocked.clear()
        tries: list[Future[Outcome]] = []

        def new_id() -> str:  # is asked for between loading and writing
            if not tries:
                tries.append(self._thread.submit(self._acquire, second, self._new_id, other))
                assert second.is_blocked.wait(PATIENCE_SECONDS), "it did not wait for its turn"
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

    def _acquire(self, writer: Writer, new_id: Callable[[], str], task_id: str | None) -> Outcome:
        wanted = {} if task_id is None else {"task_id": task_id}
        return self._do(writer, "AcquireNextNode", wanted, new_id)

    def _do(
        self, writer: Writer, method: str, params: Params, new_id: Callable[[], str] | None = None
    ) -> Outcome:
        known = context(now=self.now, new_id=new_id or self._new_id)
        request = command(method, to_params(method, params))
        [outcome] = run_batch(writer, [request], known, raise_fault)
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


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the limits and the tasks, that nobody has open."""
    directory = tmp_path_factory.mktemp("two_writers")
    with closing(open_sqlite(directory)) as store:
        core = Core(store)
        for name, limit in LIMITS.items():
            core.do("SetLimit", name=name, **limit)
        for number, limits in enumerate(DEMANDS, 1):
            nodes = [{"id": uid(1_000 * number + n), "limits": limits} for n in range(NODES)]
            core.register(*nodes)
    return directory / DATABASE


def open_copy(template: Path, directory: str) -> closing[Shared]:
    """Two writers on a copy of the database."""
    return closing(Shared(Path(shutil.copy(template, directory))))


def test_the_last_slot_is_ones(template: Path, tmp_path: Path) -> None:
    """Whoever begins first gets it, and the other, that has it cached as free, sees it taken."""
    chance = random.Random(0)
    with open_copy(template, str(tmp_path)) as shared:
        for _ in range(200):
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


@settings(max_examples=max(1, EXAMPLES // 4))
@given(steps=st.lists(STEPS, min_size=20, max_size=60))
def test_two_writers_are_as_one(template: Path, steps: list[tuple[Any, ...]]) -> None:
    """Whatever they did before: no node has two holders, no limit too many, no work is unseen."""
    with TemporaryDirectory() as directory, open_copy(template, directory) as shared:
        for name, *arguments in steps:
            getattr(shared, name)(*arguments)
