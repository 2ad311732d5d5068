"""The reducers on random events: legal ones against a recount, and any others at all."""

from typing import Any, NamedTuple

from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from agentd.events import (
    DependenciesAdded,
    EventCommitted,
    Gate,
    GateDecided,
    GateOpened,
    LeaseExpired,
    LeaseExtended,
    LimitClosed,
    LimitSet,
    LockAcquired,
    LockEnded,
    LockExpired,
    LockExtended,
    LockOfNode,
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
    Status,
    TaskCancelled,
    TaskPaused,
    TaskRegistered,
    TaskResumed,
)
from agentd.journal import GENESIS, Draft, Recorded, record
from agentd.projections import NODES, PROJECTIONS, TOTALS, project
from agentd.store.memory import MemoryTx
from tests.core import NOW, Ids, uid

TASKS_MAX, NODES_MAX = 2, 6
ADDS = 9


class Life:
    """Legal lives of tasks and their nodes: what is known of them, counted without reducers."""

    def __init__(self, dependencies: list[list[list[int]]]) -> None:
        self.drafts: list[tuple[int, Draft]] = []
        self.status: dict[int, str] = {}
        self.task: dict[int, int] = {}
        self.waits: dict[int, list[int]] = {}
        self.lease: dict[int, str | None] = {}
        self.runs_on: set[int] = set()
        self.attempts: dict[int, int] = {}
        self.in_a_row: dict[int, int] = {}
        self.ids = Ids(0)
        for task, shape in enumerate(dependencies, 1):
            self.drafts.append((task, Draft(TaskRegistered("g", len(shape)), payload=b"{}")))
            for at, places in enumerate(shape):
                self.add(task, at, [task * NODES_MAX + place for place in dict.fromkeys(places)])

    def add(self, task: int, at: int, waits: list[int]) -> None:
        node = task * NODES_MAX + at
        self.note_node(node, task, waits)
        added = NodeAdded(at, tuple(map(uid, waits)), len(waits), "PENDING")
        self.drafts.append((task, Draft(added, uid(node), b"{}")))

    def note_node(self, node: int, task: int, waits: list[int]) -> None:
        self.status[node], self.task[node], self.waits[node] = "PENDING", task, waits
        self.lease[node] = None

    def grow(self, choice: int) -> None:
        """A node is added that waits for another, and one that is PENDING waits for it.

        Every third one has ended elsewhere.
        """
        nodes = [*self.status]
        needed = nodes[choice % len(nodes)]
        task, node = self.task[needed], 1_000 + len(nodes)
        place = sum(each == task for each in self.task.values())
        self.note_node(node, task, [needed])
        status: Status = "PENDING" if choice % 3 else "COMPLETED"
        self.status[node] = status
        added = NodeAdded(place, (uid(needed),), self.waiting_on(node), status, place=0)
        self.drafts.append((task, Draft(added, uid(node), b"{}")))
        for other in nodes:
            if self.task[other] == task and self.status[other] == "PENDING" and other != needed:
                self.waits[other] = [*self.waits[other], node]
                more = DependenciesAdded((uid(node),), satisfied_already=int(status == "COMPLETED"))
                self.drafts.append((task, Draft(more, uid(other))))
                break

    def waiting_on(self, node: int) -> int:
        satisfied = {node for node, status in self.status.items() if status == "COMPLETED"}
        return len({*self.waits[node]} - satisfied - self.runs_on)

    def move(self, choice: int, kind: int) -> None:
        """One legal event about one of the nodes that can have one, or a node more."""
        if kind == ADDS:
            self.grow(choice)
            return
        able = [
            node
            for node, status in self.status.items()
            if status == "RUNNING"
            or (status == "PENDING" and not self.waiting_on(node))
            or (status == "FAILED" and kind == 0)
        ]
        if able:
            node = able[choice % len(able)]
            event = self.event(node, kind)
            self.drafts.append((self.task[node], Draft(event, uid(node), b"null")))

    def event(self, node: int, kind: int) -> Any:
        """One that the node can have in its state."""
        lease = self.lease[node]
        if self.status[node] == "FAILED":
            self.status[node], satisfied = "PENDING", node in self.runs_on
            self.runs_on.discard(node)
            self.in_a_row[node] = 0
            return NodeRetried("PENDING", satisfied)
        if lease is None:
            lease = self.lease[node] = self.ids()
            self.status[node] = "RUNNING"
            self.attempts[node] = self.attempts.get(node, 0) + 1
            return NodeAcquired(lease, "w", NOW, "RUNNING", self.attempts[node])
        if kind < 2:
            return EventCommitted("NOTE") if kind else LeaseExtended(lease, NOW + 1)
        return self.end(node, lease, kind)

    def end(self, node: int, lease: str, kind: int) -> Any:
        """The end of an attempt."""
        self.lease[node] = None
        self.in_a_row[node] = self.in_a_row.get(node, 0) + 1 if kind == 2 else 0
        if kind == 2:
            self.status[node] = "PENDING"
            return LeaseExpired(lease, "w", NOW, "PENDING")
        if kind in (3, 7):
            self.status[node] = "FAILED"
            self.runs_on |= {node} if kind == 7 else set()
            return NodeFailed(lease, "FAILED", satisfies=kind == 7)
        if kind in (5, 8):
            self.status[node] = "PENDING"
            return NodeFailed(lease, "PENDING") if kind == 5 else NodeReleased(lease, "PENDING")
        self.status[node] = "COMPLETED"
        return NodeCompleted(lease, "COMPLETED")


def shapes() -> st.SearchStrategy[list[list[int]]]:
    """A DAG by places: each node waits for some places before its own."""

    def shape(size: int) -> st.SearchStrategy[list[list[int]]]:
        places = [
            st.lists(st.integers(0, at - 1), max_size=3) if at else st.just([])
            for at in range(size)
        ]
        return st.tuples(*places).map(list)

    return st.integers(1, NODES_MAX).flatmap(shape)


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """Some tasks, and then legal events about their nodes in any order."""
    life = Life(draw(st.lists(shapes(), min_size=1, max_size=TASKS_MAX)))
    for choice, kind in draw(st.lists(st.tuples(st.integers(0, 11), st.integers(0, ADDS)))):
        life.move(choice, kind)
    return life


def fold(drafts: list[tuple[int, Draft]]) -> tuple[MemoryTx, list[Recorded]]:
    """The tables and the records after these events, one by one."""
    tables, records = MemoryTx(), []
    new_id = Ids()
    for task, draft in drafts:
        [one] = tables.append(uid(task), tables.head(uid(task)).version, [draft], NOW, new_id)
        project(tables, one)
        records.append(one)
    return tables, records


@given(lives())
def test_rows_of_legal_events_are_the_recount(life: Life) -> None:
    """After any legal events each node has the status, lease and dependencies that were counted."""
    tables, _records = fold(life.drafts)
    for node, status in life.status.items():
        row = tables.get(NODES, (uid(node),))
        assert (row.task_id, row.status) == (uid(life.task[node]), status)
        assert row.waiting_on == life.waiting_on(node)
        assert row.lease_id == life.lease[node]
        assert row.attempt == life.attempts.get(node, 0)
        assert row.strikes == life.in_a_row.get(node, 0)
        assert row.rank == max(row.strikes - 2, 0)
        assert (row.lease_owner is None) == (row.lease_expires_at is None) == (row.lease_id is None)
        assert (row.result_seq is not None) == (status in ("COMPLETED", "FAILED"))


@given(lives())
def test_counts_of_legal_events_are_the_recount(life: Life) -> None:
    """After any legal events the counts of the database are the recount."""
    tables, records = fold(life.drafts)
    totals = tables.get(TOTALS, ("database",))
    counted = (totals.pending, totals.running, totals.completed, totals.failed)
    assert counted == _counts(list(life.status.values()))
    assert (totals.events, totals.nodes) == (len(records), len(life.status))


@given(lives(), st.integers(0, 99))
def test_folding_may_stop_and_go_on(life: Life, stop: int) -> None:
    """Rows kept at any place and folded on from there are the rows of the whole fold."""
    tables, records = fold(life.drafts)
    kept, rest = records[: stop % len(records)], records[stop % len(records) :]
    halfway = MemoryTx()
    for recorded in kept:
        project(halfway, recorded)
    going_on = MemoryTx(tables={name: dict(rows) for name, rows in halfway.tables.items()})
    for recorded in rest:
        project(going_on, recorded)
    assert going_on.tables == tables.tables


@given(lives())
def test_fixed_columns_stay_as_they_were(life: Life) -> None:
    """What a projection calls fixed never changes while the row is there: engines rely on it."""
    _tables, records = fold(life.drafts)
    tables = MemoryTx()
    for recorded in records:
        before = {p.name: dict(tables.tables[p.name]) for p in PROJECTIONS}
        project(tables, recorded)
        for projection in PROJECTIONS:
            for key, row in before[projection.name].items():
                now = tables.get(projection, key)
                if now is None:  # a stretch of the queue in which nothing is ready any more
                    continue
                fixed = [(getattr(row, name), getattr(now, name)) for name in projection.fixed]
                assert all(one == other for one, other in fixed)


# Whatever comes

ids = st.integers(0, 4).map(uid)
statuses = st.sampled_from(["PENDING", "RUNNING", "COMPLETED", "FAILED"])
moments = st.integers(0, 2**53)
names = st.sampled_from(["l1", "l2"])
some_names = st.none() | st.lists(names, max_size=2).map(tuple)
demanding = st.builds(NodeSettings, st.integers(-100, 100), requires=some_names, limits=some_names)
gates = st.builds(
    NodeSettings, not_before=st.none() | moments, gate=st.builds(Gate, st.text(max_size=3))
)
lock_keys = st.sampled_from(["a", "dir:/a", "file:/a/*", "file:/a/b"])
lock_modes = st.sampled_from(["exclusive", "shared"])
own_locks = st.lists(st.builds(LockOfNode, lock_keys, lock_modes), max_size=2).map(tuple)
locking = st.builds(NodeSettings, locks=own_locks)
rates = st.builds(Rate, st.integers(1, 3), st.sampled_from([1_000, 30_000]))
amounts = st.dictionaries(st.just("usd"), st.integers(0, 3))
events = st.one_of(
    st.builds(TaskRegistered, st.text(max_size=3), st.integers(0, 9)),
    st.builds(NodeAdded, st.integers(0, 9), st.lists(ids).map(tuple), st.integers(-9, 9), statuses),
    st.builds(
        NodeAdded,
        st.integers(0, 9),
        st.just(()),
        st.integers(-9, 9),
        statuses,
        st.text(max_size=3),
        st.builds(NodeSettings, st.integers(-100, 100), not_before=moments),
    ),
    st.builds(NodeAcquired, ids, st.text(max_size=3), moments, statuses),
    st.builds(LeaseExtended, ids, moments),
    st.builds(LeaseExpired, ids, st.text(max_size=3), moments, statuses),
    st.builds(EventCommitted, st.text(max_size=3)),
    st.builds(NodeCompleted, ids, statuses),
    st.builds(NodeFailed, ids, statuses),
    st.builds(NodeFailed, ids, statuses, not_before=moments, satisfies=st.booleans()),
    st.builds(NodeReleased, ids, statuses, not_before=moments),
    st.builds(NodeRetried, statuses, st.booleans()),
    st.builds(NodeDue),
    st.builds(DependenciesAdded, st.lists(ids).map(tuple), st.none() | st.integers(1, 9)),
    st.builds(NodeUpdated, demanding, st.none() | st.integers(1, 9), st.booleans()),
    st.builds(
        NodeAdded, st.integers(0, 9), st.just(()), st.just(0), statuses, st.none(), demanding
    ),
    st.builds(EventCommitted, st.text(max_size=3), usage=amounts),
    st.builds(LimitSet, names, st.none() | st.integers(0, 3), st.none() | rates),
    st.builds(LimitClosed, names, moments),
    st.builds(
        NodeAdded, st.integers(0, 9), st.just(()), st.integers(0, 1), statuses, st.none(), gates
    ),
    st.builds(NodeUpdated, gates, st.none(), st.booleans(), st.none() | moments),
    st.builds(GateOpened, st.text(max_size=3), st.none() | moments),
    st.builds(GateDecided, st.sampled_from(["approve", "reject"])),
    st.builds(
        NodeAdded, st.integers(0, 9), st.just(()), st.integers(0, 1), statuses, st.none(), locking
    ),
    st.builds(LockAcquired, lock_keys, ids, names, moments, lock_modes, st.none(), st.none(), ids),
    st.builds(LockAcquired, lock_keys, ids, names, moments, lock_modes),
    st.builds(LockExtended, lock_keys, ids, moments),
    *(st.builds(kind, lock_keys, ids, names) for kind in (LockReleased, LockEnded, LockExpired)),
    st.builds(
        TaskRegistered,
        st.text(max_size=3),
        st.integers(0, 9),
        imported_from=st.sampled_from(["s", "t"]),
        created_at=st.none() | moments,
    ),
    st.builds(
        NodeAdded,
        st.integers(0, 9),
        st.just(()),
        st.integers(0, 1),
        statuses,
        settings=st.none() | locking | gates,
        place=st.none() | st.integers(0, 9),
        result=st.sampled_from([UNSET, Raw(b"1")]),
        updated_at=st.none() | moments,
    ),
    st.builds(DependenciesAdded, st.lists(ids).map(tuple), satisfied_already=st.integers(0, 9)),
    st.builds(NodeAcquired, ids, names, moments, statuses, acquired_at=moments),
    st.builds(
        LockAcquired, lock_keys, ids, names, moments, acquired_at=moments, updated_at=moments
    ),
    st.builds(EventCommitted, st.text(max_size=3), noted_at=moments),
    st.builds(TaskPaused),
    st.builds(TaskResumed),
    st.builds(TaskCancelled),
)


class Whatever(NamedTuple):
    """Any event about any node of any task, or about none."""

    task: int
    node_id: str | None
    event: Any
    payload: bytes | None


ASKING = NodeAdded(0, (), 0, "PENDING", settings=NodeSettings(gate=Gate("?")))

anything = st.builds(
    Whatever, st.integers(0, 2), st.none() | ids, events, st.sampled_from([None, b"null", b"{}"])
)


@given(st.lists(anything, max_size=30))
def test_a_reducer_never_judges(history: list[Whatever]) -> None:
    """No order of events, however absurd, makes a reducer raise; each is counted as an event."""
    drafts = [(one.task, Draft(one.event, one.node_id, one.payload)) for one in history]
    tables, records = fold(drafts)
    totals = tables.get(TOTALS, ("database",))
    assert len(records) == len(history) == (totals.events if totals else 0)


@example([Whatever(0, uid(0), ASKING, None)], Whatever(0, uid(0), TaskRegistered("g", 0), None))
@given(st.lists(anything, max_size=12), anything)
def test_a_row_stays_under_its_key(history: list[Whatever], last: Whatever) -> None:
    """What a reducer makes of a row has the key it was asked for, and is the same every time."""
    drafts = [(one.task, Draft(one.event, one.node_id, one.payload)) for one in history]
    tables, _records = fold(drafts)
    draft = Draft(last.event, last.node_id, last.payload)
    [recorded] = record(GENESIS, 99, uid(last.task), [draft], NOW, Ids())
    for projection in PROJECTIONS:
        for key in projection.keys(recorded, tables):
            reduced = projection.reduce(tables.get(projection, key), recorded, key)
            assert reduced == projection.reduce(tables.get(projection, key), recorded, key)
            if reduced is not None:
                assert tuple(getattr(reduced, name) for name in projection.key) == key


def _counts(statuses: list[str]) -> tuple[int, int, int, int]:
    pending, running, completed, failed = (
        statuses.count(status) for status in ("PENDING", "RUNNING", "COMPLETED", "FAILED")
    )
    return pending, running, completed, failed
