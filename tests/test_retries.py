"""Nodes that failed, on both stores: tried again by hand, or run past by their dependents."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agentd.errors import NotRetryable
from agentd.replay import check
from tests.attempts import acquire, hold, status
from tests.core import LEASE_MS, STORES, Core, spec, uid


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    made = Core(STORES[request.param](tmp_path))
    yield made
    assert not [*check(made.store, lambda _seq: None)], "a replay gives other rows"
    made.store.close()


# Tried again by hand


def test_a_node_that_failed_is_tried_again(core: Core) -> None:
    """Its attempts count anew and their numbers go on; what it was failed with is history."""
    task_id = core.register(spec(1, retry={"max_attempts": 2, "backoff_secs": 0}), spec(2, 1))
    for _ in range(2):
        core.do("FailNode", **hold(core, task_id).params, error_payload="e")
    retried = core.do("RetryNode", task_id=task_id, node_id=uid(1), request_id=uid(500))
    assert retried == {"node_ids": [uid(1)]}
    assert core.node(task_id, uid(1))["result_payload"] is None
    answer = core.do("FailNode", **hold(core, task_id).params)
    assert (answer["status"], answer["attempt"]) == ("PENDING", 3)
    core.do("CompleteNode", **hold(core, task_id).params)
    assert hold(core, task_id).node_id == uid(2)
    assert core.do("RetryNode", task_id=task_id, node_id=uid(1), request_id=uid(500)) == retried
    assert [each["how"] for each in status(core, task_id)["attempts"]] == ["failed"] * 3 + [
        "completed"
    ]


def test_all_that_failed_are_tried_again(core: Core) -> None:
    """At once, in registration order; where none did that is an answer, and remembered."""
    task_id = core.register(spec(1), spec(2), spec(3), spec(4, 3))
    everything = {"task_id": task_id, "failed": True}
    assert core.do("RetryNode", **everything, request_id=uid(500)) == {"node_ids": []}
    for _ in range(3):
        core.do("FailNode", **hold(core, task_id).params)
    assert core.do("RetryNode", **everything, request_id=uid(500)) == {"node_ids": []}
    assert core.do("RetryNode", **everything) == {"node_ids": [uid(1), uid(2), uid(3)]}
    assert core.do("TaskStatus", task_id=task_id)["counts"] == {"PENDING": 4}


def test_dependents_that_run_on(core: Core) -> None:
    """`on_failure: continue`: they find its error; what they built on is not tried again."""
    task_id = core.register(spec(1, on_failure="continue"), spec(2), spec(3, 1, 2))
    core.do("FailNode", **hold(core, task_id).params, error_payload={"e": 1})
    core.do("CompleteNode", **hold(core, task_id).params, result_payload="done")
    acquired = acquire(core, task_id, request_id=uid(500))
    assert acquired["context"]["completed_dependencies"] == [
        {"node_id": uid(1), "result_payload": {"e": 1}, "status": "FAILED"},
        {"node_id": uid(2), "result_payload": "done"},
    ]
    with pytest.raises(NotRetryable):
        core.do("RetryNode", task_id=task_id, node_id=uid(1))
    assert core.do("RetryNode", task_id=task_id, failed=True) == {"node_ids": []}
    core.now += LEASE_MS
    core.do("settle_due", task_id=task_id)
    core.do("RetryNode", task_id=task_id, node_id=uid(1))
    assert hold(core, task_id).node_id == uid(1)
    assert acquire(core, task_id) is None, "the dependent waits again"
    assert acquire(core, task_id, request_id=uid(500)) == acquired


def test_whole_branches_are_tried_again(core: Core) -> None:
    """What failed behind what failed waits for it again."""
    task_id = core.register(spec(1, on_failure="continue"), spec(2, 1))
    core.do("FailNode", **hold(core, task_id).params)
    core.do("FailNode", **hold(core, task_id).params)
    with pytest.raises(NotRetryable):
        core.do("RetryNode", task_id=task_id, node_id=uid(1))
    core.do("RetryNode", task_id=task_id, failed=True)
    core.do("CompleteNode", **hold(core, task_id).params)
    assert hold(core, task_id).node_id == uid(2)
