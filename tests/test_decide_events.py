"""What CommitEvent decides."""

import pytest
from msgspec.structs import replace

from agentd.decide import Ledger
from agentd.errors import InvalidParams, LeaseRequired, StaleLease, TaskIsCancelled
from agentd.events import EventCommitted, TaskCancelled
from agentd.journal import Draft
from agentd.projections import NodeRow
from tests.given import (
    COMPLETED,
    FAILED,
    HELD_AGAIN,
    NODE,
    OTHER_LEASE,
    PENDING,
    ROLLED_BACK,
    RUNNING,
    TASK,
    given,
    held,
    node,
)


def test_the_holder_commits_an_event() -> None:
    """The holder of the lease notes what it wants, under the name it wants."""
    given(node(RUNNING)).when("CommitEvent", **held(), action_type="NOTE", payload={"a": 1}).then(
        Draft(EventCommitted("NOTE"), NODE, b'{"a":1}')
    )


def test_an_event_has_a_name_and_a_payload_by_default() -> None:
    """`action_type` defaults to COMMIT_EVENT and the payload to null."""
    given(node(RUNNING)).when("CommitEvent", **held()).then(
        Draft(EventCommitted("COMMIT_EVENT"), NODE, b"null")
    )


@pytest.mark.parametrize("row", [PENDING, ROLLED_BACK, COMPLETED, FAILED])
def test_nobody_needs_a_lease_where_nobody_holds_one(row: NodeRow) -> None:
    """Anybody may commit an event about a node that is not RUNNING, without a lease."""
    given(node(row)).when("CommitEvent", task_id=TASK, node_id=NODE, event_payload=0).then(
        Draft(EventCommitted("COMMIT_EVENT"), NODE, b"0")
    )


def test_a_running_node_needs_its_lease() -> None:
    """While the node is RUNNING, an event without a lease is refused."""
    given(node(RUNNING)).when("CommitEvent", task_id=TASK, node_id=NODE).refused(
        LeaseRequired, NODE, "send the lease_id"
    )


@pytest.mark.parametrize("row", [PENDING, ROLLED_BACK, RUNNING, HELD_AGAIN, COMPLETED, FAILED])
def test_a_lease_that_is_given_has_to_be_current(row: NodeRow) -> None:
    """Wherever a lease is given, it must be the current one."""
    given(node(row)).when("CommitEvent", **held(OTHER_LEASE)).refused(
        StaleLease, OTHER_LEASE, "acquire again"
    )


def test_a_lease_in_a_cancelled_task() -> None:
    """Whoever brings one is told that the task was cancelled; without one, anybody may note."""
    cancelled = replace(node(ROLLED_BACK), cancelled=TaskCancelled("no need"))
    given(cancelled).when("CommitEvent", **held()).refused(TaskIsCancelled, TASK, "no need")
    given(cancelled).when("CommitEvent", task_id=TASK, node_id=NODE).then(
        Draft(EventCommitted("COMMIT_EVENT"), NODE, b"null")
    )


@pytest.mark.parametrize(
    ("budget", "spent"),
    [(None, False), ({"usd": 3}, False), ({"usd": 2}, True), ({"tokens": 9, "usd": 2}, True)],
)
def test_a_note_that_tells_usage(budget: dict[str, float] | None, spent: bool) -> None:  # noqa: FBT001
    """It says whether any unit of the budget is reached with that."""
    charged = replace(node(RUNNING), ledger=Ledger({"usd": 1}, budget))
    given(charged).when("CommitEvent", **held(), usage={"usd": 1}).then(
        Draft(EventCommitted("COMMIT_EVENT", {"usd": 1}, spent), NODE, b"null")
    )


def test_a_unit_too_many() -> None:
    """A task may be told of 64; the refusal names those that it has."""
    charged = replace(node(RUNNING), ledger=Ledger({f"u{n}": 1 for n in range(64)}, None))
    given(charged).when("CommitEvent", **held(), usage={"u64": 1}).refused(
        InvalidParams, "$.usage", "65", "u63"
    )
    assert given(charged).when("CommitEvent", **held(), usage={"u63": 1}).drafts()
