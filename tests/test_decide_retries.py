"""What RetryNode decides: which nodes that failed may be tried again."""

from typing import Any

import pytest
from msgspec.structs import replace

from agentd.decide import FailedNode, RetryState
from agentd.errors import NodeNotFound, NotRetryable, TaskNotFound
from agentd.events import NodeRetried
from agentd.journal import Draft
from agentd.projections import NodeRow
from tests.core import uid
from tests.given import COMPLETED, FAILED, NODE, PENDING, RUNNING, STATE_ROW, TASK, given

A, B, C = (replace(FAILED, node_id=uid(number)) for number in (0xA, 0xB, 0xC))


def state(*nodes: FailedNode) -> RetryState:
    return RetryState(TASK, 3, STATE_ROW, nodes)


def failed(row: NodeRow, *dependents: NodeRow, satisfied: bool = False) -> FailedNode:
    return FailedNode(row, satisfied, dependents)


def retried(row: NodeRow, number: int = 1, **more: Any) -> Draft:
    return Draft(NodeRetried("PENDING", number=number, **more), row.node_id)


def one(**more: Any) -> dict[str, Any]:
    return {"task_id": TASK, "node_id": NODE, **more}


def test_a_node_that_failed_is_tried_again() -> None:
    """It is PENDING; the journal has who wanted it and why."""
    given(state(failed(FAILED, PENDING))).when("RetryNode", **one(reason="r", by="me")).then(
        retried(FAILED, reason="r", by="me")
    )


def test_dependents_wait_for_it_again() -> None:
    """Where they had run on, it is noted that they had."""
    node = failed(FAILED, PENDING, satisfied=True)
    given(state(node)).when("RetryNode", **one()).then(retried(FAILED, satisfied=True))


@pytest.mark.parametrize("row", [PENDING, RUNNING, COMPLETED])
def test_what_has_not_failed_is_not_retried(row: NodeRow) -> None:
    """Only what is FAILED is."""
    given(state(failed(row))).when("RetryNode", **one()).refused(NotRetryable, NODE, row.status)


@pytest.mark.parametrize("row", [RUNNING, COMPLETED, FAILED])
def test_what_others_have_built_on_is_not_retried(row: NodeRow) -> None:
    """A dependent that ran because of `on_failure: continue` is in the way, and named."""
    other = replace(row, node_id=uid(0xD))
    given(state(failed(FAILED, PENDING, other))).when("RetryNode", **one()).refused(
        NotRetryable, NODE, other.node_id, other.status
    )


def test_all_that_failed_and_can_be() -> None:
    """Those whose dependents are PENDING or taken with it; the others are left."""
    kept_back = failed(C, replace(COMPLETED, node_id=uid(0xD)))
    nodes = failed(A, B, satisfied=True), failed(B, PENDING), kept_back
    given(state(*nodes)).when("RetryNode", task_id=TASK, failed=True).then(
        retried(A, satisfied=True), retried(B, 2)
    )


def test_who_is_kept_back_keeps_back_others() -> None:
    """What a node that is left depends on is left too."""
    nodes = failed(A, B), failed(B, replace(RUNNING, node_id=uid(0xD)))
    given(state(*nodes)).when("RetryNode", task_id=TASK, failed=True).then()


def test_nothing_to_retry_is_no_refusal() -> None:
    """Where nothing failed, nothing happens."""
    given(state()).when("RetryNode", task_id=TASK, failed=True).then()


def test_what_is_not_there_is_refused() -> None:
    """An unknown task, and an unknown node."""
    given(RetryState(TASK, 0, None, ())).when("RetryNode", **one()).refused(TaskNotFound, TASK)
    given(RetryState(TASK, 0, None, ())).when("RetryNode", task_id=TASK, failed=True).refused(
        TaskNotFound, TASK
    )
    given(state()).when("RetryNode", **one()).refused(NodeNotFound, NODE)
