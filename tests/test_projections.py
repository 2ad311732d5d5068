"""What each kind of event does to each table: one example per event and reducer."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import asdict, replace

from agentd.events import (
    EVENTS,
    BudgetSet,
    DependenciesAdded,
    Event,
    EventCommitted,
    GateDecided,
    GateOpened,
    LeaseExpired,
    LeaseExtended,
    LeaseRevoked,
    LimitClosed,
    LimitSet,
    LockAcquired,
    LockEnded,
    LockExpired,
    LockExtended,
    LockReleased,
    NodeAcquired,
    NodeAdded,
    NodeCompleted,
    NodeDue,
    NodeFailed,
    NodeReleased,
    NodeRetried,
    NodeSettings,
    NodeUpdated,
    Rate,
    TaskCancelled,
    TaskPaused,
    TaskRegistered,
    TaskResumed,
)
from agentd.journal import Draft, Head, Recorded, record
from agentd.projections import (
    EDGES,
    NODES,
    PROJECTIONS,
    TASK_STATES,
    TASKS,
    TOTALS,
    USAGE,
    EdgeRow,
    Key,
    NodeRow,
    Projection,
    TaskRow,
    TaskStateRow,
    TotalsRow,
    UsageRow,
    project,
)
from agentd.projections.usage import add
from agentd.store.memory import MemoryTx
from tests.core import NOW, Ids, record_drafts, registration, uid

TASK, NODE, WAITING = uid(0x7A), uid(1), uid(2)
LEASE = uid(0xA)
LATER = NOW + 5

PENDING = NodeRow(NODE, TASK, 3, 2, "PENDING", 0, NOW, batch=-1)
RUNNING = NodeRow(
    *(NODE, TASK, 3, 2, "RUNNING", 0, NOW, NOW, LEASE, "w", NOW + 9, uid(0xB)),
    rank=-4_999_999,
    attempt=4,
    counted=1,
    strikes=3,
    deadline_at=NOW + 99,
    lease_ms=9,
    last_end_seq=5,
)
NO_LEASE = {
    **dict.fromkeys(("acquired_at", "lease_id", "lease_owner", "lease_expires_at")),
    **dict.fromkeys(("deadline_at", "lease_ms")),
    "last_lease": LEASE,
    "last_end_seq": 7,
    "rank": -5_000_000,
    "strikes": 0,
}
ENDED = replace(PENDING, status="FAILED", attempt=2, counted=2, last_lease=LEASE, result_seq=6)
TASK_ROW = TaskRow(TASK, 1, NOW)
STATE_ROW = TaskStateRow(TASK, 10, 20, 30, 40)
TOTALS_ROW = TotalsRow("database", 600, 7, 10, 20, 30, 40)

REGISTERED = TaskRegistered("g", 1)
ADDED = NodeAdded(3, (uid(8), uid(9)), 2, "PENDING")
ACQUIRED = NodeAcquired(LEASE, "w", NOW + 9, "RUNNING")
EXTENDED = LeaseExtended(LEASE, NOW + 99)
EXPIRED = LeaseExpired(LEASE, "w", NOW + 9, "PENDING")
COMMITTED = EventCommitted("NOTE")
COMPLETED = NodeCompleted(LEASE, "COMPLETED")
FAILED = NodeFailed(LEASE, "FAILED")
TRIED_AGAIN = NodeFailed(LEASE, "PENDING", not_before=LATER + 9)
RELEASED = NodeReleased(LEASE, "PENDING", not_before=LATER + 9)
RETRIED = NodeRetried("PENDING")
DUE = NodeDue()
REVOKED = LeaseRevoked(LEASE, "w", NOW + 9, "PENDING")
CANCELLED = TaskCancelled("why", "who")
PAUSED, RESUMED = TaskPaused("why", "who"), TaskResumed()
BUDGET = BudgetSet({"tokens": 5}, spent=True)
UPDATED = NodeUpdated(NodeSettings(priority=2, limits=("gpu",)), 2)
MORE_ADDED = DependenciesAdded((uid(8), uid(9)), 2)
LIMIT_SET = LimitSet("gpu", 3, Rate(5, 1_000))
LIMIT_CLOSED = LimitClosed("gpu", LATER + 9)
GATE_OPENED, GATE_DECIDED = GateOpened("Ship it?"), GateDecided("approve")
OF_LIMITS = (LIMIT_SET, LIMIT_CLOSED)
OF_LOCKS = (
    LockAcquired("file:/a", LEASE, "w", LATER + 9),
    LockExtended("file:/a", LEASE, LATER + 99),
    LockReleased("file:/a", LEASE, "w"),
    LockEnded("file:/a", LEASE, "w"),
    LockExpired("file:/a", LEASE, "w"),
)
OF_TASKS = (REGISTERED, CANCELLED, PAUSED, RESUMED, BUDGET, *OF_LIMITS)
EXAMPLES: Sequence[Event] = (
    REGISTERED,
    ADDED,
    ACQUIRED,
    EXTENDED,
    EXPIRED,
    COMMITTED,
    COMPLETED,
    FAILED,
    RELEASED,
    RETRIED,
    DUE,
    REVOKED,
    CANCELLED,
    PAUSED,
    RESUMED,
    BUDGET,
    UPDATED,
    LIMIT_SET,
    LIMIT_CLOSED,
    MORE_ADDED,
    GATE_OPENED,
    GATE_DECIDED,
    *OF_LOCKS,
)


def recorded(event: Event) -> Recorded:
    """The event as record 7 of the journal, 7th of its task, at LATER."""
    node_id = None if event in OF_TASKS else NODE
    [one] = record(Head(6, b""), 7, TASK, [Draft(event, node_id, b"{}")], LATER, Ids())
    return one


def keys(projection: Projection, event: Event) -> list[Key]:
    if type(event) not in projection.kinds:
        return []
    tables = MemoryTx()
    tables.put(EDGES, (NODE, WAITING), EdgeRow(NODE, WAITING))
    return list(projection.keys(recorded(event), tables))


def reduce(projection: Projection, row: Struct | None, event: Event, key: Key) -> dict[str, Any]:
    reduced = projection.reduce(row, recorded(event), key)
    assert reduced is not None
    return asdict(reduced)


def test_every_kind_has_an_example() -> None:
    """No kind of event is left out below."""
    assert [type(event) for event in EXAMPLES] == list(EVENTS)


# nodes


def test_a_node_is_added() -> None:
    """A node begins as its event says, at its position, pointing at its event."""
    assert NODES.reduce(None, recorded(ADDED), (NODE,)) == NodeRow(
        *(NODE, TASK, 3, 7, "PENDING", 2, LATER),
        batch=4,
    )


def test_nodes_of_one_request_are_a_batch() -> None:
    """It bears the seq of its first, wherever in the task that stands."""
    later = NodeAdded(9, (), 0, "PENDING", place=2)
    row = NODES.reduce(None, recorded(later), (NODE,))
    assert isinstance(row, NodeRow)
    assert row.batch == 5


@pytest.mark.parametrize(
    ("row", "event", "changed"),
    [
        (
            replace(PENDING, last_lease=uid(0xB)),
            replace(ACQUIRED, attempt=5, deadline_at=NOW + 50, lease_ms=7),
            {
                "status": "RUNNING",
                "acquired_at": LATER,
                "lease_id": LEASE,
                "lease_owner": "w",
                "lease_expires_at": NOW + 9,
                "attempt": 1,
                "deadline_at": NOW + 50,
                "lease_ms": 7,
            },
        ),
        (RUNNING, EXTENDED, {"lease_expires_at": NOW + 99}),
        (
            RUNNING,
            EXPIRED,
            {**NO_LEASE, "status": "PENDING", "strikes": 4, "rank": -4_999_998},
        ),
        (
            RUNNING,
            replace(EXPIRED, counts=True),
            {**NO_LEASE, "status": "PENDING", "strikes": 4, "rank": -4_999_998, "counted": 2},
        ),
        (
            RUNNING,
            REVOKED,
            {**NO_LEASE, "status": "PENDING"},
        ),
        (
            RUNNING,
            COMPLETED,
            {**NO_LEASE, "status": "COMPLETED", "acquired_at": NOW, "result_seq": 7},
        ),
        (
            RUNNING,
            FAILED,
            {
                **NO_LEASE,
                "status": "FAILED",
                "acquired_at": NOW,
                "result_seq": 7,
                "counted": 2,
            },
        ),
        (
            RUNNING,
            TRIED_AGAIN,
            {**NO_LEASE, "status": "PENDING", "not_before": LATER + 9, "counted": 2},
        ),
        (
            RUNNING,
            replace(TRIED_AGAIN, not_before=None),
            {**NO_LEASE, "status": "PENDING", "counted": 2},
        ),
        (RUNNING, RELEASED, {**NO_LEASE, "status": "PENDING", "not_before": LATER + 9}),
        (
            ENDED,
            RETRIED,
            {"status": "PENDING", "last_lease": None, "result_seq": None, "counted": 0},
        ),
        (replace(PENDING, not_before=NOW), DUE, {"not_before": None, "updated_at": NOW}),
        (replace(PENDING, waiting_on=1), MORE_ADDED, {"waiting_on": 3, "dependencies_seq": 7}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_event_changes_its_nodes_row(
    row: NodeRow, event: Event, changed: dict[str, Any]
) -> None:
    """An event sets what it is about and the moment, and leaves the rest of the row alone."""
    expected = asdict(row) | {"updated_at": LATER} | changed
    assert reduce(NODES, row, event, (NODE,)) == expected


def test_a_completion_is_one_dependency_less_to_wait_for() -> None:
    """A completion lowers the count of a node that waited for it, and changes nothing else."""
    row = replace(PENDING, node_id=WAITING, waiting_on=2)
    expected = asdict(row) | {"waiting_on": 1}
    assert reduce(NODES, row, COMPLETED, (WAITING,)) == expected


@pytest.mark.parametrize(
    ("event", "waiting_on"),
    [
        (replace(FAILED, satisfies=True), 1),
        (replace(RETRIED, satisfied=True), 3),
    ],
)
def test_what_failed_may_have_satisfied_its_dependents(event: Event, waiting_on: int) -> None:
    """Such a failure counts as a completion does, until the node is tried again."""
    row = replace(PENDING, node_id=WAITING, waiting_on=2)
    assert keys(NODES, event) == [(NODE,), (WAITING,)]
    expected = asdict(row) | {"waiting_on": waiting_on}
    assert reduce(NODES, row, event, (WAITING,)) == expected


def test_a_node_is_added_with_its_settings() -> None:
    """Its rank follows its priority, and it waits for its moment where that lies ahead."""
    for moment, waits_for in ((LATER + 1, LATER + 1), (LATER, None)):
        settings = NodeSettings(7, not_before=moment)
        row = NODES.reduce(None, recorded(replace(ADDED, name="a", settings=settings)), (NODE,))
        assert isinstance(row, NodeRow)
        assert (row.name, row.rank, row.not_before, row.settings_seq) == (
            "a",
            -7_000_000,
            waits_for,
            7,
        )


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_which_nodes_an_event_concerns(event: Event) -> None:
    """An event concerns its node; a completion also who waits for it; a note no row at all."""
    own: list[Key] = [(NODE,)]
    none: list[Key] = []
    expected = {EventCommitted: none, NodeCompleted: [*own, (WAITING,)]}
    of_no_node = event in (*OF_TASKS, *OF_LOCKS, GATE_OPENED, GATE_DECIDED)
    assert keys(NODES, event) == (none if of_no_node else expected.get(type(event), own))


# edges


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_which_edges_an_event_concerns(event: Event) -> None:
    """A new node brings the edges to its dependencies, and one may get more of them."""
    expected = [(uid(8), NODE), (uid(9), NODE)] if event in (ADDED, MORE_ADDED) else []
    assert keys(EDGES, event) == expected


def test_an_edge_is_its_key() -> None:
    """An edge says who depends on whom."""
    row = EDGES.reduce(None, recorded(ADDED), (uid(8), NODE))
    assert row == EdgeRow(dependency_id=uid(8), node_id=NODE)


# tasks and totals

DELTAS = {
    "NodeAdded": {"pending": 11},
    "NodeAcquired": {"pending": 9, "running": 21},
    "LeaseExpired": {"pending": 11, "running": 19},
    "NodeCompleted": {"running": 19, "completed": 31},
    "NodeFailed": {"running": 19, "failed": 41},
    "NodeReleased": {"pending": 11, "running": 19},
    "NodeRetried": {"pending": 11, "failed": 39},
    "LeaseRevoked": {"pending": 11, "running": 19},
}
HELD: dict[str, dict[str, Any]] = {
    "TaskCancelled": {"cancelled_seq": 7},
    "TaskPaused": {"paused_seq": 7},
    "TaskResumed": {"paused_seq": None},
    "BudgetSet": {"budget_seq": 7, "spent": True},
    "GateOpened": {"gates_to_open": -1},
}


def test_a_task_is_registered() -> None:
    """A task's row points at the record of its registration."""
    assert TASKS.reduce(None, recorded(REGISTERED), (TASK,)) == TaskRow(
        TASK, registered_seq=7, created_at=LATER
    )


@pytest.mark.parametrize("event", EXAMPLES[1:], ids=lambda event: type(event).__name__)
def test_a_tasks_row_is_written_once(event: Event) -> None:
    """What happens to its nodes leaves a task's row alone."""
    assert reduce(TASKS, TASK_ROW, event, (TASK,)) == asdict(TASK_ROW)


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_the_totals_count_everything(event: Event) -> None:
    """Every event is counted, a registration as a task, and each node in its status."""
    expected = asdict(TOTALS_ROW) | {"events": 601} | DELTAS.get(type(event).__name__, {})
    if event is REGISTERED:
        expected["tasks"] = 8
    assert reduce(TOTALS, TOTALS_ROW, event, ("database",)) == expected


def test_a_failure_that_is_tried_again_leaves_the_node_pending() -> None:
    """It is counted there, and not as FAILED."""
    counted = reduce(TOTALS, TOTALS_ROW, TRIED_AGAIN, ("database",))
    assert (counted["pending"], counted["running"], counted["failed"]) == (11, 19, 40)


def test_the_totals_begin_with_the_first_event() -> None:
    """Before the first event there is nothing to count."""
    assert TOTALS.reduce(None, recorded(REGISTERED), ("database",)) == TotalsRow(
        "database", events=1, tasks=1, pending=0, running=0, completed=0, failed=0
    )


@pytest.mark.parametrize("event", EXAMPLES[2:], ids=lambda event: type(event).__name__)
def test_the_counts_of_a_task_follow_its_nodes(event: Event) -> None:
    """An event that changes a node's status counts it there, one about the task holds it."""
    kind = type(event).__name__
    changes = HELD.get(kind, {**DELTAS.get(kind, {})})
    expected = asdict(STATE_ROW) | changes
    assert keys(TASK_STATES, event) == ([(TASK,)] if changes else [])
    assert not changes or reduce(TASK_STATES, STATE_ROW, event, (TASK,)) == expected


def test_the_counts_of_a_task_begin_with_its_registration() -> None:
    """All its nodes are PENDING when it is registered, and are not counted again one by one."""
    registered = TaskRegistered("g", 7)
    assert TASK_STATES.reduce(None, recorded(registered), (TASK,)) == TaskStateRow(TASK, 7, 0, 0, 0)
    assert keys(TASK_STATES, registered) == [(TASK,)]
    assert keys(TASK_STATES, ADDED) == []


def test_a_node_that_is_added_later_is_counted() -> None:
    """The registration of its task knew nothing of it."""
    later = replace(ADDED, place=0)
    assert keys(TASK_STATES, later) == [(TASK,)]
    assert reduce(TASK_STATES, STATE_ROW, later, (TASK,)) == asdict(STATE_ROW) | {"pending": 11}


def test_what_a_task_is_registered_with() -> None:
    """Its budget, its pause and its parent are where it begins."""
    registered = TaskRegistered(
        "g",
        7,
        parent_task_id=uid(9),
        labels={"a": "b"},
        budget={"x": 0},
        spent=True,
        paused=True,
        timeout_at=5,
        dedupe_key="k",
    )
    assert TASK_STATES.reduce(None, recorded(registered), (TASK,)) == TaskStateRow(
        TASK, 7, 0, 0, 0, None, 7, 7, spent=True, dedupe_key="k"
    )
    row = TASKS.reduce(None, recorded(registered), (TASK,))
    assert row == TaskRow(TASK, 7, LATER, parent_task_id=uid(9), timeout_at=5)


def test_a_budget_that_is_taken_away() -> None:
    """Without a budget nothing is spent."""
    row = replace(STATE_ROW, budget_seq=3, spent=True)
    changed = reduce(TASK_STATES, row, BudgetSet(), (TASK,))
    assert (changed["budget_seq"], changed["spent"]) == (None, False)


@pytest.mark.parametrize("event", [COMMITTED, COMPLETED, FAILED], ids=lambda e: type(e).__name__)
def test_usage_is_added_up(event: Event) -> None:
    """For the task and for the node, by unit; the task's state says that there is some."""
    told = replace(event, usage={"tokens": 3, "usd": 0.1}, spent=True)
    scopes = f"task {TASK}", f"node {NODE}"
    assert keys(USAGE, event) == []
    assert keys(USAGE, told) == [(scope, unit) for scope in scopes for unit in ("tokens", "usd")]
    first = USAGE.reduce(None, recorded(told), (scopes[0], "tokens"))
    assert first == UsageRow(scopes[0], "tokens", 3)
    assert USAGE.reduce(first, recorded(told), (scopes[0], "tokens")) == UsageRow(
        scopes[0], "tokens", 6
    )
    changed = reduce(TASK_STATES, STATE_ROW, told, (TASK,))
    assert (changed["spent"], changed["has_usage"]) == (True, True)
    kept = reduce(TASK_STATES, replace(STATE_ROW, spent=True), replace(told, spent=False), (TASK,))
    assert kept["spent"]


def test_amounts_are_added_as_they_were_written() -> None:
    """Integers stay integers while that is exact, and ten times 0.1 is 1."""
    total: int | float = 0
    for _ in range(10):
        total = add(total, 0.1)
    assert total == 1
    assert add(2, 3) == 5
    assert isinstance(add(2, 3), int)
    assert isinstance(add(2**53 - 1, 1), float)
    assert add(1e15, 0.25) == 1_000_000_000_000_000.25


@pytest.mark.parametrize(
    ("row", "has_ready", "state"),
    [
        (TaskStateRow(TASK, 0, 0, 0, 0), False, "ACTIVE"),
        (TaskStateRow(TASK, 1, 0, 0, 0), True, "ACTIVE"),
        (TaskStateRow(TASK, 0, 0, 2, 0), False, "COMPLETED"),
        (TaskStateRow(TASK, 0, 0, 2, 0, paused_seq=9), False, "COMPLETED"),
        (TaskStateRow(TASK, 0, 0, 2, 0, cancelled_seq=9), False, "CANCELLED"),
        (TaskStateRow(TASK, 0, 0, 1, 1), False, "FAILED"),
        (TaskStateRow(TASK, 1, 0, 1, 1), False, "FAILED"),
        (TaskStateRow(TASK, 1, 0, 1, 1, paused_seq=9), False, "FAILED"),
        (TaskStateRow(TASK, 1, 0, 0, 1), True, "ACTIVE"),
        (TaskStateRow(TASK, 1, 1, 0, 1), False, "ACTIVE"),
        (TaskStateRow(TASK, 1, 0, 0, 1, paused_seq=9), True, "PAUSED"),
        (TaskStateRow(TASK, 1, 0, 0, 0, paused_seq=9), True, "PAUSED"),
        (TaskStateRow(TASK, 1, 0, 0, 0, spent=True), True, "ACTIVE"),
    ],
)
def test_the_state_of_a_task(row: TaskStateRow, has_ready: bool, state: str) -> None:  # noqa: FBT001
    """The first that fits: cancelled, completed, failed, paused, else active."""
    assert row.state(has_ready=has_ready) == state


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_every_event_concerns_the_totals(event: Event) -> None:
    """A task's own row sees its registration only."""
    assert keys(TOTALS, event) == [("database",)]
    assert keys(TASKS, event) == ([(TASK,)] if event is REGISTERED else [])


# A reducer obeys


@pytest.mark.parametrize("projection", [TASKS, NODES], ids=lambda one: one.name)
@pytest.mark.parametrize("event", EXAMPLES[2:], ids=lambda event: type(event).__name__)
def test_an_event_about_nothing_makes_nothing(projection: Projection, event: Event) -> None:
    """An event about a row that is not there leaves it so."""
    if event not in (COMMITTED, CANCELLED, PAUSED, RESUMED, BUDGET) or projection is TASKS:
        assert projection.reduce(None, recorded(event), (NODE,)) is None


def test_the_whole_of_a_small_task() -> None:
    """Folded one after the other, the events of a task give rows that agree with each other."""
    tables = MemoryTx()
    drafts = [
        *registration(1, 1, (2, 1)),
        Draft(ACQUIRED, uid(1)),
        Draft(COMPLETED, uid(1), b"1"),
        Draft(ACQUIRED, uid(2)),
    ]
    record_drafts(tables, 1, drafts, at=LATER, new_id=Ids())
    one, two = (tables.get(NODES, (uid(n),)) for n in (1, 2))
    assert (one.status, one.result_seq, one.waiting_on) == ("COMPLETED", 5, 0)
    assert (two.status, two.lease_owner, two.waiting_on) == ("RUNNING", "w", 0)
    assert tables.get(TASKS, (uid(1),)) == TaskRow(uid(1), 1, LATER)
    assert list(tables.rows(EDGES)) == [EdgeRow(uid(1), uid(2))]
    assert list(tables.rows(TASK_STATES)) == [TaskStateRow(uid(1), 0, 1, 1, 0)]
    assert list(tables.rows(TOTALS)) == [TotalsRow("database", 6, 1, 0, 1, 1, 0)]


def test_folding_reaches_every_table() -> None:
    """One record of a registration is put into each table that it concerns."""
    tables = MemoryTx()
    for draft in registration(1, 1, (2, 1)):
        [one] = tables.append(uid(1), tables.head(uid(1)).version, [draft], NOW, Ids())
        project(tables, one)
    assert {p.name: len(list(tables.rows(p))) for p in PROJECTIONS} == {
        "tasks": 1,
        "task_states": 1,
        "nodes": 2,
        "edges": 1,
        "totals": 1,
        "queue": 1,
        "demands": 0,
        "limits": 0,
        "usage": 0,
        "starts": 0,
        "gates": 0,
        "wishes": 0,
        "locks": 0,
        "expired_locks": 0,
        "imports": 0,
    }
