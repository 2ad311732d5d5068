"""The gates that there are, asked of the daemon."""

from agentd.api import GateView
from agentd.client import Client
from agentd.client.questions import find_out
from agentd.inbox.waiting import ask_gates


def all_gates(client: Client, task: str | None, *, is_open: bool) -> list[GateView]:
    """Those that wait for a decision, or were decided, of all pages."""
    return find_out(client, ask_gates(task, is_open=is_open))


def find_gate(client: Client, task: str, node: str) -> GateView | None:
    """That of the node, if it is open or was decided."""
    for is_open in (True, False):
        for gate in all_gates(client, task, is_open=is_open):
            if gate.node_id == node:
                return gate
    return None
