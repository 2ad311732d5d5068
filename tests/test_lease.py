"""What a `with` block under a lease leaves behind: a completed node, a failed one, or neither."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from msgspec import Raw

from agentd import Client
from agentd.api import AcquireNextNodeResult
from agentd.errors import LeaseLost, RequestTooLarge, Unsendable, WorkFailed, WorkReleased
from tests.daemon_process import DaemonProcess
from tests.leases import actions, held, hold, outcome


@pytest.fixture
def client(shared: DaemonProcess) -> Iterator[Client]:
    """A client of a daemon with long leases."""
    with Client(shared.socket_path) as opened:
        yield opened


def test_it_completes_the_node(client: Client, shared: DaemonProcess) -> None:
    """What the block leaves in `result` is the node's result; its inputs come decoded."""
    first, second = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
    nodes = held(
        shared,
        {"id": first, "payload_schema": {"name": "a"}},
        {"id": second, "dependencies": [first]},
    )
    with client.lease(acquired := next(nodes)) as lease:
        assert (lease.task_id, lease.node_id) == (acquired.task_id, first)
        assert lease.lease_id == acquired.lease_id
        assert (lease.payload, lease.inputs, lease.result) == ({"name": "a"}, {}, None)
        assert bytes(lease.context.node.payload_schema) == b'{"name":"a"}'
        assert lease.commit("SAW", {"n": 1}).event_id
        assert not lease.is_lost
        lease.check()
        lease.result = {"n": [1, None]}
    assert outcome(shared, acquired) == ("COMPLETED", {"n": [1, None]})
    assert actions(shared, acquired) == ["ACQUIRE_NODE", "SAW", "COMPLETE_NODE"]
    with client.lease(acquired := next(nodes)) as lease:
        assert lease.inputs == {first: {"n": [1, None]}}
    assert outcome(shared, acquired) == ("COMPLETED", None)


def test_it_tells_what_was_used(client: Client, shared: DaemonProcess) -> None:
    """With a note, and with the end: with a result or an error, it was used."""
    for error in (None, WorkFailed("no")):
        acquired = hold(shared)
        with suppress(WorkFailed), client.lease(acquired) as lease:
            lease.commit("SAW", usage={"usd": 0.1})
            lease.usage["usd"] = 0.2
            if error is not None:
                raise error
        assert client.task_status(acquired.task_id, fields=["usage"]).usage == {"usd": 0.3}


def _work_until_cancelled(client: Client, acquired: AcquireNextNodeResult) -> None:
    with client.lease(acquired) as lease:
        client.cancel_task(acquired.task_id, reason="enough", by="me")
        lease.commit("SAW")


def test_a_task_that_is_cancelled(client: Client, shared: DaemonProcess) -> None:
    """Its holders have lost their leases, and are told why."""
    acquired = hold(shared)
    with pytest.raises(LeaseLost, match="was cancelled by me: enough"):
        _work_until_cancelled(client, acquired)
    assert outcome(shared, acquired) == ("PENDING", None)


def test_it_fails_the_node(client: Client, shared: DaemonProcess) -> None:
    """An exception fails the node with type, message and the end of the traceback, and goes on."""
    acquired = hold(shared)
    with pytest.raises(KeyError, match="gone"), client.lease(acquired):
        raise KeyError("gone")
    status, error = outcome(shared, acquired)
    assert (status, error["type"], error["message"]) == ("FAILED", "KeyError", "'gone'")
    assert error["traceback"].splitlines()[0] == "Traceback (most recent call last):"
    assert error["traceback"].splitlines()[-1] == "KeyError: 'gone'"
    assert __file__ in error["traceback"]
    assert len(error) == 3


class Mute(Exception):
    """An exception that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("nothing to say")


def deep(levels: int) -> None:
    """Raise far down."""
    if levels:
        deep(levels - 1)
        return
    work_on = "x" * 100_000
    raise ValueError(work_on + "\ud800\x00")


def chained(links: int) -> None:
    """Raise what was raised while handling what was raised, and so on."""
    try:
        if links:
            chained(links - 1)
    finally:
        raise ValueError(links)


def test_a_failure_can_always_be_said(client: Client, shared: DaemonProcess) -> None:
    """However large, odd or mute an exception is, the node fails with a bounded account of it."""
    acquired = hold(shared)
    with pytest.raises(ValueError, match="xxx"), client.lease(acquired):
        deep(200)
    _, error = outcome(shared, acquired)
    assert error["message"] == "x" * 4096
    assert len(error["traceback"]) == 4096
    assert error["traceback"].endswith("x\\ud800\x00")
    acquired = hold(shared)
    with pytest.raises(Mute), client.lease(acquired):
        raise Mute
    status, error = outcome(shared, acquired)
    assert (status, error["type"]) == ("FAILED", "Mute")
    acquired = hold(shared)
    with pytest.raises(ValueError, match="9"), client.lease(acquired):
        chained(9)
    _, error = outcome(shared, acquired)
    assert len(error["traceback"].splitlines()) == 20
    acquired = hold(shared)
    with pytest.raises(RecursionError), client.lease(acquired):
        deep(10_000)
    _, error = outcome(shared, acquired)
    assert error["type"] == "RecursionError"
    assert len(error["traceback"].splitlines()) <= 20


def test_a_failure_of_the_callers_own(client: Client, shared: DaemonProcess) -> None:
    """The payload of a WorkFailed is what the node fails with, if it can be sent."""
    acquired = hold(shared)
    with pytest.raises(WorkFailed), client.lease(acquired):
        raise WorkFailed({"exit": 3})
    assert outcome(shared, acquired) == ("FAILED", {"exit": 3})
    acquired = hold(shared)
    with pytest.raises(WorkFailed), client.lease(acquired):
        raise WorkFailed(object())
    status, error = outcome(shared, acquired)
    assert (status, error["type"]) == ("FAILED", "TypeError")


def test_a_failure_that_says_how_to_go_on(client: Client, shared: DaemonProcess) -> None:
    """A WorkFailed has the kind, and says whether and when the node is tried again."""
    acquired = hold(shared, retry={"max_attempts": 3})
    with pytest.raises(WorkFailed), client.lease(acquired):
        raise WorkFailed(None, kind="rate_limit", retry_after_secs=600)
    shown = client.node_status(acquired.task_id, acquired.node_id)
    assert (shown.node.status, shown.attempts[0].kind) == ("PENDING", "rate_limit")
    assert shown.node.not_before is not None
    acquired = hold(shared, retry={"max_attempts": 3})
    with pytest.raises(WorkFailed), client.lease(acquired):
        raise WorkFailed(None, retryable=False)
    assert outcome(shared, acquired) == ("FAILED", None)


def test_it_gives_back(client: Client, shared: DaemonProcess) -> None:
    """A WorkReleased that leaves the block gives the node back, with its reason and its pause."""
    acquired = hold(shared)
    with pytest.raises(WorkReleased), client.lease(acquired):
        raise WorkReleased("no quota", after_secs=600)
    shown = client.node_status(acquired.task_id, acquired.node_id)
    assert (shown.node.status, shown.attempts[0].how) == ("PENDING", "released")
    assert bytes(shown.attempts[0].error) == b'"no quota"'
    assert shown.node.not_before is not None


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_only_stops_the_program(
    client: Client, shared: DaemonProcess, stop: type[BaseException]
) -> None:
    """What ends a program says nothing of its work: the node is left alone."""
    acquired = hold(shared)
    with pytest.raises(stop), client.lease(acquired):
        raise stop
    assert outcome(shared, acquired) == ("RUNNING", None)


NESTED: Any = json.loads("[" * 130 + "]" * 130)
ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize(
    ("result", "raised", "kind"),
    [
        (object(), TypeError, "TypeError"),
        ({"a": {(1, 2): 3}}, TypeError, "TypeError"),
        ("\ud800", Unsendable, "Unsendable"),
        (ENDLESS, Unsendable, "Unsendable"),
        ("x" * 1_048_576, RequestTooLarge, "RequestTooLarge"),
        (NESTED, Unsendable, "Unsendable"),
        (Raw(b"rubbish"), Unsendable, "Unsendable"),
        (Raw(b"rub\nbish"), Unsendable, "Unsendable"),
        ({"scores": [1.0, float("nan")]}, Unsendable, "Unsendable"),
    ],
    ids=["object", "key", "text", "endless", "large", "deep", "raw", "raw lines", "NaN"],
)
def test_a_result_that_cannot_be_sent(
    client: Client, shared: DaemonProcess, result: Any, raised: Any, kind: str
) -> None:
    """A result that is no JSON, or more than a line takes, fails the node and is raised."""
    acquired = hold(shared)
    with pytest.raises(raised), client.lease(acquired) as lease:
        lease.result = result
    status, error = outcome(shared, acquired)
    assert (status, error["type"]) == ("FAILED", kind)
    assert "payload" in error["message"]


def test_results_that_json_has_another_form_for(client: Client, shared: DaemonProcess) -> None:
    """What msgspec writes as JSON is sent: a set is an array, keys are strings."""
    acquired = hold(shared)
    with client.lease(acquired) as lease:
        lease.result = {2: {3}, 4: Raw(b"1.50"), 5: 2**70}
    assert outcome(shared, acquired) == ("COMPLETED", {"2": [3], "4": 1.5, "5": 2**70})


HUGE = [b"1e400", b"-1E+9999", b"9" * 6000]


@pytest.mark.parametrize("number", HUGE, ids=["large", "small", "long"])
def test_a_payload_that_python_has_no_value_for(client: Client, number: bytes) -> None:
    """Its node is held and completed as any other; who asks for the value is told what it is."""
    payload = Raw(b'{"x":' + number + b"}")
    task_id = client.register_task("g", initial_nodes=[{"payload_schema": payload}]).task_id
    acquired = client.acquire_next_node(task_id)
    assert acquired is not None
    with client.lease(acquired) as lease:
        with pytest.raises(
            ValueError, match=rf"node {lease.node_id} is JSON .*take its bytes"
        ) as told:
            _ = lease.payload
        assert str(told.value).endswith("`lease.context.node.payload_schema`")
        assert "sys." not in str(told.value)
        lease.result = lease.context.node.payload_schema
    assert bytes(client.task_status(task_id).nodes[0].result_payload) == bytes(payload)
    with pytest.raises(ValueError, match="the result of TaskStatus is JSON"):
        client.call("TaskStatus", {"task_id": task_id})
    assert number in client.raw_call("TaskStatus", {"task_id": task_id})


def test_a_result_that_python_has_no_value_for(client: Client) -> None:
    """Of a node that was waited for: the others' results are there, and so are its bytes."""
    first = str(uuid.uuid4())
    nodes: list[dict[str, Any]] = [{"id": first}, {"dependencies": [first]}]
    task_id = client.register_task("g", initial_nodes=nodes).task_id
    for result in (Raw(b"1e400"), None):
        acquired = client.acquire_next_node(task_id)
        assert acquired is not None
        with client.lease(acquired) as lease:
            if acquired.node_id != first:
                with pytest.raises(ValueError, match=f"the result of node {first}"):
                    _ = lease.inputs
                [waited_for] = lease.context.completed_dependencies
                assert bytes(waited_for.result_payload) == b"1e400"
            lease.result = result
    assert client.task_status(task_id).counts == {"COMPLETED": 2}
