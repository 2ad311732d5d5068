"""From a request's params to what a method takes: null, limits, and payloads under a wrong name."""

import time
from typing import Any

import msgspec
import pytest

from agentd.api import MOST_NODES, NodeSpec, Params
from agentd.decoding import decode
from agentd.errors import InvalidParams
from agentd.methods import METHODS
from agentd.protocol import Request, RequestParser
from tests.core import uid

TASK = {"task_id": uid(1)}
NODE = {**TASK, "node_id": uid(2)}
LEASE = {**NODE, "lease_id": uid(3)}
HELD_LOCK = {"resource_key": "a", "lease_id": uid(3)}
REQUIRED: dict[str, dict[str, Any]] = {
    "RegisterTask": {"goal": "g"},
    "AcquireNextNode": TASK,
    "CommitEvent": NODE,
    "HeartbeatNode": LEASE,
    "CompleteNode": LEASE,
    "FailNode": LEASE,
    "TaskStatus": TASK,
    "TaskEvents": TASK,
    "ReleaseNode": LEASE,
    "RetryNode": TASK,
    "NodeStatus": NODE,
    "CancelTask": TASK,
    "PauseTask": TASK,
    "ResumeTask": TASK,
    "SetBudget": {**TASK, "budget": {"usd": 1}},
    "AcquireNodes": {**TASK, "count": 1},
    "UpdateNode": TASK,
    "SetLimit": {"name": "gpu", "max_running": 1},
    "CloseLimit": {"name": "gpu"},
    "ExplainNode": NODE,
    "ExplainTask": TASK,
    "AddNodes": {**TASK, "nodes": []},
    "ForkTask": TASK,
    "ImportTask": {"goal": "g", "source": "s", "nodes": []},
    "DecideGate": {**NODE, "decision": "approve"},
    "AcquireResourceLock": {"resource_key": "a"},
    "HeartbeatResourceLock": HELD_LOCK,
    "ReleaseResourceLock": HELD_LOCK,
}
CHOSEN: dict[str, dict[str, Any]] = {
    "RetryNode": {"failed": True},
    "UpdateNode": {"priority": 1},
    "CloseLimit": {"for_secs": 9},
}
"""What else a method needs, where it may choose."""
MEANT = {("SetBudget", "budget"), ("SetLimit", "max_running")}
"""Required fields that may be null: there it is something else than left out."""
PAYLOADS = {"CommitEvent": "payload", "CompleteNode": "result_payload", "FailNode": "error_payload"}


def decoded(method: str, params: object) -> Params:
    """What a method is given."""
    return decode(Request(b"1", method, msgspec.Raw(msgspec.json.encode(params))))[1]


def refused(method: str, params: object) -> str:
    """Why a method is not given these params."""
    with pytest.raises(InvalidParams) as no:
        decoded(method, params)
    return no.value.message


def optional(method: str) -> list[str]:
    """The optional fields that are not the user's own JSON."""
    params = next(m.params for m in METHODS if m.name == method)
    user_json = {"context", "payload", *PAYLOADS.values(), "event_payload", "metadata"}
    fields = msgspec.structs.fields(params)
    return [f.encode_name for f in fields if not f.required and f.encode_name not in user_json]


NULLABLE = [
    (m.name, field)
    for m in METHODS
    for field in optional(m.name)
    if field not in REQUIRED.get(m.name, {})
]


# Null


@pytest.mark.parametrize("method", [m.name for m in METHODS if m.name not in REQUIRED])
def test_params_may_be_null(method: str) -> None:
    """Params that are null are an empty object."""
    [request] = RequestParser().feed(b'{"method":"%b","params":null}\n' % method.encode())
    assert isinstance(request, Request)
    assert decode(request)[1] == decoded(method, {})


@pytest.mark.parametrize(("method", "field"), NULLABLE)
def test_an_optional_field_that_is_null_counts_as_left_out(method: str, field: str) -> None:
    """Whatever its default is, and for the digest of a repeat too."""
    params = {**REQUIRED.get(method, {}), **CHOSEN.get(method, {})}
    left_out = {name: value for name, value in params.items() if name != field}
    if field in params:  # one of the two that may be chosen: neither is too little
        assert refused(method, {**params, field: None}) == refused(method, left_out)
    else:
        assert decoded(method, {**params, field: None}) == decoded(method, params)


@pytest.mark.parametrize("field", sorted({*NodeSpec.__struct_fields__} - {"payload_schema"}))
def test_a_field_of_a_node_that_is_null_counts_as_left_out(field: str) -> None:
    """Nodes are no exception."""
    nodes = decoded("RegisterTask", {"goal": "g", "initial_nodes": [{field: None}]})
    assert nodes == decoded("RegisterTask", {"goal": "g", "initial_nodes": [{}]})


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("RegisterTask", {"goal": "g", "context": None}),
        ("RegisterTask", {"goal": "g", "initial_nodes": [{"payload_schema": None}]}),
        *((method, {**LEASE, name: None}) for method, name in PAYLOADS.items()),
    ],
)
def test_null_is_a_users_json(method: str, params: dict[str, Any]) -> None:
    """A context, a payload_schema and a payload that are null are null."""
    assert b":null" in msgspec.json.encode(decoded(method, params))


@pytest.mark.parametrize(
    ("method", "field"),
    [(m, f) for m, params in REQUIRED.items() for f in params if (m, f) not in MEANT],
)
def test_null_is_no_required_field(method: str, field: str) -> None:
    """Whose task_id is missing must not get another's node: it is refused by its name."""
    assert f"$.{field}" in refused(method, {**REQUIRED[method], field: None})


def test_null_is_no_element_of_a_list() -> None:
    """A dependency that is null is a mistake."""
    nodes = [{"dependencies": [None]}]
    assert "$.initial_nodes" in refused("RegisterTask", {"goal": "g", "initial_nodes": nodes})


def test_the_interface_says_what_may_be_null() -> None:
    """The schema allows null exactly where it counts as left out, or is the user's own."""
    for method in METHODS:
        schema = msgspec.json.schema(method.params)
        properties = schema["$defs"][method.params.__name__]["properties"]
        for field, described in properties.items():
            is_any = not {"type", "enum"} & {*described}
            may = {"type": "null"} in described.get("anyOf", []) or is_any
            one_of_two_forms = method.name == "HeartbeatNode"
            required = field in REQUIRED.get(method.name, {}) and not one_of_two_forms
            assert may == (not required or (method.name, field) in MEANT), (method.name, field)


# Unknown fields


@pytest.mark.parametrize("method", ["CancelTask", "PauseTask", "ResumeTask", "SetBudget"])
def test_a_newer_method_refuses_unknown_fields(method: str) -> None:
    """The refusal names the field, and the closest one that there is."""
    told = refused(method, {**REQUIRED[method], "taskid": 1})
    assert told == f'{method}: there is no field "taskid" in `$`: did you mean `task_id`?'
    assert "there are task_id" in refused(method, {**REQUIRED[method], "\n": 1})


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"labels": {"": "x"}}, "$.labels"),
        ({"labels": {"x": ""}}, "$.labels"),
        ({"labels": {"x": "y" * 257}}, "$.labels"),
        ({"labels": {f"{n}": "y" for n in range(65)}}, "$.labels"),
        ({"labels": {"x": 1}}, "$.labels"),
        ({"labels": []}, "$.labels"),
        ({"budget": {"x": -1}}, "$.budget"),
        ({"budget": {"x": 10**15 + 1}}, "$.budget"),
        ({"budget": {"x": True}}, "$.budget"),
        ({"budget": {f"{n}": 1 for n in range(65)}}, "$.budget"),
        ({"paused": 1}, "$.paused"),
        ({"timeout_secs": -1}, "$.timeout_secs"),
        ({"timeout_secs": 31_536_001}, "$.timeout_secs"),
        ({"dedupe_key": ""}, "$.dedupe_key"),
        ({"dedupe_key": "x" * 257}, "$.dedupe_key"),
        ({"parent_task_id": "x"}, "$.parent_task_id"),
    ],
)
def test_a_registration_outside_its_limits(params: dict[str, Any], told: str) -> None:
    """The refusal names the field."""
    assert told in refused("RegisterTask", {"goal": "g", **params})


@pytest.mark.parametrize("method", PAYLOADS)
@pytest.mark.parametrize("usage", [{"x": -0.1}, {"x": "1"}, {"": 1}, {"x": None}, 5])
def test_usage_outside_its_limits(method: str, usage: Any) -> None:
    """The refusal names the field."""
    assert "$.usage" in refused(method, {**LEASE, "usage": usage})


@pytest.mark.parametrize("field", ["since", "until"])
@pytest.mark.parametrize(
    "moment", ["yesterday", "2026-01-31", "2026-01-31T12:00:00", 1e12, True, []]
)
def test_what_is_no_moment(field: str, moment: Any) -> None:
    """A moment is Unix seconds or RFC 3339, which tells its offset; else the refusal names it."""
    assert f"$.{field}" in refused("ListTasks", {field: moment})


# Limits


def test_a_request_makes_so_many_nodes_at_most() -> None:
    """20,000 are taken; one more is refused with the limit."""
    assert MOST_NODES == 20_000
    decoded("RegisterTask", {"goal": "g", "initial_nodes": [{}] * 20_000})
    told = refused("RegisterTask", {"goal": "g", "initial_nodes": [{}] * 20_001})
    assert "`$.initial_nodes`" in told
    assert "20000" in told


def test_too_many_nodes_are_refused_before_they_are_looked_at() -> None:
    """What a line can hold of them at most costs less than half of decoding them."""
    body = b'{"goal":"g","initial_nodes":[%b]}' % b",".join([b"{}"] * 340_000)
    request = Request(b"1", "RegisterTask", msgspec.Raw(body))
    decoder = msgspec.json.Decoder(METHODS[3].params)

    def seconds(decode_: Any, value: Any) -> float:
        began = time.thread_time()
        with pytest.raises((InvalidParams, msgspec.ValidationError)):
            decode_(value)
        return time.thread_time() - began

    assert METHODS[3].name == "RegisterTask"
    quick = min(seconds(decode, request) for _ in range(3))
    assert quick < min(seconds(decoder.decode, body) for _ in range(3)) / 2


# Payloads under a wrong name


@pytest.mark.parametrize("method", PAYLOADS)
@pytest.mark.parametrize("field", ["result", "output", "resultpayload", "Payload"])
def test_a_payload_under_a_wrong_name_is_refused(method: str, field: str) -> None:
    """It would be lost in silence: the refusal names the field and the right one."""
    told = refused(method, {**LEASE, field: {"a": 1}})
    assert f'"{field}"' in told
    assert f"`{PAYLOADS[method]}`" in told


@pytest.mark.parametrize("method", PAYLOADS)
def test_unknown_fields_beside_a_payload_are_ignored(method: str) -> None:
    """Nothing is lost then; that holds for a payload of null and for its other name."""
    for name in ("payload", PAYLOADS[method]):
        decoded(method, {**LEASE, name: None, "result": 1})


@pytest.mark.parametrize("method", PAYLOADS)
def test_a_payload_may_be_missing(method: str) -> None:
    """Where there is no field that could have been meant, it is null."""
    decoded(method, {**LEASE, "request_id": None})


@pytest.mark.parametrize(("method", "name"), [*PAYLOADS.items(), ("CommitEvent", "event_payload")])
def test_a_payload_under_both_names_is_refused(method: str, name: str) -> None:
    """Nobody can say which was meant, even where both are null."""
    if name != "payload":
        assert "two names" in refused(method, {**LEASE, "payload": None, name: None})


def test_a_name_in_a_refusal_is_harmless() -> None:
    """It is shortened, and nothing in it reaches a terminal as it was sent."""
    told = refused("FailNode", {**LEASE, "\x9b31m\u202e" + "x" * 500: 1})
    assert told.isprintable()
    assert len(told) < 300
