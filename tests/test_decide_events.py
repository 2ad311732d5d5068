"""What CommitEvent decides."""

import pytest

from agentd.errors import LeaseRequired, StaleLease
from agentd.events import EventCommitted
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
