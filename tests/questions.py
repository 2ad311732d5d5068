"""Every question that a store is asked, at once: to compare two views of one database."""

from collections.abc import Iterable

from agentd.events import LockMode
from agentd.projections import DEMANDS, NODES, PROJECTIONS, TASKS, TOTALS, DemandRow, StretchRow
from agentd.projections.totals import SCOPE
from agentd.projections.usage import limit_scope, node_scope, task_scope
from agentd.store import Reader
from tests.core import next_runnable

LIMITS = (0, 1, 3, 50)
PREFIXES = ("", "0", "00000000-0000-4000-8000-000000000002")
KINDS = (["EventCommitted", "NodeFailed", "NodeAdded"], ["LeaseExtended", "NodeCompleted"])
MOMENTS = (0, 10, 20, 30, 2**53)
STAGES = ("closed", "ready", "open", "decided")
LOCK_KEYS = ("", "b", "dir:/", "dir:/a", "file:/a/b", "file:/a/*", "file:/**/b", "file:a/b")
LOCK_MODES: tuple[LockMode, ...] = ("exclusive", "shared")
DEDUPE_KEYS = ("k1", "k2")


def _demands(reader: Reader) -> list[DemandRow]:
    return list(reader.rows(DEMANDS))  # type: ignore[arg-type]  # its rows


def _place(stretch: StretchRow) -> tuple[int, int, str]:
    """Which of several with the same order comes first is nobody's business."""
    return (*stretch.order, stretch.demand)


def answers(reader: Reader, tasks: Iterable[str], nodes: Iterable[str]) -> dict[str, object]:
    """What the reader says of these tasks and nodes, by key and from the indexes, and of all."""
    task_ids, node_ids = list(tasks), list(nodes)
    return {
        "last": (reader.last_seq(), reader.last_at()),
        "next_expiry": [reader.next_expiry(after) for after in MOMENTS],
        "expired": [reader.expired_leases(0, until) for until in MOMENTS],
        "next_due": [reader.next_due(after) for after in MOMENTS],
        "due": [
            reader.due_nodes(until, limit, task_id)
            for until in MOMENTS
            for limit in (1, 9)
            for task_id in (None, *task_ids)
        ],
        "expired beside those honoured": [reader.expired_leases(10, until) for until in MOMENTS],
        "named": {
            (task_id, name): reader.node_named(task_id, name)
            for task_id in task_ids
            for name in ("n1", "n3", "a")
        },
        "all named": {
            task_id: list(reader.nodes_named(task_id, ["n1", "a", "n3", "x"]))
            for task_id in task_ids
        },
        "failed": {task_id: reader.failed_nodes(task_id) for task_id in task_ids},
        "runnable": {task_id: next_runnable(reader, task_id) for task_id in task_ids},
        "runnable of all": next_runnable(reader),
        "next stretches": sorted(reader.next_stretches(), key=_place),
        "first of each stretch": {
            task_id: [reader.first_of(each) for each in reader.stretches(task_id)]
            for task_id in task_ids
        },
        "pending": {task_id: reader.pending_nodes(task_id) for task_id in task_ids},
        "known limits": [reader.known_limits(after, 9) for after in ("", "l1")],
        "ready": reader.count_ready([row.demand for row in _demands(reader)]),
        "demands": reader.demands_in_queue(),
        "rated limits": reader.rated_limits(),
        "next opening": [reader.next_opening(after) for after in MOMENTS],
        "reach": [
            reader.reach(after, entries, task_id)
            for task_id in (None, *task_ids)
            for after in (0, 4, 99)
            for entries in (1, 5, 10_000)
        ],
        "of kinds": [
            list(reader.records_of_kinds(after, until, task_id, kinds))
            for task_id in (None, *task_ids)
            for after, until in ((0, 8), (3, 99))
            for kinds in KINDS
        ],
        "tails of nodes": [
            reader.tail_of_nodes(task_id, node_ids, limit, until)
            for task_id in task_ids
            for limit in LIMITS
            for until in (3, 99)
        ],
        "same ids": [
            reader.existing_events(
                ["x", *(each.event_id for each in reader.journal(1, limit=9))], n
            )
            for n in (0, 4, 99)
        ],
        "locks by key": [
            reader.locks_by_key(prefix, after, limit)
            for prefix in ("", "file:", "b")
            for after in (None, "", "dir:/a")
            for limit in (1, 9)
        ],
        "in the way of": [
            sorted(asked(key, mode), key=repr)
            for asked in (reader.conflicting_locks, reader.conflicting_wishes)
            for key in LOCK_KEYS
            for mode in LOCK_MODES
        ],
        "wishes": [reader.wishes_of(node_id) for node_id in node_ids],
        "wishes of tasks": [reader.wishes_of_task(task_id) for task_id in task_ids],
        "locks of leases": [
            reader.locks_of_lease(row.lease_id or "")
            for task_id in task_ids
            for row in reader.leased_nodes(task_id)
        ],
        "expired locks": [reader.expired_locks(until, 9) for until in MOMENTS],
        "next lock expiry": [reader.next_lock_expiry(after) for after in MOMENTS],
        "number of locks": [reader.count_locks(now) for now in MOMENTS],
        "seq at": [reader.seq_at(moment) for moment in MOMENTS],
        "of locks": [list(reader.records_of_locks(until)) for until in (3, 99)],
        "past": {
            (task_id, until): list(reader.past(task_id, until).nodes(task_id))
            for task_id in task_ids
            for until in (3, 99)
        },
        "past locks": list(reader.past_locks(99).locks_by_key("", None, 9)),
        "heads": {task_id: reader.head(task_id) for task_id in task_ids},
        "tails": {
            (task_id, limit): reader.tail(task_id, limit)
            for task_id in task_ids
            for limit in LIMITS
        },
        "node": {node_id: reader.get(NODES, (node_id,)) for node_id in node_ids},
        "task": {task_id: reader.get(TASKS, (task_id,)) for task_id in task_ids},
        "total": reader.get(TOTALS, (SCOPE,)),
        "taken": sorted(reader.existing_nodes(node_ids)),
        "dependents": {node_id: sorted(reader.dependents(node_id)) for node_id in node_ids},
        "tasks": [
            reader.tasks(prefix, before, limit)
            for prefix in PREFIXES
            for before in (None, 5)
            for limit in (1, 9)
        ],
        "runnable tasks": [
            reader.runnable_tasks(prefix, after, limit)
            for prefix in PREFIXES
            for after in (0, 5)
            for limit in (1, 9)
        ],
        "shown": {
            (task_id, after): list(reader.records_without_heartbeats(task_id, after, 3))
            for task_id in task_ids
            for after in (None, 0, 7)
        },
        "stretches": {task_id: list(reader.stretches(task_id)) for task_id in task_ids},
        "leased": {task_id: reader.leased_nodes(task_id) for task_id in task_ids},
        "states": reader.states_of(task_ids),
        "children": {task_id: reader.children(task_id, None, 9) for task_id in task_ids},
        "open": [reader.open_tasks(key) for key in DEDUPE_KEYS],
        "overdue": [reader.overdue_tasks(0, until) for until in MOMENTS],
        "next_timeout": [reader.next_timeout(after) for after in MOMENTS],
        "gates": [reader.gates_in(each, stage) for each in task_ids for stage in STAGES],
        "listed gates": [
            reader.listed_gates(stage, task_id, after, limit)
            for stage in STAGES
            for task_id in (None, *task_ids)
            for after in ((-1, -1), (10, 20), (2**53, 0))
            for limit in (1, 9)
        ],
        "overdue gates": [
            reader.overdue_gates(until, limit, task_id)
            for until in MOMENTS
            for limit in (1, 9)
            for task_id in (None, *task_ids)
        ],
        "next gate timeout": [reader.next_gate_timeout(after) for after in MOMENTS],
        "usage": {task_id: reader.usage(task_scope(task_id)) for task_id in task_ids},
        "nodes' usage": {node_id: reader.usage(node_scope(node_id)) for node_id in node_ids},
        "limits' usage": [reader.usage(limit_scope(name)) for name in ("l1", "l2")],
        "pages of nodes": {task_id: list(reader.nodes(task_id, 1, 2)) for task_id in task_ids},
        "of each task": {task_id: list(reader.nodes(task_id)) for task_id in task_ids},
        "streams": {task_id: list(reader.journal(0, task_id)) for task_id in task_ids},
        "journal": list(reader.journal()),
        "records": [reader.record_at(seq + 1) for seq in range(reader.last_seq())],
        "all rows": {p.name: list(reader.rows(p)) for p in PROJECTIONS},
    }
