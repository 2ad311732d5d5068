"""Whatever the earlier agentd may have left arrives as it was, and once."""

import json
import uuid
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from agentd import replay
from agentd.api import ListResourceLocksParams, RuntimeMetrics, TaskEventsParams, TaskStatusParams
from agentd.decide import Context
from agentd.earlier import make_plan, take_over
from agentd.queries import list_resource_locks, task_events, task_status
from agentd.store import Reader
from agentd.store.memory import MemoryStore
from agentd.store.sqlite.earlier import opened_earlier
from tests import earlier
from tests.core import NOW

SECONDS = NOW // 1000
RUNNING_OUT = st.sampled_from([-1, 0, 1, 3_600])
"""When a lease ends, in seconds from now."""

NODE = (
    *("id", "dependencies", "payload_schema", "status", "result_payload"),
    *("acquired_at", "lease_id", "lease_owner", "lease_expires_at", "updated_at"),
)
EVENT = ("id", "node_id", "action_type", "payload", "timestamp")
LOCK = (
    *("lease_id", "owner", "provider", "metadata"),
    *("acquired_at", "lease_expires_at", "updated_at"),
)

texts = st.text(max_size=5)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=3,
)
moments = st.integers(0, 2).map(lambda n: f"2026-01-31T12:00:00.{n:03d}Z")
nodes = st.lists(
    st.tuples(
        st.sampled_from(["PENDING", "RUNNING", "COMPLETED", "FAILED"]),
        st.lists(st.integers(0, 5), max_size=3),
        values,
        st.none() | values,
        RUNNING_OUT,
        texts,
    ),
    max_size=4,
)
events = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["", "COMPLETE_NODE", "note"]), values, moments),
    max_size=4,
)
tasks = st.lists(st.tuples(texts, values, nodes, events), max_size=3)
locks = st.lists(st.tuples(texts, texts, st.none() | texts, values, RUNNING_OUT), max_size=3)


def encode(value: Any) -> str:
    """JSON as the earlier agentd writes it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Left:
    """A database of the earlier agentd, and what it would answer about it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.path = earlier.make(folder / "left.db", 0, 0, 0)
        self.tasks: dict[str, Any] = {}
        self.events: dict[str, list[Any]] = {}
        self.locks: dict[str, Any] = {}
        self._random = Random(seed)

    def new_id(self) -> str:
        """An id as that agentd makes them."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def fill(self, drawn: Sequence[Any], held: Sequence[Any]) -> None:
        """Write all of it."""
        with earlier.changing(self.path) as database:
            for goal, context, its_nodes, its_events in drawn:
                task_id = self.new_id()
                ids = [self.new_id() for _ in its_nodes]
                stamp = "2026-01-31T12:00:00.000Z"
                row = (task_id, goal, encode(context), stamp)
                database.execute("INSERT INTO global_tasks VALUES (?, ?, ?, ?)", row)
                shown = [
                    self._add_node(database, task_id, ids, place, node)
                    for place, node in enumerate(its_nodes)
                ]
                self.tasks[task_id] = (goal, context, stamp, shown)
                found = [
                    (stamp, place, self._add_event(database, task_id, ids, event))
                    for place, event in enumerate(its_events if ids else ())
                    for stamp in (event[3],)
                ]
                self.events[task_id] = [event for *_, event in sorted(found, key=lambda e: e[:2])]
            for key, lock in {each[0]: each for each in held}.items():
                self._add_lock(database, key, lock)

    def _add_node(self, database: Any, task_id: str, ids: list[str], place: int, node: Any) -> Any:
        status, before, schema, result, ends, owner = node
        needed = [ids[each] for each in before if each < place]
        ended = status in ("COMPLETED", "FAILED")
        lease: Sequence[Any] = (None, None, None, None)
        if status == "RUNNING":
            lease = (SECONDS - 9, self.new_id(), owner, SECONDS + ends)
        written = encode(result) if ended and result is not None else None
        row = (ids[place], task_id, status, encode(needed), encode(schema), written)
        database.execute(
            f"INSERT INTO dag_nodes VALUES ({', '.join('?' * 11)})", (*row, *lease, SECONDS - 7)
        )
        if status == "RUNNING" and ends <= 0:
            status, lease = "PENDING", (None, None, None, None)
        answer = result if ended else None
        return (ids[place], [*dict.fromkeys(needed)], schema, status, answer, *lease, SECONDS - 7)

    def _add_event(self, database: Any, task_id: str, ids: list[str], event: Any) -> Any:
        place, action_type, payload, stamp = event
        node_id, event_id = ids[place % len(ids)], self.new_id()
        row = (event_id, task_id, node_id, action_type, encode(payload), stamp)
        database.execute("INSERT INTO event_journal VALUES (?, ?, ?, ?, ?, ?)", row)
        return (event_id, node_id, action_type, payload, stamp)

    def _add_lock(self, database: Any, key: str, lock: Any) -> None:
        _, owner, provider, metadata, ends = lock
        lease_id, end = self.new_id(), SECONDS + ends
        row = (key, lease_id, owner, provider, None, None, encode(metadata))
        times = (SECONDS - 9, end, SECONDS - 8)
        database.execute(
            f"INSERT INTO resource_locks VALUES ({', '.join('?' * 10)})", (*row, *times)
        )
        if ends > 0:
            self.locks[key] = (lease_id, owner, provider, metadata, *times)


class Target(MemoryStore):
    """What it is taken over into."""

    def checkpoint(self) -> bool:
        """See `ServedStore.checkpoint`: there is no log."""
        return True

    def wait_for_turn(self) -> None:
        """See `ServedStore.wait_for_turn`: there is no log."""


def bring(path: Path, store: Target) -> int:
    """Take over what is there; returns how many tasks that were."""
    ids = iter(range(10**6))
    context = Context(
        NOW, lambda: str(uuid.UUID(int=next(ids))), 60_000, 50, RuntimeMetrics(), lambda: 0.5
    )
    with opened_earlier(path) as file:
        with store.read() as here:
            plan = make_plan(file, here, NOW, lambda _done: None)
        take_over(file, store, plan, context, lambda *_: None)
    return plan.tasks


def answer_of(result: Any) -> Any:
    """The answer as a client reads it."""
    return msgspec.json.decode(msgspec.json.encode(result))


def said_of_task(reader: Reader, task_id: str) -> Any:
    """What TaskStatus says of the task."""
    status = answer_of(task_status(reader, TaskStatusParams(task_id=task_id), NOW))
    told = [[node[name] for name in NODE] for node in status["nodes"]]
    task = status["task"]
    return [task["goal"], task["context"], task["created_at"], told]


def said_of_events(reader: Reader, task_id: str) -> Any:
    """What TaskEvents says of what agents noted."""
    found = answer_of(task_events(reader, TaskEventsParams(task_id=task_id, limit=1000)))
    return [[each[name] for name in EVENT] for each in found["events"] if each["by_client"]]


def said_of_locks(reader: Reader) -> Any:
    """What ListResourceLocks says."""
    found = answer_of(list_resource_locks(reader, ListResourceLocksParams(), NOW))
    return {each["resource_key"]: [each[name] for name in LOCK] for each in found["locks"]}


@given(tasks, locks, st.integers(0, 2**32))
def test_what_was_left_arrives(drawn: Any, held: Any, seed: int) -> None:
    """Tasks, nodes, events and locks are answered as that agentd would have at its next start."""
    with TemporaryDirectory() as folder, closing(Target()) as store:
        left = Left(Path(folder), seed)
        left.fill(drawn, held)
        assert bring(left.path, store) == len(left.tasks)
        assert bring(left.path, store) == 0
        with store.read() as reader:
            for task_id, told in left.tasks.items():
                assert said_of_task(reader, task_id) == answer_of(told)
                assert said_of_events(reader, task_id) == answer_of(left.events[task_id])
            assert said_of_locks(reader) == answer_of(left.locks)
        assert list(replay.check(store, lambda _seq: None)) == []
