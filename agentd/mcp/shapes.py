"""What tools answer.

The rule this file keeps: what others wrote stands under `from_others`, apart from what is asked of
the agent; and what an agent has to know of its own leases stands in `news`, in every answer.
"""

from typing import Any

from typing_extensions import TypedDict


class Answer(TypedDict, total=False):
    """What every answer may have."""

    news: list[str]


class PlanAnswer(Answer, total=False):
    """A plan that was registered, or would be."""

    task: str
    goal: str
    nodes: int
    waves: list[list[str]]
    registered: bool
    existing: bool
    warnings: list[str]


class AddedAnswer(Answer, total=False):
    """Nodes that were added, or would be: their names, or their ids."""

    task: str
    added: bool
    nodes: list[str]
    warnings: list[str]


class NodeGiven(Answer, total=False):
    """A node to work on, or why there is none."""

    node: str
    task: str
    node_id: str
    lease: str
    attempt: int
    deadline: str
    goal: str
    payload: Any
    from_others: dict[str, Any]
    nothing: str


class Ended(Answer, total=False):
    """How a node ended, and the next one."""

    node: str
    status: str
    retry_at: str
    next: NodeGiven


class Noted(Answer, total=False):
    """An event that was recorded."""

    node: str
    event_id: str


class TaskAnswer(Answer, total=False):
    """A task, or a list of them."""

    tasks: list[dict[str, Any]]
    task: str
    goal: str
    state: str
    counts: dict[str, int]
    nodes: list[dict[str, Any]]
    waits_for: list[str]
    events: list[dict[str, Any]]
    last_seq: int
    next: int
    hint: str


class NodeAnswer(Answer, total=False):
    """A node, or a piece of what it has."""

    node: str
    node_id: str
    status: str
    owner: str
    needs: list[str]
    waits_for: list[str]
    hint: str
    payload: Any
    from_others: dict[str, Any]
    text: str
    next: int


class LockAnswer(Answer, total=False):
    """A lock that is held, or who has it."""

    key: str
    lease: str
    held: bool
    hint: str


class Decided(Answer, total=False):
    """A gate that was decided."""

    node: str
    status: str
