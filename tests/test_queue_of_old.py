"""A database of before there were limits is, once it is opened, what a replay makes of it."""

from pathlib import Path

import pytest

from agentd.replay import check
from agentd.store.sqlite import SqliteStore
from tests.core import NOW, Core, spec, uid
from tests.databases import at_work, make_older

BEFORE = 9


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with tasks that hand out nodes, and with such as hand out none."""
    path = tmp_path / "agent_state.db"
    with at_work(path, 0) as core:
        for paused, number in ((False, 10), (True, 20)):
            nodes = [
                spec(number),
                spec(number + 1, priority=5),
                spec(number + 2, number),
                spec(number + 3, not_before=(NOW + 9_000) / 1000),
            ]
            core.do("RegisterTask", goal="g", paused=paused, initial_nodes=nodes)
        core.do("RegisterTask", goal="g", budget={"usd": 0}, initial_nodes=[spec(30)])
        core.do("CancelTask", task_id=core.register(spec(40)))
        task_id = core.register(spec(50), spec(51))
        core.do("FailNode", **core.hold(task_id).params)
        core.hold(task_id)
        core.register()
    make_older(path, BEFORE)
    return path


def test_the_rows_are_what_the_journal_says(path: Path) -> None:
    """The queue is made of what is ready, and held where its task hands out none."""
    store = SqliteStore.open(path, NOW)
    assert not [*check(store, lambda _seq: None)]
    store.close()


def test_what_is_handed_out(path: Path) -> None:
    """It goes on in its order."""
    core = Core(SqliteStore.open(path, NOW))
    core.new_id.last += 10_000_000
    order = [core.do("AcquireNextNode")["node_id"] for _ in range(2)]
    assert order == [uid(11), uid(10)]
    assert core.do("AcquireNextNode") is None
    core.now += 9_000
    assert core.do("AcquireNextNode")["node_id"] == uid(13)
    core.store.close()
