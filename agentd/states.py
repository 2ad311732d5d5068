"""The states of a task's nodes as a person looks for them.

The rule this file keeps: the four statuses are shown by their own names. What is PENDING is told
apart by what it waits for: nothing (runnable), a decision (a gate that is open), one that has
failed, or anything else.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol, TypeVar


class State(NamedTuple):
    """One state: its word, its sign in drawings, and its colour on a terminal."""

    word: str
    sign: str
    colour: str


COMPLETED = State("COMPLETED", "✓", "green")
FAILED = State("FAILED", "✗", "red")
RUNNING = State("RUNNING", "●", "yellow")
RUNNABLE = State("runnable", "◎", "cyan")
PENDING = State("PENDING", "○", "default")
GATE = State("gate", "◇", "blue")
BLOCKED = State("blocked", "⊘", "magenta")

STATES = (RUNNING, FAILED, GATE, RUNNABLE, PENDING, BLOCKED, COMPLETED)
"""All of them, those that ask for attention first."""

TASK_COLOURS = {
    "COMPLETED": COMPLETED.colour,
    "FAILED": FAILED.colour,
    "PAUSED": RUNNABLE.colour,
    "CANCELLED": BLOCKED.colour,
}
"""The colours of a task's states, but for the one that is nothing special."""

EVENT_COLOURS = {
    "COMPLETE_NODE": COMPLETED.colour,
    "FAIL_NODE": FAILED.colour,
    "OPEN_GATE": RUNNABLE.colour,
}
"""Those of the events that end a node, or ask a person."""


class Depending(Protocol):
    """What the order of nodes follows from."""

    @property
    def id(self) -> str:
        """What others call it among their dependencies."""

    @property
    def dependencies(self) -> Sequence[str]:
        """The ids of the nodes that it needs."""


class NodeLike(Depending, Protocol):
    """What the state of a node follows from; a `NodeView` is one."""

    @property
    def status(self) -> str:
        """One of the four."""

    @property
    def blocked_by(self) -> Sequence[str]:
        """Kinds of causes that keep it back."""

    @property
    def not_before(self) -> float | None:
        """Unix seconds until which it waits."""

    @property
    def satisfies_dependents(self) -> bool:
        """Its dependents wait for it no longer."""


Node = TypeVar("Node", bound=Depending)

_BY_STATUS = {state.word: state for state in (COMPLETED, FAILED, RUNNING)}


def node_states(nodes: Sequence[NodeLike]) -> dict[str, State]:
    """The state of every node, by its id."""
    found: dict[str, State] = {}
    satisfied = {node.id for node in nodes if node.satisfies_dependents}
    for node in in_dependency_order(nodes):  # what blocks a node is known before the node is
        needed = {found[other] for other in node.dependencies if other not in satisfied}
        found[node.id] = state_of(node, needed)
    return {node.id: found[node.id] for node in nodes}


def state_of(node: NodeLike, needed: set[State]) -> State:
    """The state of a node; `needed` are the states of what it still waits for."""
    known = _BY_STATUS.get(node.status)
    return _pending_state(node, needed) if known is None else known


def _pending_state(node: NodeLike, needed: set[State]) -> State:
    if needed & {FAILED, BLOCKED}:
        return BLOCKED
    if "gate" in node.blocked_by:
        return GATE
    return PENDING if needed or node.not_before is not None or node.blocked_by else RUNNABLE


def in_dependency_order(nodes: Sequence[Node]) -> list[Node]:
    """The nodes, each behind all that it depends on, and else as they were registered."""
    by_id = {node.id: node for node in nodes}
    waiting: dict[str, Iterable[str]] = {}
    done: dict[str, Node] = {}
    for first in by_id:
        trail = [first]
        while trail:
            node_id = trail[-1]
            rest = waiting.setdefault(node_id, iter(by_id[node_id].dependencies))
            needed = next((other for other in rest if other not in waiting), None)
            if needed is None:
                done.setdefault(trail.pop(), by_id[node_id])
            else:
                trail.append(needed)
    return list(done.values())
