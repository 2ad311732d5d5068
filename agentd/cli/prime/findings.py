"""What there is to tell an agent, asked of the daemon.

The rule this file keeps: every question is bounded, whatever the database holds. What is older than
the newest tasks and events that are looked at is left to the verbs that look further.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from agentd.api import (
    GateView,
    LimitView,
    NodeView,
    RecordedEventView,
    ResourceLockView,
    TaskSummary,
    rfc3339,
)
from agentd.cli.event_owner import event_owner
from agentd.client import Client
from agentd.client.requests.gates import list_gates
from agentd.client.requests.limits import list_limits
from agentd.client.requests.locks import list_resource_locks
from agentd.client.requests.nodes import node_status
from agentd.client.requests.tasks import list_tasks
from agentd.client.requests.workers import list_workers

_OPEN = ("ACTIVE", "PAUSED")
_NEWEST_TASKS = 100
_MOST_TASKS = 5
_MOST_GATES = 20
_MOST_LOCKS = 200
_MOST_NODES = 6
_FAILED_SINCE_SECONDS = 7 * 86_400

_LATELY = 10_000
"""Places of the journal that are looked through: what one call looks at."""

_PAGE = 1_000
_BACK = ("TIMEOUT_ROLLBACK", "RELEASE_NODE")
_OF_NOTE = ("FAIL_NODE", "CANCEL_TASK", "DECIDE_GATE", "CLOSE_LIMIT")

IsOurs = Callable[[str], bool]
"""Whether an owner is an agent that the briefing is for."""


class Findings(NamedTuple):
    """All of it; `went_back` are nodes that an agent of ours held, and that nobody holds now."""

    held: list[NodeView]
    went_back: list[NodeView]
    locks: list[ResourceLockView]
    tasks: list[TaskSummary]
    has_more_tasks: bool
    gates: list[GateView]
    has_more_gates: bool
    failed: list[TaskSummary]
    closed: list[LimitView]
    events: list[RecordedEventView]

    def __bool__(self) -> bool:
        """Whether an agent has to know of it; what happened alone does not call for anything."""
        return any(self[:-1])


def look(client: Client, is_ours: IsOurs) -> Findings:
    """What there is now. Raises `DaemonUnreachable`, or what an older daemon refuses."""
    runnable, newest, gates, limits, workers, locks = client.ask_in_a_row(
        list_tasks(runnable=True, limit=_MOST_TASKS),
        list_tasks(limit=_NEWEST_TASKS),
        list_gates(limit=_MOST_GATES),
        list_limits(limit=_PAGE),
        list_workers(),
        list_resource_locks(limit=_MOST_LOCKS),
    )
    # Asked for by their state, all tasks would be looked through for the few that are open.
    open_ones = [task for task in newest.tasks if task.state in _OPEN]
    tasks = {task.id: task for task in (*open_ones, *runnable.tasks)}
    holders = {each.owner for each in workers.workers if each.holding and is_ours(each.owner)}
    kinds = (*_BACK, *_OF_NOTE, *(("ACQUIRE_NODE",) if holders else ()))
    events = [*_events(client, kinds)]
    held, went_back = _nodes(client, events, is_ours)
    return Findings(
        held,
        went_back,
        [lock for lock in locks.locks if is_ours(lock.owner)][:_MOST_NODES],
        [*tasks.values()][:_MOST_TASKS],
        len(tasks) > _MOST_TASKS,
        gates.gates,
        gates.next is not None,
        [task for task in newest.tasks if _failed_lately(task)],
        [limit for limit in limits.limits if limit.closed_until is not None],
        [event for event in events if event.action_type in _OF_NOTE][-_MOST_NODES:],
    )


def _failed_lately(task: TaskSummary) -> bool:
    since = rfc3339(round((time.time() - _FAILED_SINCE_SECONDS) * 1000))
    return task.state == "FAILED" and task.created_at >= since


def _nodes(
    client: Client, events: Sequence[RecordedEventView], is_ours: IsOurs
) -> tuple[list[NodeView], list[NodeView]]:
    """Nodes that one of ours holds, and nodes that one of ours held; those of these events."""
    places: dict[tuple[str, str], None] = {}
    for event in events:
        if event.action_type in _OF_NOTE:
            continue
        if event.task_id and event.node_id and is_ours(event_owner(event)):
            places.pop((event.task_id, event.node_id), None)
            places[event.task_id, event.node_id] = None
    newest = [node_status(*each) for each in [*places][::-1][: 2 * _MOST_NODES]]
    nodes = [answer.node for answer in client.ask_in_a_row(*newest)] if newest else []
    held = [node for node in nodes if node.lease_owner is not None and is_ours(node.lease_owner)]
    went_back = [each for each in nodes if each.status == "PENDING" and not _is_over(each)]
    return held[:_MOST_NODES], went_back[:_MOST_NODES]


def _is_over(node: NodeView) -> bool:
    """Whether its task was cancelled."""
    return "cancelled" in node.blocked_by


def _events(client: Client, kinds: Collection[str]) -> Iterator[RecordedEventView]:
    """The newest events of these kinds, the newest last."""
    last = client.watch_events(limit=1).last_seq
    place = max(0, last - _LATELY)
    while place < last:
        page = client.watch_events(after_seq=place, kinds=list(kinds), limit=_PAGE)
        yield from (event for event in page.events if not event.by_client)
        if page.last_seq <= place:
            return
        place = page.last_seq
