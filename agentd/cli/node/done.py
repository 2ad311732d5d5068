"""`agentd node done TASK NODE`: a person did the work of a node, and says so.

The rule this file keeps: every step may be repeated, so a command that was cut short is given
again. What keeps the node from being done is said, whatever was done before that.
"""

import argparse

from agentd.api import NodeView
from agentd.cli.node.event_result import print_event_result
from agentd.cli.node.target import TargetNode, find_target
from agentd.cli.owner import named_owner
from agentd.cli.payload import parse_payload
from agentd.cli.remedies import remedies, taking_away
from agentd.cli.user import user_name
from agentd.client import Client
from agentd.client.requests.leases import acquire_next_node
from agentd.client.requests.retries import retry_node
from agentd.errors import Failure

_REASON = "done by hand"


class NotDone(Failure):
    """The node is not one that a person can complete now; `faults` are the causes."""

    def __init__(self, message: str, faults: list[str] | None = None) -> None:
        super().__init__(message)
        self.faults = faults or []


def run(options: argparse.Namespace) -> int:
    """Complete the node. Raises `NotDone`, `NodeNotFound`, `TaskIsCancelled`, `Usage`."""
    result = parse_payload(options.result, "the result")
    owner = options.owner or named_owner() or user_name()
    with Client() as client:
        target = find_target(client, options)
        lease = _lease(client, target, owner)
        event = client.complete_node(*target, lease, result)
    return print_event_result(event, options, "completed")


def _lease(client: Client, target: TargetNode, owner: str) -> str:
    """The lease of the node, for this owner. Raises `NotDone`."""
    node = client.node_status(*target).node
    if node.gate:
        decided = f"agentd gate approve {node.task_id} {node.id}"
        raise NotDone(f"node {_call(node)} is a gate, which is decided: `{decided}`, or `reject`")
    if node.status == "COMPLETED":
        shown = f"agentd node show {node.task_id} {node.id}"
        raise NotDone(f"node {_call(node)} is COMPLETED: `{shown}` has its result")
    if node.lease_id is not None:
        return _own_lease(node, owner)
    again = retry_node(*target, reason=_REASON, by=owner)
    acquired = acquire_next_node(target.task_id, lease_owner=owner, node_id=target.node_id)
    # Together, else a worker that waits would have it in between, and do it once more.
    steps = (again, acquired) if node.status == "FAILED" else (acquired,)
    *_, held = client.ask_in_a_row(*steps)
    if held is None:
        raise _not_acquired(client, target, node)
    lease: str = held.lease_id
    return lease


def _own_lease(node: NodeView, owner: str) -> str:
    """The lease that an earlier try of this owner left behind. Raises `NotDone`."""
    if node.lease_owner != owner or node.lease_id is None:
        raise NotDone(
            f"node {_call(node)} is RUNNING, held by {node.lease_owner or ''!r}: let it end, "
            f"or take it away with `{taking_away(node)}`"
        )
    return node.lease_id


def _not_acquired(client: Client, target: TargetNode, before: NodeView) -> NotDone:
    """Why the node could not be had, and where it stands now."""
    found = client.explain_node(*target)
    if found.status == "RUNNING":
        return NotDone(f"node {_call(before)} was acquired by somebody else meanwhile")
    stands = "it FAILED, and is PENDING again now" if before.status == "FAILED" else "it is PENDING"
    causes = []
    for cause in found.reasons:
        causes.append(cause.text)
        causes += [f"then {command}" for command in remedies(cause, *target)]
    return NotDone(f"node {_call(before)} is not done: {stands}, and cannot be taken", causes)


def _call(node: NodeView) -> str:
    return node.name or node.id
