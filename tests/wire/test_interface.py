"""DescribeInterface, and the names that a method answers to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.daemon_process import Refused
from tests.wire.steps import new_id, refusal, register

if TYPE_CHECKING:
    from tests.daemon_process import Connection, Object

PARAMS: dict[str, tuple[set[str], set[str]]] = {  # method → (required, optional)
    "DescribeInterface": (set(), set()),
    "Health": (set(), set()),
    "Metrics": (set(), set()),
    "RegisterTask": ({"goal"}, {"context", "initial_nodes", "priority", "node_defaults"}),
    "AcquireNextNode": (
        set(),
        {"task_id", "lease_owner", "node_id", "lease_secs", "context_scope", "wait_secs", "labels"},
    ),
    "CommitEvent": ({"task_id", "node_id"}, {"lease_id", "action_type", "checkpoint"}),
    "HeartbeatNode": (set(), {"task_id", "node_id", "lease_id", "leases"}),
    "CompleteNode": ({"task_id", "node_id", "lease_id"}, {"acquire_next"}),
    "FailNode": (
        {"task_id", "node_id", "lease_id"},
        {"retryable", "retry_after_secs", "kind", "acquire_next"},
    ),
    "TaskStatus": ({"task_id"}, {"at"}),
    "ListTasks": (set(), {"prefix", "runnable", "limit", "before"}),
    "TaskEvents": ({"task_id"}, {"after", "limit"}),
    "ReleaseNode": ({"task_id", "node_id", "lease_id"}, {"reason", "after_secs"}),
    "RetryNode": ({"task_id"}, {"node_id", "failed", "reason", "by"}),
    "NodeStatus": ({"task_id", "node_id"}, {"at"}),
    "CancelTask": ({"task_id"}, {"reason", "by"}),
    "PauseTask": ({"task_id"}, {"reason", "by"}),
    "ResumeTask": ({"task_id"}, {"reason", "by"}),
    "SetBudget": ({"task_id", "budget"}, set()),
    "AcquireNodes": (
        {"count"},
        {"task_id", "lease_owner", "node_id", "lease_secs", "context_scope", "wait_secs", "labels"},
    ),
    "WatchEvents": (set(), {"after_seq", "task_id", "kinds", "wait_secs", "limit"}),
    "ListWorkers": (set(), set()),
    "UpdateNode": (
        {"task_id"},
        {"node_id", "priority", "retry", "not_before", "lease_secs", "timeout_secs"}
        | {"requires", "limits"},
    ),
    "SetLimit": ({"name", "max_running"}, {"rate"}),
    "CloseLimit": ({"name"}, {"for_secs", "until", "reason", "by"}),
    "ListLimits": (set(), {"limit", "after"}),
    "ExplainNode": ({"task_id", "node_id"}, {"at"}),
    "ExplainTask": ({"task_id"}, set()),
    "AddNodes": ({"task_id", "nodes"}, {"lease", "events"}),
    "ForkTask": ({"task_id"}, {"at", "rerun", "failed", "goal"}),
    "ImportTask": (
        {"goal", "source", "nodes"},
        {"context", "created_at", "paused", "labels", "priority", "node_defaults", "budget"}
        | {"events"},
    ),
    "ListGates": (set(), {"open", "task_id", "limit", "after"}),
    "DecideGate": ({"task_id", "node_id", "decision"}, {"by", "note"}),
    "AcquireResourceLock": (
        {"resource_key"},
        {
            *("owner", "provider", "ttl_secs", "task_id", "node_id", "metadata"),
            *("mode", "wait_secs", "node_lease_id"),
        },
    ),
    "HeartbeatResourceLock": ({"resource_key", "lease_id"}, {"ttl_secs"}),
    "ReleaseResourceLock": ({"resource_key", "lease_id"}, set()),
    "ListResourceLocks": (set(), {"task_id", "owner", "prefix", "limit", "after", "at"}),
}
PAYLOADS = {
    "CommitEvent": "payload",
    "CompleteNode": "result_payload",
    "FailNode": "error_payload",
}
RESULTS = {
    "DescribeInterface": {"protocol", "transport", "framing", "version", "methods", "errors"},
    "Health": {"status", "database", "running_timeout_secs", "context_event_limit"},
    "Metrics": {"uptime_secs", "runtime", "database"},
    "RegisterTask": {"task_id", "node_ids"},
    "AcquireNextNode": {"task_id", "node_id", "lease_id", "lease_owner", "context"},
    "CommitEvent": {"event_id"},
    "HeartbeatNode": {"ok", "lease_expires_at", "leases"},
    "CompleteNode": {"event_id", "next"},
    "FailNode": {"event_id", "next", "status", "attempt", "not_before"},
    "TaskStatus": {"task", "counts", "nodes"},
    "ListTasks": {"tasks", "next"},
    "TaskEvents": {"events", "last_seq", "more"},
    "ReleaseNode": {"event_id", "status", "not_before"},
    "RetryNode": {"node_ids"},
    "NodeStatus": {"node", "attempts", "checkpoint"},
    "CancelTask": {"ok", "cancelled"},
    "PauseTask": {"ok"},
    "ResumeTask": {"ok"},
    "SetBudget": {"ok"},
    "AcquireNodes": {"leases"},
    "WatchEvents": {"events", "last_seq"},
    "ListWorkers": {"workers"},
    "UpdateNode": {"node_ids"},
    "SetLimit": {"ok"},
    "CloseLimit": {"ok"},
    "ListLimits": {"limits", "next"},
    "ExplainNode": {"status", "runnable", "reasons", "next"},
    "ExplainTask": {"state", "counts", "reasons", "next"},
    "ForkTask": {"task_id", "node_ids"},
    "ImportTask": {"task_id", "node_ids"},
    "ListGates": {"gates", "next"},
    "DecideGate": {"event_id", "status"},
    "AcquireResourceLock": {
        *("resource_key", "lease_id", "owner", "provider", "task_id", "node_id", "metadata"),
        *("acquired_at", "lease_expires_at"),
    },
    "HeartbeatResourceLock": {"ok", "lease_expires_at"},
    "ReleaseResourceLock": {"ok"},
    "ListResourceLocks": {"locks", "next"},
}
ALIASES = {
    "DescribeInterface": ["describe_interface"],
    "Health": ["health"],
    "Metrics": ["metrics"],
    "RegisterTask": ["register_task"],
    "AcquireNextNode": ["acquire_next_node"],
    "CommitEvent": ["commit_event"],
    "HeartbeatNode": ["heartbeat_node"],
    "CompleteNode": ["complete_node"],
    "FailNode": ["fail_node"],
    "TaskStatus": ["task_status", "GetTaskStatus", "get_task_status"],
    "ListTasks": ["list_tasks"],
    "TaskEvents": ["task_events"],
    "ReleaseNode": ["release_node"],
    "RetryNode": ["retry_node"],
    "NodeStatus": ["node_status"],
    "CancelTask": ["cancel_task"],
    "PauseTask": ["pause_task"],
    "ResumeTask": ["resume_task"],
    "SetBudget": ["set_budget"],
    "AcquireNodes": ["acquire_nodes"],
    "WatchEvents": ["watch_events"],
    "ListWorkers": ["list_workers"],
    "UpdateNode": ["update_node"],
    "SetLimit": ["set_limit"],
    "CloseLimit": ["close_limit"],
    "ListLimits": ["list_limits"],
    "ExplainNode": ["explain_node"],
    "ExplainTask": ["explain_task"],
    "ForkTask": ["fork_task"],
    "ImportTask": ["import_task"],
    "ListGates": ["list_gates"],
    "DecideGate": ["decide_gate"],
    "AcquireResourceLock": ["acquire_resource_lock"],
    "HeartbeatResourceLock": ["heartbeat_resource_lock"],
    "ReleaseResourceLock": ["release_resource_lock"],
    "ListResourceLocks": ["list_resource_locks"],
}
EVERY_ALIAS = [(name, alias) for name, aliases in ALIASES.items() for alias in aliases]
ERROR_CODES = [-32700, -32600, -32601, -32602, -32603, -32000, -32001]


@pytest.fixture
def interface(connection: Connection) -> Object:
    """What DescribeInterface says."""
    described: Object = connection.call("DescribeInterface")
    return described


def described(interface: Object, method: str) -> Object:
    """Return what the interface says about one method."""
    methods: list[Object] = interface["methods"]
    return next(entry for entry in methods if entry["method"] == method)


def struct(schema: Object) -> Object:
    """Return the object schema that a schema stands for: behind a $ref, or beside null."""
    found = schema
    while "properties" not in found:
        if "$ref" in found:
            found = schema["$defs"][found["$ref"].rsplit("/", 1)[-1]]
            continue
        choices = [one for one in found.get("anyOf", []) if one.get("type") != "null"]
        if len(choices) != 1:
            return {"properties": {}, "required": [], **found}
        found = choices[0]
    return found


def test_it_names_the_protocol(interface: Object) -> None:
    """The protocol is agentd-jsonl-v1 over a unix-domain-socket."""
    assert interface["protocol"] == "agentd-jsonl-v1"
    assert interface["transport"] == "unix-domain-socket"


def test_it_names_framing_and_version(interface: Object) -> None:
    """The framing and the program's version are told."""
    assert interface["framing"]
    assert isinstance(interface["version"], str)
    assert interface["version"]


def test_node_statuses_are_in_order(interface: Object) -> None:
    """The state model lists the four statuses in order."""
    statuses = interface["state_model"]["node_statuses"]
    assert statuses == ["PENDING", "RUNNING", "COMPLETED", "FAILED"]


@pytest.mark.parametrize(
    ("trigger", "before", "after"),
    [
        ("AcquireNextNode", "PENDING", "RUNNING"),
        ("CompleteNode", "RUNNING", "COMPLETED"),
        ("FailNode", "RUNNING", "FAILED"),
        ("timeout_rollback", "RUNNING", "PENDING"),
        ("ReleaseNode", "RUNNING", "PENDING"),
        ("retry", "RUNNING", "PENDING"),
        ("RetryNode", "FAILED", "PENDING"),
        ("revoke", "RUNNING", "PENDING"),
    ],
)
def test_transitions_are_named(interface: Object, trigger: str, before: str, after: str) -> None:
    """The state model names the edge of each trigger."""
    edge = json.dumps(interface["state_model"]["strict_transitions"][trigger])
    assert 0 <= edge.find(before) < edge.find(after)


def test_there_are_no_other_transitions(interface: Object) -> None:
    """These transitions are all there are."""
    transitions = interface["state_model"]["strict_transitions"]
    names = {"AcquireNextNode", "CompleteNode", "FailNode", "timeout_rollback", "revoke"}
    names |= {"ReleaseNode", "retry", "RetryNode"}
    assert set(transitions) == names


@pytest.mark.parametrize("code", ERROR_CODES)
def test_errors_are_listed(interface: Object, code: int) -> None:
    """The interface lists the error codes."""
    assert str(code) in json.dumps(interface["errors"])


def test_all_methods_are_there(interface: Object) -> None:
    """The interface lists the methods of the contract and its two additions, each once."""
    assert sorted(entry["method"] for entry in interface["methods"]) == sorted(PARAMS)


@pytest.mark.parametrize("method", PARAMS)
def test_a_method_is_described(interface: Object, method: str) -> None:
    """A method has a summary in words, its aliases, and two schemas."""
    entry = described(interface, method)
    assert {"method", "summary", "params", "result", "aliases"} <= set(entry)
    assert len(entry["summary"].split()) > 1
    assert isinstance(entry["params"], dict)
    assert isinstance(entry["result"], dict)


@pytest.mark.parametrize("method", ALIASES)
def test_aliases_are_described(interface: Object, method: str) -> None:
    """The interface lists each alias at its method."""
    assert set(ALIASES[method]) <= set(described(interface, method)["aliases"])


@pytest.mark.parametrize("method", PARAMS)
def test_params_schema_names_the_params(interface: Object, method: str) -> None:
    """The schema of the params names every param of the contract."""
    required, optional = PARAMS[method]
    payload = {PAYLOADS[method]} if method in PAYLOADS else set()
    properties = struct(described(interface, method)["params"])["properties"]
    assert required | optional | payload <= set(properties)


@pytest.mark.parametrize("method", PARAMS)
def test_params_schema_tells_the_required(interface: Object, method: str) -> None:
    """The schema of the params says which have to be there."""
    required, optional = PARAMS[method]
    told = set(struct(described(interface, method)["params"]).get("required", []))
    assert required <= told
    assert not told & optional


@pytest.mark.parametrize("method", RESULTS)
def test_result_schema_names_the_fields(interface: Object, method: str) -> None:
    """The schema of the result names its fields."""
    properties = struct(described(interface, method)["result"])["properties"]
    assert RESULTS[method] <= set(properties)


def test_acquire_may_return_null(interface: Object) -> None:
    """The schema of AcquireNextNode's result allows null."""
    schema = described(interface, "AcquireNextNode")["result"]
    assert '"null"' in json.dumps(schema.get("anyOf", schema.get("oneOf", schema.get("type"))))


@pytest.mark.parametrize("method", PARAMS)
def test_the_schema_decodes_the_requests(
    connection: Connection, interface: Object, method: str
) -> None:
    """What the schema calls required is refused, by name, when it is missing."""
    samples: dict[str, Any] = {"task_id": new_id(), "node_id": new_id(), "lease_id": new_id()}
    samples |= {"budget": {"usd": 1}, "max_running": 1, "decision": "approve", "nodes": []}
    required = struct(described(interface, method)["params"]).get("required", [])
    for missing in required:
        params = {name: samples.get(name, "x") for name in required if name != missing}
        refused = refusal(connection, method, **params)
        assert refused.code == -32602
        assert missing in refused.message


@pytest.mark.parametrize(("method", "alias"), EVERY_ALIAS)
def test_an_alias_answers_like_its_method(connection: Connection, method: str, alias: str) -> None:
    """An alias takes the same params and refuses the same way."""
    answers = []
    for name in (method, alias):
        try:
            answers.append(set(connection.call(name) or ()))
        except Refused as refused:
            answers.append({refused.code, refused.kind})
    assert answers[0] == answers[1]
    assert -32601 not in answers[1]


@pytest.mark.parametrize("alias", ALIASES["TaskStatus"])
def test_task_status_by_every_name(connection: Connection, alias: str) -> None:
    """TaskStatus answers the same under each of its names."""
    task_id = register(connection).id
    expected = connection.call("TaskStatus", task_id=task_id)
    assert connection.call(alias, task_id=task_id) == expected


def test_the_whole_work_in_snake_case(connection: Connection) -> None:
    """A client may use the snake_case names throughout."""
    task_id = connection.call("register_task", goal="g", initial_nodes=[{}])["task_id"]
    acquired = connection.call("acquire_next_node", task_id=task_id)
    lease = {name: acquired[name] for name in ("task_id", "node_id", "lease_id")}
    assert connection.call("heartbeat_node", **lease)["ok"] is True
    assert connection.call("commit_event", **lease, payload=1)["event_id"]
    assert connection.call("complete_node", **lease, result_payload=2)["event_id"]
    assert connection.call("task_status", task_id=task_id)["counts"] == {"COMPLETED": 1}
