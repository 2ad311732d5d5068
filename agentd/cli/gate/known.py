"""The gates that there are, asked of the daemon."""

from agentd.api import GateView
from agentd.client import Client
from agentd.label import SHORTEST_ID


def all_gates(client: Client, task: str | None, *, is_open: bool) -> list[GateView]:
    """Those that wait for a decision, or were decided, of all pages."""
    page = client.list_gates(open=is_open, task_id=task)
    gates = [*page.gates]
    while page.next is not None:
        page = client.list_gates(open=is_open, task_id=task, after=page.next)
        gates += page.gates
    return gates


def find_gate(client: Client, task: str, node: str) -> GateView | None:
    """That of the node, if it is open or was decided."""
    for is_open in (True, False):
        for gate in all_gates(client, task, is_open=is_open):
            if gate.node_id == node:
                return gate
    return None


def gate_name(gate: GateView) -> str:
    """What to type for its node: its name, or its id where that has none or is no word."""
    return gate.name if gate.name and gate.name.isprintable() else gate.node_id


def gate_label(gate: GateView) -> str:
    """As `gate_name`, but for the end of an id, which leaves room in a line for what is asked."""
    return gate.name if gate.name and gate.name.isprintable() else gate.node_id[-SHORTEST_ID:]
