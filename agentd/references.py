"""Tasks and nodes as people and models refer to them: by the beginning of an id, `@`, or a name.

The rule this file keeps: an id in full is taken as it is, without asking the daemon. Anything less
has to stand for exactly one task or node. Who asks the daemon, and how, is the caller's business.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from agentd.api import NodeView
from agentd.api.types import canonical_prefix
from agentd.errors import Ambiguous, BadSetting, NodeNotFound, TaskNotFound
from agentd.label import payload_name

_WHOLE = 36
_NEWEST = re.compile(r"[1-9]\d{0,2}|1000", re.ASCII)
"""Which of the newest tasks: as far back as one request shows."""

_MOST_CANDIDATES = 10
"""Candidates that are named where an id could be several."""

_LONGEST = 60
"""Characters of what is said about each."""


class Question(NamedTuple):
    """Which tasks have to be known to tell the one that is meant.

    Those whose ids begin with `prefix`, so many at most (`limit`), the newest first.
    """

    prefix: str
    limit: int


def parse_id(given: str) -> str | None:
    """The id as agentd writes it; None where it is not one in full."""
    begin = id_prefix(given)
    return begin if begin is not None and len(begin) == _WHOLE else None


def id_prefix(given: str) -> str | None:
    """The beginning of an id as agentd writes it; None where no id begins so."""
    try:
        return canonical_prefix(given) or None
    except ValueError:
        return None


def ask_for_task(given: str) -> str | Question:
    """The task's id where it is given in full, else what has to be asked.

    `@` is the newest task, `@2` the one before it. Raises `BadSetting` for no id.
    """
    if (whole := parse_id(given)) is not None:
        return whole
    if given.startswith("@"):
        number = given[1:] or "1"
        if not _NEWEST.fullmatch(number):
            raise BadSetting(
                f"{given!r} is no task: `@` is the newest one, `@2` the one before it, up to "
                "`@1000`"
            )
        return Question("", int(number))
    begin = id_prefix(given)
    if begin is None:
        raise BadSetting(f"{given!r} is no task's id: `agentd task list` shows the ids there are")
    return Question(begin, _MOST_CANDIDATES + 1)


def pick_task(given: str, asked: Question, found: Sequence[tuple[str, str]]) -> str:
    """The task that is meant among those that were `asked` for: each its id, and its goal.

    Raises `TaskNotFound` where it stands for none, `Ambiguous` for several.
    """
    if given.startswith("@"):
        if len(found) < asked.limit:
            none = "there is no task yet; `agentd task register FILE` makes one"
            there = {0: none, 1: "there is one task"}
            told = there.get(len(found), f"there are {len(found):,} tasks")
            raise TaskNotFound(f"no task is {given}: {told}")
        return found[-1][0]
    if not found:
        raise TaskNotFound(
            f"no task's id begins with {given}: `agentd task list` shows the tasks there are"
        )
    if len(found) > 1:
        _refuse_ambiguous(given, "tasks", found)
    return found[0][0]


def pick_node(nodes: Sequence[NodeView], task: str, given: str) -> str:
    """The node of a task that this name, or the beginning or the end of an id, stands for.

    The first word of one name alone will do: it is the node's id in the tool that its plan is from.
    Raises `NodeNotFound` where it stands for none, `Ambiguous` for several.
    """
    found = [node for node in nodes if node_name(node) == given]
    if not found and given:
        named = [node for node in nodes if (node_name(node) or "").partition(" ")[0] == given]
        found = named if len(named) == 1 else []
    if not found and given:
        begin, end = id_prefix(given), given.lower()
        found = [
            node
            for node in nodes
            if node.id.endswith(end) or (begin is not None and node.id.startswith(begin))
        ]
    if not found:
        raise NodeNotFound(
            f"no node of task {task} is named {given!r}, and no node's id begins or ends so: "
            f"`agentd task show {task}` shows its nodes"
        )
    if len(found) > 1:
        _refuse_ambiguous(given, "nodes", [(node.id, node_name(node) or "") for node in found])
    return found[0].id


def node_name(node: NodeView) -> str | None:
    """The short name that a node was registered with."""
    return node.name or payload_name(node.payload_schema)


def _refuse_ambiguous(given: str, what: str, found: Sequence[tuple[str, str]]) -> NoReturn:
    candidates = [
        f"{each}  {about[:_LONGEST]}".rstrip() for each, about in found[:_MOST_CANDIDATES]
    ]
    if len(found) > _MOST_CANDIDATES:
        candidates.append("and more")
    raise Ambiguous(f"several {what} are meant by {given!r}; give more of the id", candidates)
