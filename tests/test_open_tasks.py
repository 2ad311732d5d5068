"""The queue that `make bench` measures: it is as large and as blocked as its figures say."""

from collections.abc import Iterator

import pytest

from agentd.store.sqlite import SqliteStore
from benchmarks.open_tasks import BLOCKED_SETS, LABELS, NODES_PER_TASK, SETS, fill_home
from tests.core import Core

TASKS = 600  # as many as it takes to meet each set with each priority, and each third paused one


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Core]:
    home = tmp_path_factory.mktemp("home")
    fill_home(home, TASKS)
    opened = Core(SqliteStore.open_existing(home / "agent_state.db"))
    with opened.store.read() as reader:
        opened.now = reader.last_at()
    yield opened
    opened.store.close()


def test_every_set_stands_in_the_queue(core: Core) -> None:
    """A hundred different sets of labels and limits wait, each with a task that is not paused."""
    with core.store.read() as reader:
        stretches = list(reader.next_stretches())
    assert len({stretch.demand for stretch in stretches}) == len(stretches) == SETS


def test_a_third_of_the_tasks_is_blocked(core: Core) -> None:
    """Paused, or of a set that nobody can take; the worker gets the nodes of all others."""
    limits = {each["name"]: each for each in core.do("ListLimits")["limits"]}
    full = [each for each in limits.values() if each["max_running"] == 0]
    closed = [each for each in limits.values() if each["closed_until"] is not None]
    assert full
    assert closed
    assert len(full) + len(closed) < len(BLOCKED_SETS), "some sets ask for labels"
    got = 0
    while leases := core.do("AcquireNodes", count=64, labels=LABELS)["leases"]:
        got += len(leases)
        core.now += 1_000  # the rates have room again
        core.batch(*(("CompleteNode", _lease(each)) for each in leases))
    assert got == TASKS * NODES_PER_TASK * 2 // 3


def _lease(acquired: dict[str, str]) -> dict[str, str]:
    return {name: acquired[name] for name in ("task_id", "node_id", "lease_id")}
