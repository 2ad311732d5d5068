"""UpdateNode: other settings for what is PENDING; each engine runs the suite."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd.errors import (
    IllegalTransition,
    InvalidParams,
    NodeNotFound,
    TaskIsCancelled,
    TaskNotFound,
)
from tests.core import NOW, STORES, Core, Held, spec, uid


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    store = STORES[request.param](tmp_path)
    yield Core(store)
    store.close()


def acquire(core: Core, **params: Any) -> str | None:
    """The id of the node that is handed out."""
    found = core.do("AcquireNextNode", **params)
    return None if found is None else str(found["node_id"])


def update(core: Core, task_id: str, number: int | None = None, **settings: Any) -> list[str]:
    """The ids of the nodes that were changed."""
    named = {} if number is None else {"node_id": uid(number)}
    changed: list[str] = core.do("UpdateNode", task_id=task_id, **named, **settings)["node_ids"]
    return changed


def test_a_priority_changes_the_order(core: Core) -> None:
    """The node is handed out where its new priority has it."""
    task_id = core.register(spec(1), spec(2), spec(3, 1))
    assert update(core, task_id, 2, priority=7) == [uid(2)]
    assert core.node(task_id, uid(2))["priority"] == 7
    assert acquire(core) == uid(2)
    assert update(core, task_id, 3, priority=100) == [uid(3)]
    held = core.hold(task_id)
    core.do("CompleteNode", **held.params)
    assert acquire(core) == uid(3)


def test_all_that_are_pending(core: Core) -> None:
    """Without a node: those that run or have ended are left alone."""
    task_id = core.register(*map(spec, range(1, 5)), spec(5, 4))
    core.hold(task_id)
    core.do("CompleteNode", **core.hold(task_id).params)
    assert update(core, task_id, limits=["gpu"]) == [uid(3), uid(4), uid(5)]
    core.do("SetLimit", name="gpu", max_running=0)
    assert acquire(core, task_id=task_id) is None
    assert core.do("ListLimits")["limits"][0]["waiting"] == 2


def test_nothing_that_is_pending(core: Core) -> None:
    """Then nothing is changed, and that is no fault."""
    task_id = core.register()
    assert update(core, task_id, priority=1) == []


def test_what_is_not_said_stays(core: Core) -> None:
    """Each field is replaced whole, and no other; an empty list is none."""
    retry = {"max_attempts": 5, "backoff_secs": 0}
    before = {"retry": retry, "lease_secs": 9, "requires": ["a"], "limits": ["b"], "priority": 3}
    task_id = core.register(spec(1, on_failure="continue", **before))
    update(core, task_id, 1, requires=[], timeout_secs=7, retry=None)
    shown = core.node(task_id, uid(1))
    kept = {name: shown[name] for name in ("retry", "lease_secs", "limits", "priority")}
    assert kept == {"retry": retry, "lease_secs": 9, "limits": ["b"], "priority": 3}
    assert (shown["requires"], shown["timeout_secs"], shown["on_failure"]) == ([], 7, "continue")
    held = core.do("AcquireNextNode", task_id=task_id)
    assert held["lease_expires_at"] == (NOW + 7_000) // 1000
    assert held["deadline_at"] == (NOW + 7_000) / 1000


def test_a_moment_is_moved(core: Core) -> None:
    """One that lies behind is none to wait for; another setting leaves a pause alone."""
    retry = {"max_attempts": 5, "backoff_secs": 100, "jitter": 0}
    task_id = core.register(spec(1, retry=retry))
    core.do("FailNode", **core.hold(task_id).params)
    paused_until = core.node(task_id, uid(1))["not_before"]
    update(core, task_id, 1, priority=1)
    assert core.node(task_id, uid(1))["not_before"] == paused_until
    assert acquire(core) is None
    update(core, task_id, 1, not_before=0)
    assert core.node(task_id, uid(1))["not_before"] is None
    assert acquire(core) == uid(1)


def test_a_moment_that_lies_ahead(core: Core) -> None:
    """The node is ready, and not runnable before."""
    task_id = core.register(spec(1))
    update(core, task_id, 1, not_before=(NOW + 500) / 1000)
    assert acquire(core) is None
    assert core.do("TaskStatus", task_id=task_id)["state"] == "ACTIVE"
    core.now += 500
    assert acquire(core) == uid(1)


def test_attempts_that_counted_go_on_counting(core: Core) -> None:
    """A node that may be tried less often than it was is tried no more."""
    task_id = core.register(spec(1, retry={"max_attempts": 5, "backoff_secs": 0}))
    core.do("FailNode", **core.hold(task_id).params)
    core.do("FailNode", **core.hold(task_id).params)
    update(core, task_id, 1, retry={"max_attempts": 3})
    assert core.do("FailNode", **core.hold(task_id).params)["status"] == "FAILED"


def test_an_expiry_more_keeps_the_place_of_its_new_priority(core: Core) -> None:
    """Leases that ran out cost the place among equals, whatever the priority is then."""
    task_id = core.register(spec(1), spec(2))
    for _ in range(3):
        core.do("AcquireNextNode", task_id=task_id, node_id=uid(1), lease_secs=1)
        core.now += 1_000
        core.do("settle_due", task_id=task_id)
    update(core, task_id, priority=5)
    assert acquire(core) == uid(2)


def test_a_limit_that_is_taken_in_the_place_of_another(core: Core) -> None:
    """From the next acquisition on."""
    task_id = core.register(spec(1, limits=["a"]))
    core.do("SetLimit", name="a", max_running=0)
    core.do("SetLimit", name="b", max_running=1)
    update(core, task_id, 1, limits=["b"])
    waiting = {each["name"]: each["waiting"] for each in core.do("ListLimits")["limits"]}
    assert waiting == {"a": 0, "b": 1}
    assert acquire(core) == uid(1)


def test_a_repeat_of_an_acquisition_shows_the_node_as_it_was(core: Core) -> None:
    """Whatever was changed since it was held."""
    task_id = core.register(spec(1, requires=["a"]))
    asked = {"task_id": task_id, "labels": ["a"], "request_id": uid(77)}
    held = core.do("AcquireNextNode", **asked)
    core.do("ReleaseNode", **Held(task_id, uid(1), held["lease_id"]).params)
    update(core, task_id, 1, requires=["b"], priority=9, lease_secs=5)
    assert core.do("AcquireNextNode", **asked) == held


def test_the_journal_says_what_was_changed(core: Core) -> None:
    """The settings as they are from then on."""
    task_id = core.register(spec(1, requires=["a"]))
    update(core, task_id, 1, priority=9, not_before=(NOW + 500) / 1000)
    event = core.do("TaskEvents", task_id=task_id)["events"][-1]
    assert (event["node_id"], event["action_type"]) == (uid(1), "UPDATE_NODE")
    assert event["payload"] == {
        "priority": 9,
        "not_before": (NOW + 500) / 1000,
        "requires": ["a"],
    }


@pytest.mark.parametrize("status", ["RUNNING", "COMPLETED", "FAILED"])
def test_only_what_is_pending_is_changed(core: Core, status: str) -> None:
    """The refusal names the node and its status."""
    task_id = core.register(spec(1))
    held = core.hold(task_id)
    endings = {"COMPLETED": "CompleteNode", "FAILED": "FailNode"}
    if status in endings:
        core.do(endings[status], **held.params)
    with pytest.raises(IllegalTransition, match=f"{uid(1)} is {status}"):
        update(core, task_id, 1, priority=1)


def test_what_is_not_there(core: Core) -> None:
    """A task, or a node of it, by id or by name."""
    task_id = core.register(spec(1))
    with pytest.raises(TaskNotFound):
        update(core, uid(9), priority=1)
    with pytest.raises(NodeNotFound, match="no node build"):
        core.do("UpdateNode", task_id=task_id, node_id="build", priority=1)
    core.do("CancelTask", task_id=task_id)
    with pytest.raises(TaskIsCancelled):
        update(core, task_id, 1, priority=1)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "any of priority, retry"),
        ({"priority": None}, "any of priority, retry"),
        ({"priority": 101}, "priority"),
        ({"limit": ["gpu"]}, "`limits`"),
        ({"not_before": "soon"}, "not_before"),
        ({"lease_secs": 0}, "lease_secs"),
    ],
)
def test_what_is_no_change(core: Core, params: dict[str, Any], words: str) -> None:
    """The message names the field, and the closest that there is."""
    task_id = core.register(spec(1))
    with pytest.raises(InvalidParams) as refusal:
        core.do("UpdateNode", task_id=task_id, **params)
    assert words in refusal.value.message
