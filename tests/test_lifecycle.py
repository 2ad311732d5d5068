"""The life of a node: every pair of status and trigger, and that the edges are the contract's."""

from itertools import product

import pytest

from agentd.errors import IllegalTransition
from agentd.events import STATUSES, Status
from agentd.lifecycle import EDGES, edge, step

LEGAL: dict[tuple[Status, str], Status] = {
    ("PENDING", "acquire"): "RUNNING",
    ("RUNNING", "complete"): "COMPLETED",
    ("RUNNING", "fail"): "FAILED",
    ("RUNNING", "timeout_rollback"): "PENDING",
    ("RUNNING", "release"): "PENDING",
    ("RUNNING", "retry"): "PENDING",
    ("RUNNING", "revoke"): "PENDING",
    ("FAILED", "retry_failed"): "PENDING",
}
TRIGGERS = tuple(trigger for _status, trigger in LEGAL)
ILLEGAL = [pair for pair in product(STATUSES, TRIGGERS) if pair not in LEGAL]


def test_the_statuses_are_the_contracts() -> None:
    """There are four statuses, in the order of a node's life."""
    assert STATUSES == ("PENDING", "RUNNING", "COMPLETED", "FAILED")


def test_the_edges_are_the_contracts() -> None:
    """PENDING → RUNNING → COMPLETED | FAILED, and the ways back to PENDING. Nothing else."""
    assert {(row["source"], row["trigger"]): row["dest"] for row in EDGES} == LEGAL
    assert len(EDGES) == len(LEGAL)


@pytest.mark.parametrize(("status", "trigger"), LEGAL)
def test_a_legal_step(status: Status, trigger: str) -> None:
    """A legal trigger leads where the table says."""
    assert step(status, trigger) == LEGAL[status, trigger]


@pytest.mark.parametrize(("status", "trigger"), ILLEGAL)
def test_an_illegal_step_is_refused(status: Status, trigger: str) -> None:
    """Any other pair is refused, with the status, the trigger, and the edge there is."""
    with pytest.raises(IllegalTransition) as refusal:
        step(status, trigger)
    for words in (status, trigger, edge(trigger)):
        assert words in refusal.value.message
    assert refusal.value.data == {
        "kind": "illegal_transition",
        "status": status,
        "trigger": trigger,
    }


@pytest.mark.parametrize(("status", "trigger"), ILLEGAL)
def test_a_refused_step_leaves_no_trace(status: Status, trigger: str) -> None:
    """After a refusal every step gives what it gave before, and the refusal is refused again."""
    for _twice in range(2):
        with pytest.raises(IllegalTransition):
            step(status, trigger)
    assert {pair: step(*pair) for pair in LEGAL} == LEGAL


def test_a_status_that_does_not_exist_is_no_refusal() -> None:
    """A status that no node can have is a fault of the program, not of the request."""
    with pytest.raises(ValueError, match="PAUSED"):
        step("PAUSED", "acquire")
    assert step("PENDING", "acquire") == "RUNNING"


@pytest.mark.parametrize(("pair", "status"), LEGAL.items())
def test_an_edge_in_words(pair: tuple[Status, str], status: Status) -> None:
    """An edge is told to people as `PENDING -> RUNNING`."""
    assert edge(pair[1]) == f"{pair[0]} -> {status}"
