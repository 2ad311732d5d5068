"""The whole core against the model: random requests, batches, crashes, restarts and clock steps."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import rule, run_state_machine_as_test

from agentd.projections import PROJECTIONS, Projection
from agentd.store import Store
from agentd.store.memory import MemoryStore
from tests.core import Core, Held, open_sqlite, spec
from tests.property.machine import CoreMachine

MACHINE = settings(stateful_step_count=40)
FEWER = MACHINE.max_examples // 4


class MemoryMachine(CoreMachine):
    def open(self) -> Store:
        return MemoryStore()


class SqliteMachine(CoreMachine):
    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="agentd-machine-"))
        self.lives = 0

    @property
    def directory(self) -> Path:
        return self.home / str(self.lives)

    def open(self) -> Store:
        self.directory.mkdir(exist_ok=True)
        return open_sqlite(self.directory)

    def reopened(self) -> Store:
        self.core.store.close()
        return self.open()

    @rule()
    def crash(self) -> None:
        """Go on with the files as a killed daemon leaves them: the WAL is not in the database."""
        files = list(self.directory.glob("*.db*"))
        self.lives += 1
        self.directory.mkdir()
        for file in files:
            if not file.name.endswith("-shm"):
                shutil.copy(file, self.directory)
        killed, self.core.store = self.core.store, self.open()
        killed.close()

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            shutil.rmtree(self.home)


def test_the_core_on_the_memory_store() -> None:
    """Whatever is asked in whatever order, every answer and every state is the model's."""
    run_state_machine_as_test(MemoryMachine, settings=MACHINE)


def test_the_core_on_a_sqlite_file() -> None:
    """The same holds on a file, through crashes and restarts."""
    run_state_machine_as_test(SqliteMachine, settings=MACHINE)


def test_the_core_on_a_sqlite_file_that_is_remembered_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same holds when the writer has to forget what it has read all the time."""
    monkeypatch.setattr("agentd.store.sql.cache._ROWS", 12)
    monkeypatch.setattr("agentd.store.sql.cache._TASKS", 1)
    monkeypatch.setattr("agentd.store.sql.cache._LARGEST_PAYLOAD", 4)
    monkeypatch.setattr("agentd.store.sql.tables.queue._AHEAD", 2)
    monkeypatch.setattr("agentd.store.sql.tables.tasks._FEW", 1)
    run_state_machine_as_test(SqliteMachine, settings=settings(MACHINE, max_examples=FEWER))


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda each: each.name)
def test_the_replay_sees_every_table(projection: Projection) -> None:
    """A life leaves rows in every table, and one row that the journal does not give is found."""
    store = MemoryStore()
    machine, core = MemoryMachine(), Core(store)
    machine.core = core
    demands = {"requires": ["gpu"], "limits": ["l1"]}
    task_id = core.register(
        spec(1, **demands), spec(2, 1, locks=["a"]), spec(3, **demands), spec(4, gate={"ask": ""})
    )
    core.do("ImportTask", goal="g", source="s", nodes=[])
    core.do("SetLimit", name="l1", max_running=2, rate={"count": 2, "per_secs": 30})
    core.do("AcquireResourceLock", resource_key="dir:/repo")
    core.do("AcquireResourceLock", resource_key="b", ttl_secs=1)
    core.now += 1_000
    core.do("expire_locks")
    held = core.do("AcquireNextNode", task_id=task_id, labels=["gpu"])
    core.do("CommitEvent", **{k: held[k] for k in Held._fields}, usage={"usd": 1})
    machine.the_journal_gives_the_same_rows()
    with store.write() as tx:
        del tx.tables[projection.name][next(iter(tx.tables[projection.name]))]
    with pytest.raises(AssertionError):
        machine.the_journal_gives_the_same_rows()
