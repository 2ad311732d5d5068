"""Tasks and nodes as people name them: by an id, the beginning of one, `@`, or a node's name.

The rule this file keeps: an id in full is taken as it is, without asking the daemon. Anything less
has to stand for exactly one task or node.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from os.path import commonprefix
from typing import NoReturn

from agentd.api import NodeView
from agentd.api.types import canonical_prefix
from agentd.cli.failures import Ambiguous, Usage
from agentd.client import Client
from agentd.errors import NodeNotFound, TaskNotFound
from agentd.label import SHORTEST_ID, payload_name

NO_LEASE = "none"
"""Stands for the lease of a node that nobody holds."""

TELLING_LENGTH = 18
"""Characters of an id that tell it from tasks that are not shown: all of its millisecond, and 12
bits of chance (RFC 9562, version 7). To ask for each whether others begin so would take longer.
"""

_WHOLE = 36
_NEWEST = re.compile(r"[1-9]\d{0,2}|1000", re.ASCII)
"""Which of the newest tasks: as far back as one request shows."""

_MOST_CANDIDATES = 10
"""Candidates that are named where an id could be several."""

_LONGEST = 60
"""Characters of what is said about each."""


def parse_id(given: str) -> str | None:
    """The id as agentd writes it; None where it is not one in full."""
    begin = _id_prefix(given)
    return begin if begin is not None and len(begin) == _WHOLE else None


def find_task_id(client: Client, given: str) -> str:
    """The task that this id, or the beginning of one, stands for, among those of the daemon.

    Raises what `resolve_task_id` raises.
    """

    def find(begin: str, limit: int) -> list[tuple[str, str]]:
        page = client.list_tasks(prefix=begin, limit=limit)
        tasks = page.tasks
        while page.next is not None and len(tasks) < limit:  # it is shorter where goals are large
            left = limit - len(tasks)
            page = client.list_tasks(prefix=begin, limit=left, before=page.next)
            tasks += page.tasks
        return [(task.id, task.goal) for task in tasks]

    return resolve_task_id(given, find)


def resolve_task_id(given: str, find: Callable[[str, int], Sequence[tuple[str, str]]]) -> str:
    """The task that this id stands for, or the beginning of one; an id in full is not looked up.

    `@` is the newest task, `@2` the one before it. `find` finds the ids, and what to say of each,
    that begin with a text: so many at most, the newest first. Raises `TaskNotFound` where it stands
    for none, `Ambiguous` for several, `Usage` for no id.
    """
    if (whole := parse_id(given)) is not None:
        return whole
    if given.startswith("@"):
        return _find_newest(given, find)
    begin = _id_prefix(given)
    if begin is None:
        raise Usage(f"{given!r} is no task's id: `agentd task list` shows the ids there are")
    found = find(begin, _MOST_CANDIDATES + 1)
    if not found:
        raise TaskNotFound(
            f"no task's id begins with {given}: `agentd task list` shows the tasks there are"
        )
    if len(found) > 1:
        _refuse_ambiguous(given, "tasks", found)
    return found[0][0]


def _find_newest(given: str, find: Callable[[str, int], Sequence[tuple[str, str]]]) -> str:
    number = given[1:] or "1"
    if not _NEWEST.fullmatch(number):
        raise Usage(
            f"{given!r} is no task: `@` is the newest one, `@2` the one before it, up to `@1000`"
        )
    found = find("", int(number))
    if len(found) < int(number):
        none = "there is no task yet; `agentd task register FILE` makes one"
        there = {0: none, 1: "there is one task"}
        told = there.get(len(found), f"there are {len(found):,} tasks")
        raise TaskNotFound(f"no task is {given}: {told}")
    return found[-1][0]


def find_node_id(client: Client, task: str, given: str) -> str:
    """The node of a task that this id, the beginning or the end of one, or this name stands for.

    Raises `NodeNotFound` where it stands for none, `Ambiguous` for several.
    """
    (found,) = find_node_ids(client, task, [given])
    return found


def find_node_ids(client: Client, task: str, given: Sequence[str]) -> list[str]:
    """As `find_node_id` for each; the daemon is asked once, and not for ids in full."""
    whole = [parse_id(each) for each in given]
    nodes = client.task_status(task).nodes if None in whole else []
    return [
        found or _find_among(nodes, task, each) for found, each in zip(whole, given, strict=True)
    ]


def _find_among(nodes: Sequence[NodeView], task: str, given: str) -> str:
    found = [node for node in nodes if node_name(node) == given]
    if not found and given:
        begin, end = _id_prefix(given), given.lower()
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


def parse_lease_id(given: str) -> str:
    """A lease in full: who holds it knows it. Raises `Usage` for anything less."""
    if (whole := parse_id(given)) is None:
        raise Usage(f"{given!r} is no lease: give the lease_id in full, as it was acquired")
    return whole


def node_name(node: NodeView) -> str | None:
    """The short name that a node was registered with."""
    return node.name or payload_name(node.payload_schema)


def shorten_ids(ids: Iterable[str], shortest: int = SHORTEST_ID) -> dict[str, str]:
    """The shortest beginning of each id, from so many on, that stands for no other of them."""
    ordered = sorted(set(ids))
    lengths = dict.fromkeys(ordered, shortest)
    for one, other in pairwise(ordered):  # only neighbours share much
        shared = len(commonprefix((one, other)))  # noqa: RUF071 - ids are compared by characters
        for each in (one, other):
            lengths[each] = max(lengths[each], shared + 1)
    return {each: each[:length] for each, length in lengths.items()}


def node_labels(nodes: Sequence[NodeView]) -> dict[str, str]:
    """What to call each node: its name where no other has it, else the end of its id."""
    names = {node.id: node_name(node) for node in nodes}
    times = Counter(names.values())
    ends = shorten_ids(each[::-1] for each in names)
    return {
        each: chosen if chosen and times[chosen] == 1 else ends[each[::-1]][::-1]
        for each, chosen in names.items()
    }


def _id_prefix(given: str) -> str | None:
    """The beginning of an id as agentd writes it; None where no id begins so."""
    try:
        return canonical_prefix(given) or None
    except ValueError:
        return None


def _refuse_ambiguous(given: str, what: str, found: Sequence[tuple[str, str]]) -> NoReturn:
    candidates = [
        f"{each}  {about[:_LONGEST]}".rstrip() for each, about in found[:_MOST_CANDIDATES]
    ]
    if len(found) > _MOST_CANDIDATES:
        candidates.append("and more")
    raise Ambiguous(f"several {what} are meant by {given!r}; give more of the id", candidates)
