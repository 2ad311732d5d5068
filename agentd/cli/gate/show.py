"""`agentd gate show TASK NODE`: what is asked, on the ground of what, and how to answer."""

import argparse
import shlex
import time
from collections.abc import Iterator

from agentd.api import GateView, NodeView, TaskStatusResult
from agentd.cli.gate.deciding import require_gate
from agentd.cli.gate.known import find_gate
from agentd.cli.gate.list import decision_words
from agentd.cli.node.target import find_target
from agentd.cli.printing import print_data
from agentd.cli.screen import console, is_terminal, print_fields, print_whole
from agentd.client import Client
from agentd.node_labels import node_labels
from agentd.text import printable_json
from agentd.times import format_duration, format_moment, format_seconds


def run(options: argparse.Namespace) -> int:
    """Print a gate. Raises `TaskNotFound`, `NodeNotFound`, `GateNotOpen`, `Ambiguous`."""
    with Client() as client:
        target = find_target(client, options)
        status = client.task_status(target.task_id)
        node = require_gate(client, target)
        gate = find_gate(client, *target)
    before = [each for each in status.nodes if each.id in node.dependencies]
    if options.json:
        print_data({"gate": gate, "node": node, "dependencies": before})
    elif is_terminal():
        for what, words in _lines(status, node, gate):
            print_whole(console(), f"{what:<9} {words}")
    else:
        for each in before:
            print_fields(each.id, each.status, each.name, each.result_payload)
    return 0


def _lines(
    status: TaskStatusResult, node: NodeView, gate: GateView | None
) -> Iterator[tuple[str, str]]:
    called = node_labels(status.nodes)
    yield "gate", called[node.id]
    yield "asks", node.gate.ask if node.gate else ""
    yield "task", f"{status.task.goal} ({status.task.id})"
    yield "status", _status(node, gate)
    if (by_itself := _timeout(node, gate)) is not None:
        yield "timeout", by_itself
    for each in status.nodes:
        if each.id in node.dependencies:
            result = printable_json(bytes(each.result_payload))
            yield "after", f"{called[each.id]}, {each.status}: {result}"
    for each in status.nodes:
        if node.id in each.dependencies:
            yield "before", f"{called[each.id]}, {each.status}"
    if gate is not None and gate.decision is None:
        which = f"{node.task_id} {_name_to_type(node, called[node.id])}"
        yield "then", f"agentd gate approve {which}"
        yield "", f"agentd gate reject {which} --note TEXT"


def _name_to_type(node: NodeView, name: str) -> str:
    return shlex.quote(name) if name.isprintable() else node.id


def _status(node: NodeView, gate: GateView | None) -> str:
    if gate is None:
        why = f", held up by {', '.join(node.blocked_by)}" if node.blocked_by else ""
        return f"{node.status}, not open{why}" if node.status == "PENDING" else node.status
    if gate.decision is None:
        return f"open for {format_duration(int(time.time() - gate.since))}"
    return f"{node.status}, {decision_words(gate)}"


def _timeout(node: NodeView, gate: GateView | None) -> str | None:
    if not node.gate or not isinstance(node.gate.timeout_secs, int | float):
        return None
    said = "approved" if node.gate.on_timeout == "approve" else "rejected"
    if gate is None:
        return f"{said} by itself {format_seconds(node.gate.timeout_secs)} after it has opened"
    if gate.decision is None and gate.timeout_at is not None:
        return f"{said} by itself at {format_moment(gate.timeout_at)}"
    return None
