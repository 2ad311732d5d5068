"""A task as it was: TaskStatus, NodeStatus and ExplainNode at a seq or a moment, on both stores."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd.errors import InvalidParams, NodeNotFound, TaskNotFound
from agentd.store.memory import past
from tests.core import LEASE_MS, NOW, STORES, Core, spec, uid


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    made = Core(STORES[request.param](tmp_path))
    yield made
    made.store.close()


def last(core: Core) -> int:
    """The seq of the last event."""
    return core.journal()[-1].seq


def moment(milliseconds: int) -> str:
    """So many milliseconds of the first second of the suite's moment, as RFC 3339."""
    return f"2026-01-31T12:00:00.{123 + milliseconds:03d}Z"


def statuses(core: Core, task_id: str, at: int | str) -> dict[str, str]:
    """The nodes' statuses then, by their names."""
    found = core.do("TaskStatus", task_id=task_id, at=at)
    return {node["name"]: node["status"] for node in found["nodes"]}


def causes(core: Core, task_id: str, node: str, **at: Any) -> list[str]:
    """What held the node, in a word each."""
    told = core.do("ExplainNode", task_id=task_id, node_id=node, **at)["reasons"]
    return [cause["kind"] for cause in told]


def test_after_each_event_the_task_is_as_it_was(core: Core) -> None:
    """At the seq of an event it has happened, at the one before it has not."""
    task_id = core.register(spec(1, name="a"), spec(2, 1, name="b"))
    added = last(core)
    lease = core.hold(task_id, "w")
    held = last(core)
    core.do("CompleteNode", **lease.params, payload={"n": 1})
    done = last(core)
    core.hold(task_id)
    assert statuses(core, task_id, added) == {"a": "PENDING", "b": "PENDING"}
    assert statuses(core, task_id, held) == {"a": "RUNNING", "b": "PENDING"}
    assert statuses(core, task_id, done) == {"a": "COMPLETED", "b": "PENDING"}
    then = core.do("NodeStatus", task_id=task_id, node_id="a", at=held)
    assert (then["node"]["lease_owner"], then["node"]["result_payload"]) == ("w", None)
    assert then["attempts"] == []
    before = core.do("NodeStatus", task_id=task_id, node_id="b", at=held)
    assert before["node"]["blocked_by"] == ["dependency"]


def test_a_moment_is_after_all_events_up_to_it(core: Core) -> None:
    """Those of the same millisecond included; between two events it is what the first made."""
    task_id = core.register(spec(1, name="a"))
    core.now += 10
    lease = core.hold(task_id)
    core.do("ReleaseNode", **lease.params)
    lease = core.hold(task_id, "second")
    core.now += 10
    core.do("CompleteNode", **lease.params)
    assert statuses(core, task_id, moment(9)) == {"a": "PENDING"}
    assert statuses(core, task_id, moment(19)) == {"a": "RUNNING"}
    found = core.do("NodeStatus", task_id=task_id, node_id="a", at=moment(10))
    assert (found["node"]["lease_owner"], found["node"]["attempt"]) == ("second", 2)


def test_what_lies_ahead_is_the_present(core: Core) -> None:
    """A seq or a moment that the journal has not reached shows what there is now."""
    task_id = core.register(spec(1, not_before=NOW / 1000 + 60))
    now = core.do("TaskStatus", task_id=task_id)
    assert core.do("TaskStatus", task_id=task_id, at=2**53 - 1) == now
    assert core.do("TaskStatus", task_id=task_id, at="2100-01-01T00:00:00Z") == now


def test_before_its_registration_there_is_no_task(core: Core) -> None:
    """At no place and at no moment; the refusal says when it was registered."""
    core.register(spec(1))
    core.now += 5
    task_id = core.register(spec(2))
    for at in (0, 1, 2, moment(4), "1999-12-31T23:59:59Z"):
        with pytest.raises(TaskNotFound, match=r"registered at 2026-01-31T12:00:00\.128Z, seq 3"):
            core.do("TaskStatus", task_id=task_id, at=at)
    with pytest.raises(TaskNotFound, match=uid(0xDEAD)):
        core.do("NodeStatus", task_id=uid(0xDEAD), node_id=uid(1), at=1)
    with pytest.raises(NodeNotFound):
        core.do("ExplainNode", task_id=task_id, node_id=uid(1), at=4)


@pytest.mark.parametrize("at", [-1, 1.5, True, "yesterday", "12", "", 2**53, [], "2026-01-31"])
def test_what_is_neither_a_place_nor_a_moment(core: Core, at: object) -> None:
    """It is refused, and the message names the field."""
    task_id = core.register(spec(1))
    for query, node in (("TaskStatus", {}), ("NodeStatus", {"node_id": uid(1)})):
        with pytest.raises(InvalidParams, match=r"\$\.at"):
            core.do(query, task_id=task_id, at=at, **node)


def test_time_is_judged_by_the_moment_of_then(core: Core) -> None:
    """A node whose `not_before` has passed since was held by it then."""
    task_id = core.register(spec(1, not_before=(NOW + 500) / 1000))
    core.now += 600
    assert causes(core, task_id, uid(1)) == []
    assert causes(core, task_id, uid(1), at=moment(499)) == ["not_before"]
    assert causes(core, task_id, uid(1), at=2) == ["not_before"]
    assert causes(core, task_id, uid(1), at=moment(500)) == []


def test_what_held_a_node_is_told_of_the_past(core: Core) -> None:
    """A pause, a budget and a cancelled ancestor were the task's own, and are known."""
    parent = core.do("RegisterTask", goal="p", initial_nodes=[spec(9)])["task_id"]
    task_id = core.do(
        "RegisterTask",
        goal="g",
        initial_nodes=[spec(1)],
        budget={"usd": 1},
        paused=True,
        parent_task_id=parent,
    )["task_id"]
    paused = last(core)
    core.do("ResumeTask", task_id=task_id)
    core.do("CommitEvent", task_id=task_id, node_id=uid(1), usage={"usd": 1})
    spent = last(core)
    core.do("SetBudget", task_id=task_id, budget=None)
    core.do("CancelTask", task_id=parent)
    at = {"paused": paused, "budget_spent": spent, "cancelled": last(core)}
    for kind, seq in at.items():
        assert causes(core, task_id, uid(1), at=seq) == [kind]


def test_limits_and_workers_are_known_of_the_present_alone(core: Core) -> None:
    """A full or closed limit, and labels that nobody offers, are left out of the past."""
    task_id = core.register(spec(1, limits=["l"], requires=["gpu"]))
    core.do("SetLimit", name="l", max_running=0)
    assert causes(core, task_id, uid(1)) == ["limit_full", "no_worker"]
    assert causes(core, task_id, uid(1), at=last(core)) == []
    shown = core.do("TaskStatus", task_id=task_id, at=last(core))["nodes"][0]
    assert (shown["blocked_by"], shown["limits"]) == ([], ["l"])


def test_settings_usage_and_checkpoints_are_those_of_then(core: Core) -> None:
    """UpdateNode, more usage and another checkpoint leave the past alone."""
    task_id = core.register(spec(1, priority=5, timeout_secs=900))
    lease = core.hold(task_id)
    core.do("CommitEvent", **lease.params, usage={"usd": 0.1}, checkpoint=True, payload=1)
    then = last(core)
    core.do("CommitEvent", **lease.params, usage={"usd": 0.2}, checkpoint=True, payload=2)
    core.now += LEASE_MS
    core.do("settle_due", task_id=task_id)
    core.do("UpdateNode", task_id=task_id, node_id=uid(1), priority=9)
    found = core.do("NodeStatus", task_id=task_id, node_id=uid(1), at=then)
    assert found["checkpoint"]["payload"] == 1
    assert found["node"]["usage"] == {"usd": 0.1}
    assert found["node"]["priority"] == 5
    assert core.do("TaskStatus", task_id=task_id, at=then)["usage"] == {"usd": 0.1}


def test_pages_and_fields_of_the_past(core: Core) -> None:
    """`fields`, `limit` and `after` mean the same then."""
    task_id = core.register(*(spec(number) for number in range(1, 6)))
    registered = last(core)
    core.do("CompleteNode", **core.hold(task_id).params)
    page = core.do("TaskStatus", task_id=task_id, at=registered, limit=2, after=1, fields=["nodes"])
    assert ([node["id"] for node in page["nodes"]], page["next"]) == ([uid(3), uid(4)], 3)
    assert page.keys() == {"task", "state", "nodes", "next"}
    counts = core.do("TaskStatus", task_id=task_id, at=registered, fields=["counts"])
    assert counts["counts"] == {"PENDING": 5}


def test_of_the_others_nothing_is_read(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs what the task's own records cost: those of other tasks are not looked at."""
    task_id = core.register(spec(1))
    for number in range(2, 9):
        core.do("CompleteNode", **core.hold(core.register(spec(number))).params)
    with core.store.read() as reader:
        streams: list[object] = []
        journal = type(reader).journal

        def counted(self: Any, after: int = 0, task_id: str | None = None, **more: Any) -> Any:
            streams.append(task_id)
            return journal(self, after, task_id, **more)

        monkeypatch.setattr(type(reader), "journal", counted)
        reader.past(task_id, reader.last_seq())
    assert streams == [task_id]


def locks(core: Core, **params: Any) -> list[tuple[str, str, int]]:
    """Keys, owners and ends of the locks that were held then."""
    found = core.do("ListResourceLocks", **params)["locks"]
    return [(each["resource_key"], each["owner"], each["lease_expires_at"]) for each in found]


def test_who_held_which_lock(core: Core) -> None:
    """After each event those that were held then, of tasks and of none; an expired one is not."""
    task_id = core.register(spec(1))
    asked = {"owner": "a", "ttl_secs": 5}
    free = core.do("AcquireResourceLock", resource_key="port:1", **asked)
    core.do("AcquireResourceLock", resource_key="port:2", task_id=task_id, owner="b", ttl_secs=9)
    two = last(core)
    held = {"resource_key": "port:1", "lease_id": free["lease_id"]}
    core.do("HeartbeatResourceLock", **held, ttl_secs=50)
    longer = last(core)
    core.do("ReleaseResourceLock", **held)
    begins = NOW // 1000
    assert locks(core, at=two) == [("port:1", "a", begins + 5), ("port:2", "b", begins + 9)]
    assert locks(core, at=two, owner="b") == locks(core, at=two, task_id=task_id)
    assert locks(core, at=longer)[0] == ("port:1", "a", begins + 50)
    assert locks(core, at=last(core)) == [("port:2", "b", begins + 9)]
    assert locks(core, at=2) == []
    core.now += 60_000
    assert locks(core, at="2026-01-31T12:00:09Z") == [("port:2", "b", begins + 9)]
    assert locks(core, at="2026-01-31T12:00:10Z") == []


def test_a_lock_of_a_node_ended_with_its_lease(core: Core) -> None:
    """Its end then was that of the lease, as it had been extended."""
    task_id = core.register(spec(1, locks=["dir:/src"]))
    lease = core.hold(task_id, "w")
    held = last(core)
    core.now += 10_000
    core.do("HeartbeatNode", **lease.params)
    beaten = last(core)
    core.do("CompleteNode", **lease.params)
    ends = (NOW + LEASE_MS) // 1000
    assert locks(core, at=held) == [("dir:/src", "w", ends)]
    assert locks(core, at=beaten) == [("dir:/src", "w", ends + 10)]
    assert locks(core, at=last(core)) == locks(core) == []


def test_the_locks_of_others_are_never_of_the_past(core: Core) -> None:
    """A node that a lock kept back is told so now, and not of then."""
    task_id = core.register(spec(1, locks=["dir:/src"]))
    core.do("AcquireResourceLock", resource_key="file:/src/a")
    assert causes(core, task_id, uid(1)) == ["locked"]
    assert causes(core, task_id, uid(1), at=last(core)) == []
    now = core.do("NodeStatus", task_id=task_id, node_id=uid(1), at=last(core))
    assert now["node"]["blocked_by"] == []


def test_of_tasks_whose_locks_have_ended_nothing_is_read(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who held what then costs the records of locks, and the tasks of those that were held."""
    asked: list[str] = []
    make = past.Past

    def noted(present: past.Present, task_id: str, until: int) -> past.Past:
        asked.append(task_id)
        return make(present, task_id, until)

    monkeypatch.setattr(past, "Past", noted)
    ended, held = core.register(spec(1, locks=["a"])), core.register(spec(2, locks=["b"]))
    core.do("CompleteNode", **core.hold(ended).params)
    core.hold(held)
    [found] = core.do("ListResourceLocks", at=last(core))["locks"]
    assert (found["resource_key"], found["lease_expires_at"]) == ("b", (NOW + LEASE_MS) // 1000)
    assert asked == [held]
