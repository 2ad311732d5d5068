"""What a whole database brings: tasks with their ids, leases and locks that are still held."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw

from agentd.api import (
    AddNodesParams,
    ImportedEventSpec,
    ImportedNodeSpec,
    ImportTaskParams,
    NoParams,
    NoteSpec,
)
from agentd.decide import LiveLease, LiveLock, TakeOver
from agentd.errors import InvalidParams, StaleLease
from agentd.methods import Command
from agentd.methods.growth import ADD_NODES
from agentd.methods.imports import take_over_lock, take_over_task
from agentd.replay import check
from agentd.transact import Call, Outcome
from tests.core import LEASE_MS, NOW, STORES, Core, uid

TASK, RUNNING, WAITING, DONE, LEASE = map(uid, range(1, 6))
HELD = {"task_id": TASK, "node_id": RUNNING, "lease_id": LEASE}
ENDS = NOW + 5_000


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    made = Core(STORES[request.param](tmp_path))
    yield made
    assert not [*check(made.store, lambda _seq: None)], "a replay gives other rows"
    made.store.close()


def run(core: Core, command: Command, params: Any) -> Outcome:
    """What becomes of one command; a refusal is raised."""
    [outcome] = core.run([Call(command, params)])
    if outcome.refusal is not None:
        raise outcome.refusal
    return outcome


def params() -> ImportTaskParams:
    """A task with a node that runs, one behind it, and one that is done."""
    return ImportTaskParams(
        goal="g",
        source="old.db",
        created_at=1_000.5,
        nodes=[
            ImportedNodeSpec(id=RUNNING),
            ImportedNodeSpec(id=WAITING, dependencies=[RUNNING]),
            ImportedNodeSpec(id=DONE, status="COMPLETED", result_payload=Raw(b"[1.0]")),
        ],
        events=[ImportedEventSpec(node_id=RUNNING, id=uid(0xE1), timestamp=1_001)],
    )


def take_over(core: Core, *known: str) -> Outcome:
    """The task, as it was elsewhere."""
    lease = LiveLease(LEASE, "old worker", ENDS, NOW - 9_000)
    changed = {RUNNING: NOW - 9_000, WAITING: 7_000, DONE: 8_000}
    return run(core, take_over_task(TakeOver(TASK, changed, {RUNNING: lease}), known), params())


def test_a_task_keeps_its_id_and_times(core: Core) -> None:
    """Those of nodes that have not ended too."""
    assert take_over(core).result.task_id == TASK
    status = core.do("TaskStatus", task_id=TASK)
    assert status["counts"] == {"PENDING": 1, "RUNNING": 1, "COMPLETED": 1}
    assert status["task"]["created_at"] == "1970-01-01T00:16:40.500Z"
    running, waiting, done = status["nodes"]
    assert [node["updated_at"] for node in (waiting, done)] == [7, 8]
    assert {name: running[name] for name in ("lease_id", "lease_owner", "lease_expires_at")} == {
        "lease_id": LEASE,
        "lease_owner": "old worker",
        "lease_expires_at": ENDS // 1000,
    }
    assert running["acquired_at"] == running["updated_at"] == (NOW - 9_000) // 1000
    told = [each["action_type"] for each in core.do("TaskEvents", task_id=TASK)["events"]]
    assert told == ["IMPORT_TASK", *["ADD_NODE"] * 3, "ACQUIRE_NODE", "COMMIT_EVENT"]
    assert core.journal()[-1].event_id == uid(0xE1)


def test_its_worker_goes_on(core: Core) -> None:
    """With its heartbeats and its end, as if it had acquired the node here."""
    take_over(core)
    assert core.do("HeartbeatNode", **HELD)["lease_expires_at"] == (NOW + LEASE_MS) // 1000
    assert core.do("CompleteNode", **HELD, result_payload=2)["event_id"]
    lease = core.do("AcquireNextNode", task_id=TASK)
    assert lease["node_id"] == WAITING
    [told] = lease["context"]["completed_dependencies"]
    assert told["result_payload"] == 2
    attempts = core.do("NodeStatus", task_id=TASK, node_id=RUNNING)["attempts"]
    assert [(each["attempt"], each["owner"], each["how"]) for each in attempts] == [
        (1, "old worker", "completed")
    ]


def test_a_lease_ends_when_it_would_have(core: Core) -> None:
    """Its worker is told so, and the node is handed out again."""
    take_over(core)
    core.now = ENDS
    lease = core.do("AcquireNextNode", task_id=TASK)
    assert (lease["node_id"], lease["attempt"]) == (RUNNING, 2)
    with pytest.raises(StaleLease):
        core.do("HeartbeatNode", **HELD)


def test_a_repeat_finds_the_task(core: Core) -> None:
    """Whatever has become of it."""
    first = take_over(core).result
    core.do("CompleteNode", **HELD)
    again = take_over(core)
    assert (again.result.existing, again.result.node_ids) == (True, first.node_ids)
    assert not list(again.recorded)


def test_ids_that_the_journal_is_known_to_have(core: Core) -> None:
    """They are refused; nothing is looked up."""
    with pytest.raises(InvalidParams, match=uid(0xE1)):
        take_over(core, uid(0xE1))
    assert core.journal() == []


def test_more_events_come_in_pieces(core: Core) -> None:
    """With their ids."""
    take_over(core)
    events: list[NoteSpec] = [
        ImportedEventSpec(node_id=DONE, id=uid(0xE0 + at), timestamp=at) for at in (2, 3)
    ]
    run(core, ADD_NODES, AddNodesParams(task_id=TASK, nodes=[], events=events))
    assert [record.event_id for record in core.journal()][-3:] == [
        uid(0xE0 + at) for at in (1, 2, 3)
    ]
    *_, last = core.do("TaskEvents", task_id=TASK)["events"]
    assert (last["timestamp"], last["by_client"]) == ("1970-01-01T00:00:03.000Z", True)


def test_a_lock_goes_on(core: Core) -> None:
    """Under its lease, with its times, for its task; a second time nothing is recorded."""
    take_over(core)
    lock = LiveLock("k", uid(9), "me", ENDS, NOW - 9_000, NOW - 50, "p", TASK, "no node", b"[1]")
    assert len(run(core, take_over_lock(lock), NoParams()).recorded) == 1
    [shown] = core.do("ListResourceLocks")["locks"]
    assert shown == {
        "resource_key": "k",
        "lease_id": uid(9),
        "owner": "me",
        "provider": "p",
        "task_id": TASK,
        "node_id": "no node",
        "metadata": [1],
        "acquired_at": (NOW - 9_000) // 1000,
        "lease_expires_at": ENDS // 1000,
        "updated_at": (NOW - 50) // 1000,
        "mode": "exclusive",
    }
    assert core.do("AcquireResourceLock", resource_key="k") is None
    beat = core.do("HeartbeatResourceLock", resource_key="k", lease_id=uid(9))
    assert beat["lease_expires_at"] == (NOW + LEASE_MS) // 1000
    assert not list(run(core, take_over_lock(lock), NoParams()).recorded)
    core.do("ReleaseResourceLock", resource_key="k", lease_id=uid(9))
    assert core.do("ListResourceLocks")["locks"] == []


def test_a_lock_that_another_is_in_the_way_of(core: Core) -> None:
    """What is held here stays."""
    here = core.do("AcquireResourceLock", resource_key="k", owner="here")
    there = LiveLock("k", uid(9), "there", ENDS, NOW, NOW)
    assert not list(run(core, take_over_lock(there), NoParams()).recorded)
    [shown] = core.do("ListResourceLocks")["locks"]
    assert shown["lease_id"] == here["lease_id"]


def test_locks_that_were_held_beside_each_other(core: Core) -> None:
    """They go on beside each other, though one of them could not be taken here any more."""
    for number, key in enumerate(("dir:src", "file:src/a.py")):
        lock = LiveLock(key, uid(number), "there", ENDS, NOW, NOW, source="there")
        [recorded] = run(core, take_over_lock(lock), NoParams()).recorded
        assert b'"imported_from":"there"' in recorded.data
    assert len(core.do("ListResourceLocks")["locks"]) == 2
    assert core.do("AcquireResourceLock", resource_key="file:src/b.py") is None
