"""Drives the core in-process: real decoding, real transactions; clock and ids are arguments.

The rule this file keeps: a test says what time it is and which store it runs on; nothing here
sleeps, and the same calls give the same ids.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from agentd import api, queries
from agentd.api import NoParams, RuntimeMetrics, TaskParams
from agentd.decide import Context
from agentd.decide.context import NOBODY
from agentd.decoding import decode
from agentd.errors import RequestRefused
from agentd.events import NodeAdded, TaskRegistered
from agentd.journal import Draft, Recorded
from agentd.methods import (
    BY_NAME,
    EXPIRE_LOCKS,
    SETTLE_DUE,
    TIME_OUT_GATES,
    TIME_OUT_TASK,
    Method,
)
from agentd.projections import NodeRow, project
from agentd.protocol import NO_ID, Request
from agentd.store import Reader, Store, Tx
from agentd.store.memory import MemoryStore
from agentd.store.sqlite import SqliteStore
from agentd.transact import Call, Outcome, run_batch

NOW = 1_769_860_800_123
"""Unix milliseconds of 2026-01-31T12:00:00.123Z, where every clock of the suite starts."""

LEASE_MS = 300_000
EVENT_LIMIT = 50
CHANCE = 0.5
"""What every draw gives: pauses are as long as they are without jitter."""

Params = Mapping[str, Any]


def uid(number: int) -> str:
    """The UUID that is this number."""
    return f"00000000-0000-4000-8000-{number:012x}"


class Ids:
    """New ids, the same ones every time: uid(1_000_001), uid(1_000_002), ..."""

    def __init__(self, last: int = 1_000_000) -> None:
        self.last = last

    def __call__(self) -> str:
        self.last += 1
        return uid(self.last)


def open_memory(_directory: Path) -> MemoryStore:
    """A store that is gone with the test."""
    return MemoryStore()


def open_sqlite(directory: Path) -> SqliteStore:
    """A store in a file of the directory; opened again, it is the same database."""
    return SqliteStore.open(directory / "agent_state.db", NOW)


def open_postgres(directory: Path) -> Store:
    """A store on the suite's server; opened again for this directory, it is the same database."""
    from tests.postgres_stores import open_reused  # most tests need no server

    return open_reused(directory)


OpenStore = Callable[[Path], Store]
ALL_STORES: Mapping[str, OpenStore] = {
    "memory": open_memory,
    "sqlite": open_sqlite,
    "postgres": open_postgres,
}
"""Every engine that has to keep the contract, by the name it has in the test's id."""

STORES: Mapping[str, OpenStore] = {
    name: open_store
    for name, open_store in ALL_STORES.items()
    if name != "postgres" or "AGENTD_TEST_SERVER" in os.environ
}
"""Those that the rules above the store are tried on: on a server where that is asked for."""


def context(**known: Any) -> Context:
    """What a method may know: the suite's moment and settings, but for what is given."""
    settings = {"lease_ms": LEASE_MS, "event_limit": EVENT_LIMIT, "runtime": RuntimeMetrics()}
    return Context(**{"now": NOW, "new_id": Ids(), "random": lambda: CHANCE, **settings, **known})


class Core:
    """The methods on a store, without a socket: `do` is one request, `batch` several in one commit.

    `now`, `lease_ms` and `honoured` are Unix milliseconds or milliseconds, and free to be set.
    """

    def __init__(
        self, store: Store, *, lease_ms: int = LEASE_MS, event_limit: int = EVENT_LIMIT
    ) -> None:
        self.store = store
        self.now = NOW
        self.started_at = NOW
        self.honoured = 0
        self.lease_ms = lease_ms
        self.event_limit = event_limit
        self.new_id = Ids()
        self.workers = NOBODY
        self.faults: list[BaseException] = []

    def context(self) -> Context:
        """What a method may know at this moment."""
        return context(
            now=self.now,
            new_id=self.new_id,
            lease_ms=self.lease_ms,
            event_limit=self.event_limit,
            started_at=self.started_at,
            honoured_until=self.honoured,
            workers=self.workers,
        )

    def do(self, method: str, /, **params: Any) -> Any:
        """The result as plain JSON values. Raises the refusal."""
        return msgspec.json.decode(self.encoded(method, msgspec.json.encode(params)))

    def encoded(self, method: str, params: bytes) -> bytes:
        """The result's bytes for the params' bytes. Raises the refusal."""
        found = _method(method)
        decoded = decode_params(found, params)
        if found.query is not None:
            with self.store.read() as reader:
                return msgspec.json.encode(found.query(reader, decoded, self.context()))
        [outcome] = self.run([command(method, decoded)])
        return msgspec.json.encode(_result(outcome))

    def batch(self, *requests: tuple[str, Params]) -> list[Any]:
        """Each request's result as plain JSON values, or its refusal; all share one commit."""
        decoded = [command(method, to_params(method, params)) for method, params in requests]
        return [
            outcome.refusal or msgspec.json.decode(msgspec.json.encode(outcome.result))
            for outcome in self.run(decoded)
        ]

    def run(self, requests: Sequence[Call]) -> list[Outcome]:
        """What `run_batch` makes of the requests; the daemon's own faults are kept in `faults`."""
        return run_batch(self.store, requests, self.context, self.faults.append)

    def journal(self) -> list[Recorded]:
        """Every record there is."""
        with self.store.read() as reader:
            return list(reader.journal())

    # The steps that most tests begin with.

    def register(self, *nodes: Params, goal: str = "g") -> str:
        """The id of a new task with these nodes."""
        result = self.do("RegisterTask", goal=goal, initial_nodes=nodes)
        task_id: str = result["task_id"]
        return task_id

    def hold(self, task_id: str, owner: str = "worker-1") -> "Held":
        """A lease on the next node of the task, which has to be there."""
        acquired = self.do("AcquireNextNode", task_id=task_id, lease_owner=owner)
        assert acquired is not None, "no runnable node"
        return Held(acquired["task_id"], acquired["node_id"], acquired["lease_id"])

    def node(self, task_id: str, node_id: str) -> dict[str, Any]:
        """The node as TaskStatus shows it."""
        nodes = self.do("TaskStatus", task_id=task_id)["nodes"]
        return next(dict(node) for node in nodes if node["id"] == node_id)


class Held(NamedTuple):
    """The three params that the holder of a lease sends with every write."""

    task_id: str
    node_id: str
    lease_id: str

    @property
    def params(self) -> dict[str, str]:
        """The same as params."""
        return self._asdict()


def spec(number: int, *dependencies: int, **more: Any) -> dict[str, Any]:
    """A node for RegisterTask: uid(number), waiting for the uids of `dependencies`."""
    return {"id": uid(number), "dependencies": [uid(d) for d in dependencies], **more}


_OWN = {
    method.name: method
    for method in (
        Method("settle_due", TaskParams, None, SETTLE_DUE),
        Method("time_out_task", TaskParams, None, TIME_OUT_TASK),
        Method("time_out_gates", TaskParams, None, TIME_OUT_GATES),
        Method("expire_locks", NoParams, None, EXPIRE_LOCKS),
    )
}
"""The daemon's own commands."""


def decode_params(method: Method, params: bytes) -> api.Params:
    """The params as the daemon decodes them."""
    if method.name in _OWN:
        return msgspec.json.decode(params, type=method.params)
    return decode(Request(NO_ID, method.name, msgspec.Raw(params)))[1]


def to_params(method: str, params: Params) -> api.Params:
    """The params Struct that these plain params decode to."""
    return decode_params(_method(method), msgspec.json.encode(params))


def command(method: str, params: api.Params) -> Call:
    """One request of a batch."""
    found = _method(method).command
    assert found is not None, f"{method} is a query"
    return Call(found, params)


def _method(name: str) -> Method:
    return _OWN.get(name) or BY_NAME[name]


def _result(outcome: Outcome) -> Any:
    if outcome.refusal is not None:
        raise outcome.refusal
    return outcome.result


def next_runnable(reader: Reader, task_id: str | None = None) -> NodeRow | None:
    """The node that somebody who offers no labels gets next, of the task or of all."""
    return queries.next_node(reader, task_id, (), NOW)


# Streams for tests below the methods: drafts straight into a store.


def registration(task: int, *nodes: int | tuple[int, ...]) -> list[Draft]:
    """The drafts of a new task; a node is its number, or its number and its dependencies'."""
    specs = [node if isinstance(node, tuple) else (node,) for node in nodes]
    drafts = [Draft(TaskRegistered(f"task {task}", len(specs)), payload=b"{}")]
    for position, (number, *before) in enumerate(specs):
        dependencies = tuple(map(uid, before))
        added = NodeAdded(position, dependencies, len(before), "PENDING")
        drafts.append(Draft(added, uid(number), b"{}"))
    return drafts


def record_drafts(
    tx: Tx, task: int, drafts: Iterable[Draft], *, at: int = NOW, new_id: Callable[[], str]
) -> list[Recorded]:
    """Append the drafts to the task's stream, wherever it ends, and fold them."""
    task_id = uid(task)
    recorded = tx.append(task_id, tx.head(task_id).version, drafts, at, new_id)
    for one in recorded:
        project(tx, one)
    return recorded


def kind_of(refusal: object) -> str:
    """The `data.kind` of what has to be a refusal."""
    assert isinstance(refusal, RequestRefused), refusal
    return refusal.kind
