"""Checkpoints on both stores: what a holder leaves, the next one goes on from."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agentd.errors import LeaseRequired, StaleLease
from agentd.replay import check
from tests.attempts import acquire, hold, status
from tests.core import LEASE_MS, STORES, Core, spec, uid


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    made = Core(STORES[request.param](tmp_path), event_limit=0)
    yield made
    assert not [*check(made.store, lambda _seq: None)], "a replay gives other rows"
    made.store.close()


def keep(core: Core, lease: Any, payload: object) -> None:
    """The holder sets the node's checkpoint."""
    core.do("CommitEvent", **lease.params, checkpoint=True, payload=payload)


def kept(core: Core, task_id: str) -> Any:
    """The checkpoint that the next holder is shown, with what it is not shown left out."""
    context = acquire(core, task_id)["context"]
    assert context["event_journal"] == []
    return context["checkpoint"]


def test_the_next_holder_gets_the_newest_checkpoint(core: Core) -> None:
    """With the attempt that set it, whatever the event limit; before the first there is none."""
    task_id = core.register(spec(1))
    lease = hold(core, task_id)
    assert status(core, task_id)["checkpoint"] is None
    keep(core, lease, {"page": 1})
    keep(core, lease, {"page": 2})
    core.now += LEASE_MS
    told = {"payload": {"page": 2}, "attempt": 1, "timestamp": "2026-01-31T12:00:00.123Z"}
    assert kept(core, task_id) == told
    assert status(core, task_id)["checkpoint"] == told


def test_a_checkpoint_is_passed_on_byte_for_byte(core: Core) -> None:
    """As it was written: spaces, the order of keys, and numbers that no float can hold."""
    task_id = core.register(spec(1))
    lease = hold(core, task_id)
    written = b'{"b" : 1.10, "a": 123456789012345678901234567890, "a": "\\u00e9"}'
    params = msgspec.json.encode({**lease.params, "checkpoint": True, "payload": None})
    core.encoded("CommitEvent", params.replace(b'"payload":null', b'"payload":' + written))
    core.do("ReleaseNode", **lease.params)
    wanted = msgspec.json.encode({"task_id": task_id, "context_scope": "none"})
    assert b'"checkpoint":{"payload":' + written in core.encoded("AcquireNextNode", wanted)


def test_a_checkpoint_needs_the_lease(core: Core) -> None:
    """Also where nobody holds the node, and then no other lease will do; nothing is recorded."""
    task_id = core.register(spec(1))
    node = {"task_id": task_id, "node_id": uid(1), "checkpoint": True}
    with pytest.raises(LeaseRequired, match="PENDING"):
        core.do("CommitEvent", **node)
    lease = hold(core, task_id)
    with pytest.raises(LeaseRequired):
        core.do("CommitEvent", **node)
    core.do("ReleaseNode", **lease.params)
    with pytest.raises(StaleLease):
        keep(core, lease, 1)
    assert kept(core, task_id) is None


def test_a_checkpoint_outlives_failures_and_retries(core: Core) -> None:
    """It is the node's, not the attempt's: an end, and RetryNode, leave it."""
    task_id = core.register(spec(1))
    lease = hold(core, task_id)
    keep(core, lease, [1])
    core.do("FailNode", **lease.params)
    core.do("RetryNode", task_id=task_id, node_id=uid(1))
    assert kept(core, task_id)["payload"] == [1]


def test_an_event_without_the_flag_is_no_checkpoint(core: Core) -> None:
    """It leaves the one before it, and null counts as left out."""
    task_id = core.register(spec(1))
    lease = hold(core, task_id)
    keep(core, lease, 1)
    core.do("CommitEvent", **lease.params, payload=2)
    core.do("CommitEvent", **lease.params, payload=3, checkpoint=None)
    core.do("ReleaseNode", **lease.params)
    assert kept(core, task_id)["payload"] == 1


def test_a_repeated_acquisition_shows_the_checkpoint_of_then(core: Core) -> None:
    """With the same request_id it is answered as the first time, whatever was kept since."""
    task_id = core.register(spec(1))
    keep(core, lease := hold(core, task_id), "old")
    core.do("ReleaseNode", **lease.params)
    again = {"task_id": task_id, "request_id": uid(0xA1)}
    first = core.do("AcquireNextNode", **again)
    core.do(
        "CommitEvent",
        **{name: first[name] for name in ("task_id", "node_id", "lease_id")},
        checkpoint=True,
        payload="new",
    )
    assert first["context"]["checkpoint"]["payload"] == "old"
    assert core.do("AcquireNextNode", **again) == first
