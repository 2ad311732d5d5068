"""What a `with` block under a lease leaves behind: a completed node, a failed one, or neither."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from agentd import Client
from agentd.errors import ParseError, RequestTooLarge, WorkFailed
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
        ("\ud800", UnicodeEncodeError, "UnicodeEncodeError"),
        (ENDLESS, RecursionError, "RecursionError"),
        ("x" * 1_048_576, RequestTooLarge, "RequestTooLarge"),
        (NESTED, ParseError, "ParseError"),
        (Raw(b"rubbish"), ParseError, "ParseError"),
        (Raw(b"rub\nbish"), msgspec.DecodeError, "DecodeError"),
    ],
    ids=["object", "key", "text", "endless", "large", "deep", "raw", "raw lines"],
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
    assert error["message"]


def test_results_that_json_has_another_form_for(client: Client, shared: DaemonProcess) -> None:
    """What msgspec writes as JSON is sent: NaN is null, a set is an array, keys are strings."""
    acquired = hold(shared)
    with client.lease(acquired) as lease:
        lease.result = {1: float("nan"), 2: {3}, 4: Raw(b"1.50"), 5: 2**70}
    assert outcome(shared, acquired) == (
        "COMPLETED",
        {"1": None, "2": [3], "4": 1.5, "5": 2**70},
    )
