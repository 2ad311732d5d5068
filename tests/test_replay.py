"""Refolding the journal: a rebuild gives what was there, and a task can be seen as it was."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from agentd import replay
from agentd.errors import TaskNotFound
from agentd.journal import Recorded
from agentd.projections import NODES, PROJECTIONS
from agentd.store import Store
from agentd.store.sqlite import SqliteStore
from tests.core import LEASE_MS, NOW, STORES, Core, uid
from tests.history import LAST, TASK, play


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    """A database without a past, on every store."""
    store = STORES[request.param](tmp_path)
    yield Core(store)
    store.close()


@pytest.fixture
def lived(core: Core) -> Core:
    """The same with the whole history."""
    play(core)
    assert len(core.journal()) == LAST
    return core


def tables(store: Store) -> dict[str, list[Struct]]:
    """All rows of all projections."""
    with store.read() as reader:
        return {projection.name: list(reader.rows(projection)) for projection in PROJECTIONS}


def ignore(_seq: int) -> None:
    """Nobody watches the progress."""


def check(store: Store) -> list[str]:
    """The differences, in words."""
    return [str(difference) for difference in replay.check(store, ignore)]


# Rebuild


def test_a_rebuild_changes_nothing(lived: Core) -> None:
    """The rows that were kept are the rows that the journal gives."""
    before = tables(lived.store)
    assert replay.rebuild(lived.store, ignore) == LAST
    assert tables(lived.store) == before


def test_a_rebuild_repairs(lived: Core) -> None:
    """Rows that were lost or changed are the journal's again."""
    before = tables(lived.store)
    with lived.store.write() as tx:
        tx.put(NODES, (uid(1),), None)
        tx.put(NODES, (uid(2),), msgspec.structs.replace(tx.get(NODES, (uid(2),)), position=9))
    assert tables(lived.store) != before
    replay.rebuild(lived.store, ignore)
    assert tables(lived.store) == before


def test_work_goes_on_after_a_rebuild(lived: Core) -> None:
    """A rebuilt database is asked and written as before."""
    replay.rebuild(lived.store, ignore)
    lived.now += LEASE_MS
    held = lived.hold(TASK, "worker-3")
    lived.do("CompleteNode", **held.params)
    assert lived.hold(TASK).node_id == uid(3)
    assert check(lived.store) == []


def test_an_empty_journal(tmp_path: Path) -> None:
    """A database without events is rebuilt to nothing, and is ok."""
    with closing(SqliteStore.open(tmp_path / "agent_state.db", NOW)) as store:
        assert replay.rebuild(store, ignore) == 0
        assert check(store) == []


def test_a_rebuild_that_is_interrupted(lived: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rebuild that does not come to its end changes nothing."""
    before = tables(lived.store)

    def interrupt(seq: int) -> None:
        raise KeyboardInterrupt(seq)

    monkeypatch.setattr(replay, "PROGRESS_EVERY", 10)
    with pytest.raises(KeyboardInterrupt, match="10"):
        replay.rebuild(lived.store, interrupt)
    assert tables(lived.store) == before


def test_progress_is_told(lived: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rebuild and check tell how far they are, now and then."""
    told: list[int] = []
    monkeypatch.setattr(replay, "PROGRESS_EVERY", 5)
    replay.rebuild(lived.store, told.append)
    assert list(replay.check(lived.store, told.append)) == []
    assert told == [5, 10, 15, 5, 10, 15]


# Looking back


def up_to(seq: int) -> Callable[[Recorded], bool]:
    """The records up to that seq."""
    return lambda recorded: recorded.seq <= seq


def seen(store: Store, task_id: str, until: Callable[[Recorded], bool]) -> Any:
    """The task as it was then, as plain JSON values."""
    status = replay.task_at(store, task_id, until)
    return msgspec.json.decode(msgspec.json.encode(status))


def test_a_task_is_seen_as_it_was(core: Core) -> None:
    """At every seq the past is what TaskStatus said then, whatever happened since."""
    said = play(core)
    assert len(said) >= 7
    assert {seq: seen(core.store, TASK, up_to(seq)) for seq in said} == said


def test_a_task_is_seen_at_a_moment(lived: Core) -> None:
    """Looking back goes to the last record for which the condition holds."""
    then = seen(lived.store, TASK, lambda recorded: recorded.at <= NOW)
    assert then["counts"] == {"PENDING": 2, "RUNNING": 2}


def test_other_tasks_do_not_matter(lived: Core) -> None:
    """A task that came later is seen from its own registration on."""
    [other] = {record.task_id for record in lived.journal()} - {TASK}
    assert seen(lived.store, other, up_to(LAST))["task"]["goal"] == "another"
    with pytest.raises(TaskNotFound):
        seen(lived.store, other, up_to(5))


@pytest.mark.parametrize(("task_id", "seq"), [(TASK, 0), (uid(9), LAST)])
def test_there_was_no_task_then(lived: Core, task_id: str, seq: int) -> None:
    """A task that was not registered yet, or never, is not found."""
    with pytest.raises(TaskNotFound, match=f"there was no task {task_id} then"):
        seen(lived.store, task_id, up_to(seq))


def test_looking_back_writes_nothing(lived: Core) -> None:
    """Rows and journal are afterwards what they were."""
    before = tables(lived.store), lived.journal()
    seen(lived.store, TASK, up_to(8))
    assert (tables(lived.store), lived.journal()) == before
