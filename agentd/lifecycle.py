"""The life of a node: states and legal edges, and the one machine that enforces them.

The rule this file keeps: an edge is legal if and only if it stands in `EDGES`. Nothing else in
agentd compares statuses to allow or refuse a transition.
"""

from functools import cache
from typing import Any, cast

from transitions import Machine, MachineError

from agentd.errors import IllegalTransition
from agentd.events import STATUSES, Status

EDGES = (
    {"trigger": "acquire", "source": "PENDING", "dest": "RUNNING"},
    {"trigger": "complete", "source": "RUNNING", "dest": "COMPLETED"},
    {"trigger": "fail", "source": "RUNNING", "dest": "FAILED"},
    {"trigger": "timeout_rollback", "source": "RUNNING", "dest": "PENDING"},
    {"trigger": "release", "source": "RUNNING", "dest": "PENDING"},
    {"trigger": "retry", "source": "RUNNING", "dest": "PENDING"},
    {"trigger": "retry_failed", "source": "FAILED", "dest": "PENDING"},
    {"trigger": "revoke", "source": "RUNNING", "dest": "PENDING"},
)


class _Node:
    """The machine's model: it carries the status for the length of one step."""

    state: str
    trigger: Any


_node = _Node()
_machine = Machine(
    model=_node,
    states=list(STATUSES),
    transitions=list(EDGES),
    initial="PENDING",
    auto_transitions=False,
)


@cache  # there are few edges, and to ask the machine takes some 20 µs
def step(status: Status, trigger: str) -> Status:
    """The status after `trigger`. Raises `IllegalTransition` where there is no such edge."""
    _machine.set_state(status, _node)
    try:
        _node.trigger(trigger)
    except MachineError as error:
        raise IllegalTransition(
            f"a node that is {status} cannot {trigger}: {_legal(trigger)}",
            status=status,
            trigger=trigger,
        ) from error
    return cast("Status", _node.state)


def edge(trigger: str) -> str:
    """The edge in words, for people and `DescribeInterface`: `PENDING -> RUNNING`."""
    found = next(row for row in EDGES if row["trigger"] == trigger)
    return f"{found['source']} -> {found['dest']}"


def _legal(trigger: str) -> str:
    return f"the only such edge is {edge(trigger)}"
