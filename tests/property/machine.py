"""The state machine that drives the core and the model side by side, on a store of a subclass.

The rule this file keeps: it decides which request comes next and compares; what is right, the model
says.
"""

from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from agentd import transact
from agentd.errors import RequestRefused
from agentd.journal import GENESIS, chain_hash
from agentd.projections import PROJECTIONS, project
from agentd.store import Store
from tests.core import NOW, Core, command, to_params, uid
from tests.property.asker import Call
from tests.property.base_model import Refused
from tests.property.deciding import Deciding
from tests.property.growing import Growing
from tests.property.importing import Importing
from tests.property.looking import Looking
from tests.property.model import Model
from tests.property.node_model import Object
from tests.property.strategies import (
    ALL_LABELS,
    Ask,
    Dag,
    asks,
    crowds,
    dags,
    event_limits,
    lease_lengths,
    many_changes,
    waits,
)
from tests.questions import answers

MAX_TASKS = 4


class CoreMachine(Looking, Growing, Importing, Deciding, RuleBasedStateMachine):
    """The core and the model get the same requests at the same time and must answer the same."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = 0
        self.finished: list[Call] = []
        self.idle: list[Call] = []
        self.answered: list[tuple[Call, Any]] = []

    def open(self) -> Store:
        """The store that this machine runs on, as it is when it is opened now."""
        raise NotImplementedError

    @initialize(lease_ms=lease_lengths, event_limit=event_limits, dag=dags(), crowd=crowds)
    def start(self, lease_ms: int, event_limit: int, dag: Dag, crowd: list[list[str]]) -> None:
        """A graph without a flaw, and maybe nodes that wait for nothing but their limits."""
        self.core = Core(self.open(), lease_ms=lease_ms, event_limit=event_limit)
        self.model = Model(NOW, lease_ms, event_limit)
        holds = dag.holds._replace(parent=None, paused=False)
        self.register(dag._replace(flaw="", shape=dag.shape or [[], [], [0]], holds=holds))
        if crowd:
            nodes = [{"id": self.node_id(), "limits": names} for names in crowd]
            self.send(("RegisterTask", {"goal": "crowd", "initial_nodes": nodes}))
            self.send(("CloseLimit", {"name": "l2", "for_secs": 0}))

    # Rules

    @precondition(lambda self: len(self.model.tasks) < MAX_TASKS)
    @rule(dag=dags())
    def register(self, dag: Dag) -> None:
        self.send(("RegisterTask", self.registration(dag)))

    @precondition(lambda self: len(self.model.tasks) < MAX_TASKS)
    @rule(ask=asks)
    def fork(self, ask: Ask) -> None:
        self.send(("ForkTask", {**self.forking(ask), **ask.trace}))

    @rule(ask=asks)
    def ask(self, ask: Ask) -> None:
        self.send(self.call(ask))

    @rule(ask=asks, beats=st.integers(0, 2), end=st.sampled_from(["CompleteNode", "FailNode"]))
    def work(self, ask: Ask, beats: int, end: str) -> None:
        """What a good worker does with a node, one request after the other."""
        for method in ("AcquireNextNode", *["HeartbeatNode", "CommitEvent"] * beats, end):
            if method == "AcquireNextNode" or self.held_nodes():
                self.send(self.call(ask._replace(method=method, lease="current")))

    @rule(changes=many_changes, name=st.sampled_from(["l1", "l1", "l2"]), most=st.integers(1, 3))
    def fill(self, changes: list[Object], name: str, most: int) -> None:
        """A limit is changed, and workers take of all tasks what it lets them, again and again."""
        wanted: Object = {"labels": ALL_LABELS, "lease_secs": 20, "count": most}
        for change in changes:
            self.send(("SetLimit", {"name": name, **change}))
            self.send(("AcquireNodes", wanted), ("AcquireNextNode", {"labels": ["gpu"]}))

    @rule(batch=st.lists(asks, min_size=2, max_size=5), crash=st.integers(0, 9))
    def ask_together(self, batch: list[Ask], crash: int) -> None:
        self.send(*map(self.call, batch), crash=crash)

    @rule(batch=st.lists(dags(), min_size=2, max_size=2), then=asks)
    @precondition(lambda self: len(self.model.tasks) < MAX_TASKS)
    def register_together(self, batch: list[Dag], then: Ask) -> None:
        registrations = [("RegisterTask", self.registration(dag)) for dag in batch]
        self.send(*registrations, self.call(then))

    @precondition(lambda self: self.finished)
    @rule(which=st.integers(0, 9))
    def repeat(self, which: int) -> None:
        records = len(self.core.journal())
        self.send(self.finished[which % len(self.finished)])
        assert len(self.core.journal()) == records, "a repeat recorded something"

    @precondition(lambda self: self.answered)
    @rule(which=st.integers(0, 49))
    def repeat_by_id(self, which: int) -> None:
        """Whatever happened since, a request with a request_id is answered as the first time."""
        (method, params), answer = self.answered[-1 - which % len(self.answered)]
        records = len(self.core.journal())
        [outcome] = self.core.run([command(method, to_params(method, params))])
        assert outcome.refusal is None
        assert _plain(outcome.result) == answer
        assert len(self.core.journal()) == records, "a repeat recorded something"

    @precondition(lambda self: self.idle)
    @rule(which=st.integers(0, 9))
    def try_again(self, which: int) -> None:
        """What found nothing to do is a new request when it comes again, whatever its id."""
        self.send_named([self.idle.pop(which % len(self.idle))])

    @rule(wait=waits)
    def wait(self, wait: int) -> None:
        self.core.now += wait
        self.set_clock()

    @rule(away=waits)
    def restart(self, away: int) -> None:
        self.core.now += away
        self.core.store = self.reopened()
        self.model.now = self.core.now
        self.model.come_back()
        self.set_clock()

    def reopened(self) -> Store:
        """The store after the daemon was gone."""
        return self.core.store

    @rule()
    def look_closer(self) -> None:
        """A writer that remembers something answers every question as the database does."""
        ids = (self.model.tasks, self.model.nodes)
        with self.core.store.write() as tx, self.core.store.read() as reader:
            assert answers(tx, *ids) == answers(reader, *ids)

    # What always holds

    @invariant()
    def every_task_is_as_the_model_says(self) -> None:
        for task_id in self.model.tasks:
            status = self.core.do("TaskStatus", task_id=task_id)
            assert status == self.model.answer("TaskStatus", {"task_id": task_id}, {})

    @invariant()
    def every_limit_is_as_the_model_says(self) -> None:
        told, expected = self.both("ListLimits", {"limit": 9})
        assert told == expected

    @invariant()
    def every_gate_is_as_the_model_says(self) -> None:
        for params in ({"limit": 99}, {"limit": 99, "open": False}):
            told, expected = self.both("ListGates", params)
            assert told == expected

    @invariant()
    def the_counts_are_the_recount(self) -> None:
        assert self.core.do("Metrics")["database"] == self.model.database()

    def teardown(self) -> None:
        if not hasattr(self, "core"):
            return
        try:
            self.the_journal_gives_the_same_rows()
            self.the_hash_chains_are_whole()
        finally:
            self.core.store.close()

    def the_journal_gives_the_same_rows(self) -> None:
        """Folding the journal into empty tables gives the rows that are there."""
        with self.core.store.shadow() as shadow, self.core.store.read() as reader:
            for recorded in reader.journal():
                project(shadow, recorded)
            for projection in PROJECTIONS:
                assert list(shadow.rows(projection)) == list(reader.rows(projection))

    def the_hash_chains_are_whole(self) -> None:
        """Each task's records are chained and numbered without a gap, and so are all together."""
        records = self.core.journal()
        assert [recorded.seq for recorded in records] == list(range(1, len(records) + 1))
        heads: dict[str, tuple[int, bytes]] = {}
        for recorded in records:
            version, previous = heads.get(recorded.task_id, (0, GENESIS.hash))
            assert recorded.version == version + 1
            assert recorded.hash == chain_hash(previous, recorded)
            heads[recorded.task_id] = recorded.version, recorded.hash

    # How requests are made and compared

    def send(self, *calls: Call, crash: int = 99) -> None:
        """Run the calls as one batch, one that crashes among them, and compare the answers."""
        self.send_named([self.named(call) for call in calls], crash)

    def send_named(self, calls: list[Call], crash: int = 99) -> None:
        """The same for calls that have their request_ids already."""
        requests = [command(method, to_params(method, params)) for method, params in calls]
        if crash <= len(calls):
            requests.insert(crash, crashing())
        outcomes = self.core.run(requests)
        if crash <= len(calls):
            refusal = outcomes.pop(crash).refusal
            assert refusal is not None
            assert refusal.kind == "internal"
        assert len(self.core.faults) == (crash <= len(calls))
        self.core.faults.clear()
        for call, outcome in zip(calls, outcomes, strict=True):
            self.compare(call, outcome.refusal or _plain(outcome.result))
            if outcome.refusal is None and "request_id" in call[1]:
                self.note(call, _plain(outcome.result))

    def note(self, call: Call, answer: Any) -> None:
        """A request_id stands for its answer, but where nothing was found."""
        if "leases" in call[1]:  # heartbeats that are not remembered
            return
        if answer in (None, {"leases": []}):
            self.idle.append(call)
        else:
            self.answered.append((call, answer))

    def named(self, call: Call) -> Call:
        """The same request with an id of its own, where a client may send one; some do not."""
        self.sent += 1
        method, params = call
        if method in _DAEMONS_OWN or self.sent % 3 == 0:
            return call
        return method, {**params, "request_id": uid(0x1_0000_0000 + self.sent)}

    def compare(self, call: Call, answer: Any) -> None:
        method, params = call
        expected = self.expected(call, answer)
        if isinstance(expected, Refused):
            assert isinstance(answer, RequestRefused), (call, answer, expected.kinds)
            assert answer.kind in expected.kinds
            return
        assert answer == expected
        if method in ("CompleteNode", "FailNode", "ReleaseNode"):
            unnamed = {name: value for name, value in params.items() if name != "request_id"}
            self.finished.append((method, unnamed))
        for lease in _leases(answer):
            self.leases.setdefault(lease["node_id"], []).append(lease["lease_id"])

    def expected(self, call: Call, answer: Any) -> Any:
        """What the model answers, a refusal being an answer too."""
        try:
            return self.model.answer(*call, answer)
        except Refused as refused:
            return refused

    def set_clock(self) -> None:
        """Tell the model the time, and the core what a daemon that was away would tell it."""
        self.model.now = self.core.now
        back_at = self.model.back_at
        self.core.honoured = back_at if self.model.is_honoured(back_at) else 0


_DAEMONS_OWN = ("settle_due", "time_out_task", "time_out_gates", "expire_locks")


def _leases(answer: Any) -> list[Object]:
    """Those that were acquired with it."""
    if not isinstance(answer, dict):
        return []
    found = [answer, answer.get("next"), *answer.get("leases", [])]
    return [lease for lease in found if lease and "context" in lease]


def crashing() -> transact.Call:
    """A registration that breaks when it has written everything."""

    def broken(*_arguments: object) -> Any:
        raise ZeroDivisionError

    request = command("RegisterTask", to_params("RegisterTask", {"goal": "crash"}))
    return transact.Call(request.command._replace(view=broken), request.params)


def _plain(result: object) -> Any:
    return msgspec.json.decode(msgspec.json.encode(result))
