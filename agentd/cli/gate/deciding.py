"""What `agentd gate approve` and `reject` have in common, and what they say where nothing is open.

The rule this file keeps: who cannot decide is told what the node waits for, and what to type.
"""

import argparse

from agentd.api import Decision, NodeView
from agentd.cli.node.target import TargetNode, find_target
from agentd.cli.printing import print_data
from agentd.cli.screen import is_terminal, print_fields
from agentd.cli.user import user_name
from agentd.client import Client
from agentd.errors import GateNotOpen
from agentd.references import node_name
from agentd.text import printable


def decide(options: argparse.Namespace, decision: Decision) -> int:
    """Decide a gate. Raises `GateNotOpen`, `NodeNotFound`, `TaskIsCancelled`, `Ambiguous`."""
    by = user_name() if options.by is None else options.by
    with Client() as client:
        target = find_target(client, options)
        try:
            done = client.decide_gate(*target, decision, by=by, note=options.note)
        except GateNotOpen as refusal:
            node = require_gate(client, target)
            raise _with_next_step(refusal, node) from refusal
        named = node_name(client.node_status(*target).node) if is_terminal() else None
    if options.json:
        print_data(done)
    elif is_terminal():
        said = "approved" if decision == "approve" else "rejected"
        print(printable(f"{said} {named or target.node_id}, which is {done.status} now"))
    else:
        print_fields(done.event_id)
    return 0


def require_gate(client: Client, target: TargetNode) -> NodeView:
    """The node. Raises `GateNotOpen` where it is no gate."""
    node = client.node_status(*target).node
    if not node.gate:
        raise GateNotOpen(
            f"node {node_name(node) or node.id} is no gate: it is worked on, and nobody decides "
            f"it; `agentd node show {node.task_id} {node.id}` shows it",
            node_id=node.id,
            status=node.status,
        )
    return node


def _with_next_step(refusal: GateNotOpen, node: NodeView) -> GateNotOpen:
    """The refusal, with what to type."""
    which = f"{node.task_id} {node.id}"
    if node.status == "FAILED":
        told = f"`agentd node retry {which}` opens it again"
    elif node.status == "PENDING":
        told = f"`agentd node why {which}` says what it waits for"
    else:
        told = f"`agentd gate show {which}` shows it"
    message = refusal.message.partition(";")[0].replace(node.id, node_name(node) or node.id, 1)
    return GateNotOpen(f"{message}; {told}", node_id=node.id, status=node.status)
