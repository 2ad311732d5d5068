"""One boring example per method, through the decoding and the transaction that the daemon uses."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd.methods import METHODS
from tests.core import LEASE_MS, NOW, STORES, Core, spec, uid

SECONDS = NOW // 1000


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    store = STORES[request.param](tmp_path)
    yield Core(store)
    store.close()


def test_describe_interface(core: Core) -> None:
    """DescribeInterface names the protocol, the states, the errors and every method."""
    described = core.do("DescribeInterface")
    assert described["protocol"] == "agentd-jsonl-v1"
    assert described["transport"] == "unix-domain-socket"
    assert described["state_model"]["node_statuses"] == [
        "PENDING",
        "RUNNING",
        "COMPLETED",
        "FAILED",
    ]
    assert [method["method"] for method in described["methods"]] == [m.name for m in METHODS]
    stale_lease = _named(described["errors"], "kind", "stale_lease")
    assert stale_lease["code"] == -32000


def test_health(core: Core) -> None:
    """Health says ok twice, with the two settings that a worker has to know."""
    assert core.do("Health") == {
        "status": "ok",
        "database": "ok",
        "running_timeout_secs": 300,
        "context_event_limit": 50,
    }


def test_metrics(core: Core) -> None:
    """Metrics counts what the database holds."""
    core.hold(core.register(spec(1), spec(2)))
    core.now += 2 * LEASE_MS
    metrics = core.do("Metrics")
    assert metrics["uptime_secs"] == 600
    database = metrics["database"]
    assert database["schema_version"] == database["latest_schema_version"]
    assert (database["total_tasks"], database["total_nodes"]) == (1, 2)
    assert database["total_events"] == 4
    assert database["running_leases"] == database["expired_running_leases"] == 1
    assert database["node_status_counts"] == {"PENDING": 1, "RUNNING": 1}


def test_register_task(core: Core) -> None:
    """RegisterTask answers the new task's id and the nodes' in the order given."""
    nodes = [spec(7), {"dependencies": [uid(7)]}]
    result = core.do("RegisterTask", goal="g", context={"k": 1}, initial_nodes=nodes)
    assert set(result) == {"task_id", "node_ids"}
    assert result["node_ids"][0] == uid(7)
    status = core.do("TaskStatus", task_id=result["task_id"])
    assert [node["id"] for node in status["nodes"]] == result["node_ids"]


def test_acquire_next_node(core: Core) -> None:
    """AcquireNextNode answers a lease and the context to work with."""
    task_id = core.register(spec(1, payload_schema={"type": "object"}), spec(2, 1))
    acquired = core.do("AcquireNextNode", task_id=task_id, lease_owner="worker-1")
    context = acquired.pop("context")
    lease = {
        "lease_id": acquired["lease_id"],
        "lease_owner": "worker-1",
        "lease_expires_at": SECONDS + 300,
    }
    more = {"attempt": 1, "name": None, "deadline_at": None}
    assert acquired == {"task_id": task_id, "node_id": uid(1), **lease, **more}
    assert context["task"] == {
        "id": task_id,
        "goal": "g",
        "context": {},
        "created_at": "2026-01-31T12:00:00.123Z",
    }
    assert context["node"] == {
        "id": uid(1),
        "task_id": task_id,
        "status": "RUNNING",
        "dependencies": [],
        "payload_schema": {"type": "object"},
        "result_payload": None,
        "acquired_at": SECONDS,
        "updated_at": SECONDS,
        "usage": {},
        **lease,
        "name": None,
        "priority": 0,
        "attempt": 1,
        "not_before": None,
        "blocked_by": [],
    }
    assert context["completed_dependencies"] == []
    assert context["event_journal_limit"] == 50
    assert context["event_journal"] == []


def test_acquire_next_node_without_one(core: Core) -> None:
    """AcquireNextNode answers null when no node is runnable now."""
    task_id = core.register(spec(1), spec(2, 1))
    core.hold(task_id)
    assert core.do("AcquireNextNode", task_id=task_id) is None


def test_what_the_dependencies_left_is_in_the_context(core: Core) -> None:
    """The context has the results of the dependencies, in the order of `dependencies`."""
    task_id = core.register(spec(1), spec(2), spec(3, 2, 1))
    for result in ("first", "second"):
        core.do("CompleteNode", **core.hold(task_id).params, result_payload=result)
    context = core.do("AcquireNextNode", task_id=task_id)["context"]
    assert context["completed_dependencies"] == [
        {"node_id": uid(2), "result_payload": "second"},
        {"node_id": uid(1), "result_payload": "first"},
    ]


def test_commit_event(core: Core) -> None:
    """CommitEvent journals what the agent noted."""
    task_id = core.register(spec(1), spec(2))
    held = core.hold(task_id)
    answer = core.do("CommitEvent", **held.params, action_type="NOTE", payload=[1, 2])
    assert _journal(core, task_id)[answer["event_id"]] == {
        "id": answer["event_id"],
        "task_id": task_id,
        "node_id": held.node_id,
        "action_type": "NOTE",
        "payload": [1, 2],
        "timestamp": "2026-01-31T12:00:00.123Z",
    }


def test_heartbeat_node(core: Core) -> None:
    """HeartbeatNode extends the lease to now + timeout."""
    held = core.hold(core.register(spec(1)))
    core.now += 100_000
    assert core.do("HeartbeatNode", **held.params) == {
        "ok": True,
        "lease_expires_at": SECONDS + 400,
    }
    assert core.node(*held[:2])["lease_expires_at"] == SECONDS + 400


@pytest.mark.parametrize(
    ("method", "status", "action_type", "payload"),
    [
        ("CompleteNode", "COMPLETED", "COMPLETE_NODE", {"result": {"a": 1}}),
        ("FailNode", "FAILED", "FAIL_NODE", {"error": {"a": 1}}),
    ],
)
def test_complete_node_and_fail_node(
    core: Core, method: str, status: str, action_type: str, payload: Any
) -> None:
    """CompleteNode and FailNode end the node, keep the payload, and clear the lease."""
    task_id = core.register(spec(1), spec(2))
    held = core.hold(task_id)
    core.now += 1_000
    answer = core.do(method, **held.params, payload={"a": 1})
    node = core.node(*held[:2])
    assert (node["status"], node["result_payload"]) == (status, {"a": 1})
    assert (node["lease_id"], node["lease_owner"], node["lease_expires_at"]) == (None, None, None)
    assert node["updated_at"] == SECONDS + 1
    shown = _journal(core, task_id)[answer["event_id"]]
    assert (shown["action_type"], shown["payload"]) == (action_type, payload)


def test_task_status(core: Core) -> None:
    """TaskStatus shows the task, the statuses that occur, and all nodes in registration order."""
    task_id = core.register(spec(9), spec(2), spec(5, 9, 2))
    core.hold(task_id)
    status = core.do("TaskStatus", task_id=task_id)
    assert status["task"]["goal"] == "g"
    assert status["counts"] == {"PENDING": 2, "RUNNING": 1}
    assert [(node["id"], node["status"]) for node in status["nodes"]] == [
        (uid(9), "RUNNING"),
        (uid(2), "PENDING"),
        (uid(5), "PENDING"),
    ]
    assert status["nodes"][2]["dependencies"] == [uid(9), uid(2)]


def test_list_tasks(core: Core) -> None:
    """ListTasks shows the newest tasks first, each counted, and where the next page begins."""
    first, second, third = (core.register(spec(n), spec(n + 1, n)) for n in (10, 20, 30))
    core.do("FailNode", **core.hold(second).params)
    page = core.do("ListTasks", limit=2)
    assert page["tasks"] == [
        {
            "id": third,
            "goal": "g",
            "created_at": "2026-01-31T12:00:00.123Z",
            "counts": {"PENDING": 2},
            "runnable": True,
            "state": "ACTIVE",
        },
        {
            "id": second,
            "goal": "g",
            "created_at": "2026-01-31T12:00:00.123Z",
            "counts": {"PENDING": 1, "FAILED": 1},
            "runnable": False,
            "state": "FAILED",
        },
    ]
    last = core.do("ListTasks", limit=2, before=page["next"])
    assert ([task["id"] for task in last["tasks"]], last["next"]) == ([first], None)


def test_list_tasks_that_are_runnable(core: Core) -> None:
    """With `runnable` it shows the tasks that have work now, the one that waits longest first."""
    first, second, third = (core.register(spec(n), spec(n + 1, n)) for n in (10, 20, 30))
    core.hold(second)
    page = core.do("ListTasks", runnable=True)
    assert [task["id"] for task in page["tasks"]] == [first, third]
    assert page["next"] is None


def test_task_events(core: Core) -> None:
    """TaskEvents shows the newest events, oldest first, and goes on behind a seq."""
    task_id = core.register(spec(1))
    held = core.hold(task_id)
    core.do("HeartbeatNode", **held.params)
    answer = core.do("CommitEvent", **held.params, action_type="NOTE", payload=[1])
    note = {
        "seq": 5,
        "id": answer["event_id"],
        "task_id": task_id,
        "node_id": uid(1),
        "action_type": "NOTE",
        "payload": [1],
        "timestamp": "2026-01-31T12:00:00.123Z",
        "by_client": True,
    }
    newest = core.do("TaskEvents", task_id=task_id, limit=1)
    assert newest == {"events": [note], "last_seq": 5, "more": False}
    page = core.do("TaskEvents", task_id=task_id, after=1, limit=2)
    told = [(event["seq"], event["action_type"]) for event in page["events"]]
    assert told == [(2, "ADD_NODE"), (3, "ACQUIRE_NODE")]
    assert (page["last_seq"], page["more"]) == (3, True)
    rest = core.do("TaskEvents", task_id=task_id, after=page["last_seq"])
    assert rest == {"events": [note], "last_seq": 5, "more": False}


def test_every_alias_is_the_method() -> None:
    """Each method is also known by its snake_case name, TaskStatus by two more."""
    aliases = {method.name: method.aliases for method in METHODS}
    assert aliases == {
        "DescribeInterface": ("describe_interface",),
        "Health": ("health",),
        "Metrics": ("metrics",),
        "RegisterTask": ("register_task",),
        "AcquireNextNode": ("acquire_next_node",),
        "CommitEvent": ("commit_event",),
        "HeartbeatNode": ("heartbeat_node",),
        "CompleteNode": ("complete_node",),
        "FailNode": ("fail_node",),
        "TaskStatus": ("task_status", "GetTaskStatus", "get_task_status"),
        "ListTasks": ("list_tasks",),
        "TaskEvents": ("task_events",),
        "ReleaseNode": ("release_node",),
        "RetryNode": ("retry_node",),
        "NodeStatus": ("node_status",),
        "CancelTask": ("cancel_task",),
        "PauseTask": ("pause_task",),
        "ResumeTask": ("resume_task",),
        "SetBudget": ("set_budget",),
        "AcquireNodes": ("acquire_nodes",),
        "WatchEvents": ("watch_events",),
        "ListWorkers": ("list_workers",),
        "UpdateNode": ("update_node",),
        "SetLimit": ("set_limit",),
        "CloseLimit": ("close_limit",),
        "ListLimits": ("list_limits",),
        "ExplainNode": ("explain_node",),
        "ExplainTask": ("explain_task",),
        "AddNodes": ("add_nodes",),
        "ForkTask": ("fork_task",),
        "ImportTask": ("import_task",),
        "ListGates": ("list_gates",),
        "DecideGate": ("decide_gate",),
        "AcquireResourceLock": ("acquire_resource_lock",),
        "HeartbeatResourceLock": ("heartbeat_resource_lock",),
        "ReleaseResourceLock": ("release_resource_lock",),
        "ListResourceLocks": ("list_resource_locks",),
    }


def test_the_daemons_own_command_ends_leases(core: Core) -> None:
    """The daemon rolls back what ran out, without a client asking for a node."""
    held = core.hold(core.register(spec(1)))
    core.now += LEASE_MS
    assert core.do("settle_due", task_id=held.task_id) is None
    assert core.node(*held[:2])["status"] == "PENDING"


def _journal(core: Core, task_id: str) -> dict[str, dict[str, Any]]:
    """The task's event journal as the worker of its next node gets it, by event id."""
    events = core.do("AcquireNextNode", task_id=task_id)["context"]["event_journal"]
    return {event["id"]: event for event in events}


def _named(rows: list[dict[str, Any]], field: str, value: str) -> dict[str, Any]:
    return next(row for row in rows if row[field] == value)
