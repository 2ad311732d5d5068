"""Which node is handed out when, on both stores, and by which name it is known."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd.errors import RequestRefused
from agentd.replay import check
from tests.attempts import AT, acquire, hold, order, status
from tests.core import LEASE_MS, NOW, STORES, Core, kind_of, spec, uid


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    made = Core(STORES[request.param](tmp_path))
    yield made
    assert not [*check(made.store, lambda _seq: None)], "a replay gives other rows"
    made.store.close()


# Order and moments


def test_priorities(core: Core) -> None:
    """Higher first, then as they were registered; what says nothing has the task's."""
    nodes = [{"name": "a"}, {"name": "b", "priority": 7}, {"name": "c", "priority": 0}]
    nodes += [{"name": "d"}, {"name": "e", "priority": -100}]
    task = core.do("RegisterTask", goal="g", initial_nodes=nodes, priority=5)
    shown = core.do("TaskStatus", task_id=task["task_id"])["nodes"]
    assert [node["priority"] for node in shown] == [5, 7, 0, 5, -100]
    assert order(core, task["task_id"]) == ["b", "a", "d", "c", "e"]


def test_what_keeps_running_out_starves_nobody(core: Core) -> None:
    """After its third expiry in a row it stands behind its equals, until it ends otherwise."""
    task_id = core.register(spec(1, name="a"), spec(2, name="b", priority=-1))
    for _ in range(3):
        assert acquire(core, task_id)["name"] == "a"
        core.now += LEASE_MS
    core.do("settle_due", task_id=task_id)
    assert acquire(core, task_id)["name"] == "a", "a lower priority is no equal"
    task_id = core.register(spec(3, name="a"), spec(4, name="b"))
    for _ in range(3):
        assert acquire(core, task_id, node_id="a")["name"] == "a"
        core.now += LEASE_MS
    assert acquire(core, task_id)["name"] == "b"
    held = hold(core, task_id)
    core.do("ReleaseNode", **held.params)
    assert core.node(task_id, uid(3))["priority"] == 0
    core.now += LEASE_MS
    assert order(core, task_id) == ["a", "b"], "a release broke the row"


def test_a_node_is_not_handed_out_before_its_moment(core: Core) -> None:
    """Unix seconds or RFC 3339; one that is past is none."""
    nodes = [
        spec(1, not_before=AT + 10),
        spec(2, 1, not_before="2026-01-31T12:00:20.123Z"),
        spec(3, not_before=AT),
    ]
    task_id = core.register(*nodes)
    listed = core.do("TaskStatus", task_id=task_id)["nodes"]
    assert [node["not_before"] for node in listed] == [AT + 10, AT + 20, None]
    assert order(core, task_id) == [uid(3)]
    assert core.do("ListTasks", runnable=True)["tasks"] == []
    core.now += 10_000
    held = hold(core, task_id)
    assert held.node_id == uid(1)
    core.now += 10_000
    core.do("settle_due", task_id=task_id)
    assert core.node(task_id, uid(2))["not_before"] is None
    core.do("CompleteNode", **held.params)
    assert order(core, task_id) == [uid(2)]


def test_many_moments_come_at_once(core: Core) -> None:
    """A thousand are told of by one command, the oldest first."""
    task_id = core.register(*[{"not_before": AT + 1}] * 1_001)
    core.now += 1_000
    before = len(core.journal())
    core.do("settle_due", task_id=task_id)
    assert len(core.journal()) - before == 1_000
    core.do("settle_due", task_id=task_id)
    assert len(core.journal()) - before == 1_001


def test_a_moment_is_shown_to_nobody(core: Core) -> None:
    """That it has come is recorded, and listed as little as a heartbeat."""
    task_id = core.register(spec(1, not_before=AT + 1))
    core.now += 1_000
    core.do("settle_due", task_id=task_id)
    events = core.do("TaskEvents", task_id=task_id)["events"]
    assert [event["action_type"] for event in events] == ["REGISTER_TASK", "ADD_NODE"]


def test_who_found_nothing_looks_again(core: Core) -> None:
    """What is due may be recorded by who finds nothing; the repeat of that is a new try."""
    task_id = core.register(spec(1), spec(2, 1, not_before=AT + 1))
    held = hold(core, task_id)
    core.now += 1_000
    assert acquire(core, task_id, request_id=uid(500)) is None
    core.do("CompleteNode", **held.params)
    assert acquire(core, task_id, request_id=uid(500))["node_id"] == uid(2)


# Names


def test_names_stand_for_ids(core: Core) -> None:
    """In dependencies, earlier or later, and wherever a node of a task is named."""
    nodes: list[Any] = [{"name": "c", "dependencies": ["a", uid(1), "b"]}, spec(1, name="a")]
    task = core.do("RegisterTask", goal="g", initial_nodes=[*nodes, {"name": "b"}])
    task_id, (third, _first, second) = task["task_id"], task["node_ids"]
    shown = core.do("TaskStatus", task_id=task_id)["nodes"]
    assert [(node["name"], node["dependencies"]) for node in shown] == [
        ("c", [uid(1), second]),
        ("a", []),
        ("b", []),
    ]
    lease = {**hold(core, task_id).params, "node_id": "a"}
    core.do("HeartbeatNode", **lease)
    core.do("CommitEvent", **lease)
    core.do("CompleteNode", **lease)
    core.do("FailNode", **hold(core, task_id, node_id="b").params | {"node_id": "b"})
    core.do("RetryNode", task_id=task_id, node_id="b")
    assert status(core, task_id, "c")["node"]["id"] == third
    core.do("ReleaseNode", **hold(core, task_id, node_id="b").params | {"node_id": "b"})


@pytest.mark.parametrize("method", ["NodeStatus", "AcquireNextNode", "RetryNode", "CommitEvent"])
@pytest.mark.parametrize("name", ["b", "", "B", uid(9)])
def test_a_name_that_no_node_has(core: Core, method: str, name: str) -> None:
    """What is no UUID is a name; unknown it is no node of the task, in another it is neither."""
    core.register(spec(9, name="b"))
    task_id = core.register(spec(1, name="a"))
    with pytest.raises(RequestRefused) as refusal:
        core.do(method, task_id=task_id, node_id=name)
    assert kind_of(refusal.value) == "node_not_found"


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ([{"name": "a"}, {"name": "a"}], ("'a'", "two nodes")),
        ([{"name": "a", "dependencies": ["b"]}], ("'a'", "'b'")),
        ([{"name": "a", "dependencies": ["a"]}], ("'a'", "itself")),
        (
            [{"name": "a", "dependencies": ["b"]}, {"name": "b", "dependencies": ["a"]}],
            ("cycle", "'a' -> ", "'b'"),
        ),
    ],
)
def test_a_graph_that_is_refused_names_the_names(
    core: Core, nodes: list[Any], words: tuple[str, ...]
) -> None:
    """Given twice, unknown, or on a cycle."""
    with pytest.raises(RequestRefused) as refusal:
        core.do("RegisterTask", goal="g", initial_nodes=nodes)
    assert kind_of(refusal.value) == "invalid_graph"
    assert all(word in refusal.value.message for word in words), refusal.value.message


# One node and no other


def test_a_node_that_is_asked_for(core: Core) -> None:
    """It is leased if it is runnable, and no other is in its place."""
    task_id = core.register(spec(1, name="a"), spec(2, name="b"), spec(3, 1, name="c"))
    assert hold(core, task_id, node_id=uid(2)).node_id == uid(2)
    assert acquire(core, task_id, node_id="b") is None
    assert acquire(core, task_id, node_id="c") is None
    core.now += LEASE_MS
    assert hold(core, task_id, node_id="b").node_id == uid(2), "its lease ran out"


# Defaults of a task


def test_what_a_task_says_for_all_its_nodes(core: Core) -> None:
    """A node's own field replaces the default whole; the views have what was set."""
    defaults = {
        "retry": {"max_attempts": 5, "factor": 3},
        "lease_secs": 7,
        "on_failure": "continue",
    }
    nodes = [{}, {"retry": {"max_attempts": 2}, "timeout_secs": 9, "on_failure": "block"}]
    task = core.do("RegisterTask", goal="g", initial_nodes=nodes, node_defaults=defaults)
    first, second = core.do("TaskStatus", task_id=task["task_id"])["nodes"]
    names = ("retry", "lease_secs", "timeout_secs", "on_failure")
    assert {name: first[name] for name in names if name in first} == defaults
    assert {name: second[name] for name in names if name in second} == {
        "retry": {"max_attempts": 2},
        "lease_secs": 7,
        "timeout_secs": 9,
        "on_failure": "block",
    }


def test_plain_records_are_what_they_were(core: Core) -> None:
    """Who asks for nothing of this has no word of it in the journal."""
    task_id = core.register(spec(1))
    core.hold(task_id)
    core.now += LEASE_MS
    core.do("settle_due", task_id=task_id)
    assert [record.data for record in core.journal()] == [
        b'{"goal":"g","node_count":1}',
        b'{"position":0,"dependencies":[],"waiting_on":0,"status":"PENDING"}',
        b'{"lease_id":"%b","lease_owner":"worker-1","lease_expires_at":%d,"status":"RUNNING"}'
        % (uid(1_000_004).encode(), NOW + LEASE_MS),
        b'{"lease_id":"%b","lease_owner":"worker-1","lease_expires_at":%d,"status":"PENDING"}'
        % (uid(1_000_004).encode(), NOW + LEASE_MS),
    ]
