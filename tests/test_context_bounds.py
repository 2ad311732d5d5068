"""What a context shows of the journal and of results: whose, and how much."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from agentd.decide import Context
from tests.core import STORES, Core, spec, uid


class BoundedCore(Core):
    """The methods under a bound of the context's bytes."""

    context_bytes: int | None = 100

    def context(self) -> Context:
        return replace(super().context(), context_bytes=self.context_bytes)


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BoundedCore]:
    store = STORES[request.param](tmp_path)
    yield BoundedCore(store)
    store.close()


def note(core: Core, task_id: str, node: int, payload: object) -> None:
    """An event about a node that nobody holds."""
    core.do("CommitEvent", task_id=task_id, node_id=uid(node), payload=payload)


def told(lease: dict[str, Any]) -> list[Any]:
    """The payloads of the events in its context."""
    return [event["payload"] for event in lease["context"]["event_journal"]]


def test_the_oldest_events_are_left_out(core: BoundedCore) -> None:
    """The newest whose payloads have so many bytes together are there."""
    task_id = core.register(*(spec(number) for number in range(1, 5)))
    for payload in ("a" * 60, "b" * 50, "c" * 40):
        note(core, task_id, 4, payload)
    assert told(core.do("AcquireNextNode", task_id=task_id)) == ["b" * 50, "c" * 40]
    note(core, task_id, 4, "d" * 99)
    assert told(core.do("AcquireNextNode", task_id=task_id)) == []
    core.context_bytes = 101
    assert told(core.do("AcquireNextNode", task_id=task_id)) == ["d" * 99]
    core.context_bytes = 0
    assert told(core.do("AcquireNextNode", task_id=task_id)) == []


def test_a_repeat_under_another_bound(core: BoundedCore) -> None:
    """It shows what the first answer showed."""
    task_id = core.register(spec(1))
    note(core, task_id, 1, "x")
    first = core.do("AcquireNextNode", request_id=uid(9))
    core.context_bytes = 0
    assert core.do("AcquireNextNode", request_id=uid(9)) == first


def test_the_events_of_a_node_and_its_dependencies(core: BoundedCore) -> None:
    """Scope `node` leaves out what is about others; the event limit counts those alone."""
    core.event_limit, core.context_bytes = 3, 10_000
    task_id = core.register(spec(1), spec(2), spec(3, 1))
    first, second = core.hold(task_id), core.hold(task_id)
    core.do("CommitEvent", **first.params, payload="of 1")
    core.do("CompleteNode", **first.params, payload="done")
    note(core, task_id, 3, "of 3")
    for _ in range(5):
        core.do("CommitEvent", **second.params, payload="of 2")
    lease = core.do("AcquireNextNode", task_id=task_id, context_scope="node")
    assert told(lease) == ["of 1", {"result": "done"}, "of 3"]
    core.now += core.lease_ms
    core.event_limit = 2
    wanted = {"task_id": task_id, "context_scope": "node"}
    for expected in (["of 2"] * 2, [{"result": "done"}, "of 3"]):
        assert told(core.do("AcquireNextNode", **wanted)) == expected


def test_a_failure_of_a_node_is_told(core: BoundedCore) -> None:
    """Scope `node` shows how it ended, too, in its repeat as it was then."""
    task_id = core.register(spec(1))
    lease = core.do("AcquireNextNode", context_scope="node", request_id=uid(9))
    held = {name: lease[name] for name in ("task_id", "node_id", "lease_id")}
    core.do("FailNode", **held)
    assert core.node(task_id, uid(1))["status"] == "FAILED"
    assert core.do("AcquireNextNode", context_scope="node", request_id=uid(9)) == lease


def test_no_events(core: BoundedCore) -> None:
    """Scope `none` leaves out all, whoever asks."""
    task_id = core.register(spec(1), spec(2), spec(3))
    note(core, task_id, 1, "x")
    assert told(core.do("AcquireNextNode", context_scope="none")) == []
    [lease] = core.do("AcquireNodes", count=1, context_scope="none")["leases"]
    assert told(lease) == []
    held = {name: lease[name] for name in ("task_id", "node_id", "lease_id")}
    answer = core.do("CompleteNode", **held, acquire_next={"context_scope": "none"})
    assert told(answer["next"]) == []


@pytest.mark.parametrize("scope", ["Task", "", 1])
def test_a_scope_that_is_none(core: BoundedCore, scope: object) -> None:
    """It is refused by its name."""
    with pytest.raises(Exception, match="context_scope"):
        core.do("AcquireNextNode", context_scope=scope)


def test_results_beyond_the_bound(core: BoundedCore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that would exceed it size and node are told; smaller ones behind them are there."""
    contexts = sys.modules["agentd.queries.node_context"]
    monkeypatch.setattr(contexts, "RESULT_BYTES", 100)
    monkeypatch.setattr(contexts, "_LARGEST_RESULT", 60)
    task_id = core.register(spec(1), spec(2), spec(3), spec(4, 1, 2, 3))
    for payload in ("a" * 58, "b" * 48, "c" * 8):
        core.do("CompleteNode", **core.hold(task_id).params, payload=payload)
    results = [
        each["result_payload"]
        for each in core.do("AcquireNextNode")["context"]["completed_dependencies"]
    ]
    left_out = {"left_out": True, "bytes": 50, "node_id": uid(2)}
    assert results == ["a" * 58, left_out, "c" * 8]


def test_imported_results_beyond_the_bound(
    core: BoundedCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that nodes came with are told alike."""
    contexts = sys.modules["agentd.queries.node_context"]
    monkeypatch.setattr(contexts, "RESULT_BYTES", 100)
    monkeypatch.setattr(contexts, "_LARGEST_RESULT", 60)
    ended = [("COMPLETED", "a" * 58), ("FAILED", "b" * 48), ("COMPLETED", "c" * 8)]
    nodes = [
        {"id": uid(at), "status": status, "result_payload": result, "on_failure": "continue"}
        for at, (status, result) in enumerate(ended, 1)
    ]
    core.do("ImportTask", goal="g", source="s", nodes=[*nodes, spec(4, 1, 2, 3)])
    left_out = {"left_out": True, "bytes": 50, "node_id": uid(2)}
    assert core.do("AcquireNextNode")["context"]["completed_dependencies"] == [
        {"node_id": uid(1), "result_payload": "a" * 58},
        {"node_id": uid(2), "result_payload": left_out, "status": "FAILED"},
        {"node_id": uid(3), "result_payload": "c" * 8},
    ]
