"""The rules that only look: every query, page by page, and why nodes are not handed out.

The rule this file keeps: the core answers what the model does; words are the core's own.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from agentd.api import TaskStatusParams, WorkerView
from agentd.queries import task_status
from agentd.transact import transact
from tests.core import Core, command, to_params
from tests.property.asker import Asker
from tests.property.base_model import rfc3339
from tests.property.lists import list_tasks, task_events, watch_events
from tests.property.node_model import Object
from tests.property.strategies import Ask, asks, filters, offers, prefix_lengths


class Looking(Asker):
    """What can be asked at any time, and changes nothing."""

    core: Core

    def __init__(self) -> None:
        super().__init__()
        self.memories: list[Memory] = []

    @rule(ask=asks)
    def look_at_a_node(self, ask: Ask) -> None:
        """Its view, and how all of its attempts ended."""
        node = self.pick(ask, [*self.model.nodes.values()])
        if node is not None:
            shown, expected = self.both("NodeStatus", _named(node))
            assert shown == expected

    @rule(offered=st.lists(offers, max_size=2))
    def ask_why(self, offered: list[list[str]]) -> None:
        """What holds each node, and each task, while there are workers who offer these labels."""
        self.model.offered = [set(labels) for labels in offered]
        self.core.workers = Workers(offered)
        for node in self.model.nodes.values():
            self.explain("ExplainNode", self.by_name(node, _named(node)))
        for task_id in self.model.tasks:
            self.explain("ExplainTask", {"task_id": task_id})

    def explain(self, query: str, params: Object) -> None:
        """Both tell the same causes, and what would help where there are any."""
        told, expected = self.both(query, params)
        assert (told["next"] is None) is (told["reasons"] == [])
        if query == "ExplainTask":
            told["reasons"] = _joined(told["reasons"])
        assert _told_alike(told, expected)

    @rule(limit=st.integers(1, 3))
    def list_limits(self, limit: int) -> None:
        """Page by page."""
        params: Object = {"limit": limit}
        while params.get("after", "") is not None:
            page, expected = self.both("ListLimits", params)
            assert page == expected
            params["after"] = page["next"]

    @rule(ask=asks)
    def remember(self, ask: Ask) -> None:
        """What is answered now is kept, with the moment; nothing else happens within it."""
        node = self.pick(ask, [*self.model.nodes.values()])
        if node is None:
            return
        task = {"task_id": node["task_id"]}
        for query, params in (("TaskStatus", task), *((q, _named(node)) for q in OF_NODES)):
            seq, answer = len(self.core.journal()), self.core.do(query, **params)
            self.memories.append(Memory(query, params, seq, rfc3339(self.core.now), answer))
        self.core.now += 1
        self.set_clock()

    @precondition(lambda self: self.memories)
    @rule(which=st.integers(0, 99))
    def look_back(self, which: int) -> None:
        """What was answered once is answered again, whatever has happened since."""
        memory = self.memories[which % len(self.memories)]
        again = self.core.do(memory.query, **memory.params, at=memory.moment)
        assert _of_the_past(again) == _of_the_past(memory.answer)
        by_seq = self.core.do(memory.query, **memory.params, at=memory.seq)
        assert _whatever_the_clock(by_seq) == _whatever_the_clock(memory.answer)

    @precondition(lambda self: self.memories)
    @rule(which=st.integers(0, 99))
    def fork_the_past(self, which: int) -> None:
        """A fork of then has the names, statuses and results of then; it is undone."""
        tasks = [memory for memory in self.memories if memory.query == "TaskStatus"]
        memory = tasks[which % len(tasks)]
        params = to_params("ForkTask", {**memory.params, "at": memory.seq})
        with suppress(Undone), self.core.store.write() as tx:
            made = transact(tx, command("ForkTask", params), self.core.context()).result
            asked = TaskStatusParams(task_id=made.task_id)
            status = msgspec.json.encode(task_status(tx, asked, self.core.now))
            nodes = msgspec.json.decode(status)["nodes"]
            assert _as_they_ended(nodes) == _as_they_ended(memory.answer["nodes"])
            raise Undone

    def set_clock(self) -> None:
        """Tell the model and the core the time."""
        raise NotImplementedError

    @rule(ask=asks, limit=st.integers(1, 2), is_open=st.booleans(), of_all=st.booleans())
    def list_gates(self, ask: Ask, limit: int, *, is_open: bool, of_all: bool) -> None:
        """Page by page, of all tasks or of one."""
        params: Object = {"open": is_open, "limit": limit}
        task_id = self.pick(ask, [*self.model.tasks])
        if not of_all and task_id is not None:
            params["task_id"] = task_id
        while params.get("after", "") is not None:
            page, expected = self.both("ListGates", params)
            assert page == expected
            params["after"] = page["next"]

    @rule(
        limit=st.integers(1, 3),
        narrow=st.sampled_from(
            [{}, {}, {"owner": "w1"}, {"prefix": "dir:"}, {"prefix": "file:/r/"}]
        ),
    )
    def list_locks(self, limit: int, narrow: Object) -> None:
        """Page by page, all of them or some."""
        params: Object = {"limit": limit, **narrow}
        while params.get("after", "") is not None:
            page, expected = self.both("ListResourceLocks", params)
            assert page == expected
            params["after"] = page["next"]

    def both(self, query: str, params: Object) -> tuple[Any, Any]:
        """What the core answers, and what the model does."""
        return self.core.do(query, **params), self.model.answer(query, params, {})

    @rule(
        ask=asks,
        length=prefix_lengths,
        runnable=st.booleans(),
        limit=st.integers(1, 3),
        narrow=st.just({}) | filters,
        below=st.booleans(),
    )
    def list_tasks(
        self, ask: Ask, length: int, limit: int, narrow: Object, *, runnable: bool, below: bool
    ) -> None:
        """Page by page, from the first to the last."""
        prefix = "" if below else self.task_id(ask)[:length]
        params: Object = {"prefix": prefix, "runnable": runnable, "limit": limit, **narrow}
        if below:
            params["parent_task_id"] = self.task_id(ask)
        while params.get("before", 0) is not None:
            page = self.core.do("ListTasks", **params)
            assert page == list_tasks(self.model, params)
            params["before"] = page["next"]

    @rule(ask=asks, after=st.none() | st.integers(0, 99), limit=st.integers(1, 9))
    def read_events(self, ask: Ask, after: int | None, limit: int) -> None:
        """Page by page, from any place in the journal on."""
        task_id = self.pick(ask, [*self.model.tasks])
        params: Object = {"task_id": task_id, "after": after, "limit": limit}
        page: Object = {"more": task_id is not None}
        while page["more"]:
            page = self.core.do("TaskEvents", **params)
            assert page == task_events(self.model, params)
            params["after"] = page["last_seq"]

    @rule(
        ask=asks,
        after=st.integers(0, 99),
        limit=st.integers(1, 9),
        kinds=st.sampled_from([None, ["COMMIT_EVENT", "FAIL_NODE"], ["SET_LIMIT"]]),
        of_all=st.booleans(),
    )
    def watch(
        self, ask: Ask, after: int, limit: int, kinds: list[str] | None, *, of_all: bool
    ) -> None:
        """Page by page, from any place in the journal to its end."""
        params: Object = {"after_seq": after, "limit": limit, "kinds": kinds}
        task_id = self.pick(ask, [*self.model.tasks])
        if not of_all and task_id is not None:
            params["task_id"] = task_id
        page: Object = {"events": [None]}
        while page["events"]:
            page = self.core.do("WatchEvents", **params)
            assert page == watch_events(self.model, params)
            params["after_seq"] = page["last_seq"]


class Workers:
    """Those that there are, known by what they offer."""

    def __init__(self, offered: list[list[str]]) -> None:
        self._offered = [frozenset(labels) for labels in offered]

    def list(self) -> list[WorkerView]:
        """See `KnownWorkers.list`."""
        return []

    def offered(self) -> Sequence[frozenset[str]]:
        """See `KnownWorkers.offered`."""
        return self._offered


OF_NODES = ("NodeStatus", "ExplainNode")

NEVER_OF_THE_PAST = ("limit_closed", "limit_full", "rate", "locked", "no_worker")


class Memory(NamedTuple):
    """What was asked once and answered, when the journal ended at that seq, and the moment."""

    query: str
    params: Object
    seq: int
    moment: str
    answer: Any


class Undone(Exception):
    """What a transaction did is not to stay."""


def _as_they_ended(nodes: list[Object]) -> list[Object]:
    """What a fork has in common with its origin, node by node."""
    places = {node["id"]: place for place, node in enumerate(nodes)}
    return [
        {
            **{name: node[name] for name in ("name", "priority", "payload_schema")},
            "status": node["status"].replace("RUNNING", "PENDING"),
            "result": node["result_payload"],
            "dependencies": [places[each] for each in node["dependencies"]],
        }
        for node in nodes
    ]


def _of_the_past(answer: Any, but: tuple[str, ...] = NEVER_OF_THE_PAST) -> Any:
    """The answer without causes of these kinds, and what follows from them."""
    if "reasons" in answer:
        reasons = [cause for cause in answer["reasons"] if cause["kind"] not in but]
        return answer["status"], reasons
    nodes = [
        {**node, "blocked_by": [kind for kind in node["blocked_by"] if kind not in but]}
        for node in answer.get("nodes", [answer.get("node")])
    ]
    rest = {name: value for name, value in answer.items() if name not in ("node", "nodes")}
    return nodes, rest


def _whatever_the_clock(answer: Any) -> Any:
    """The same without what is judged by the moment of the last event: a gate has to wait, too."""
    return _of_the_past(answer, (*NEVER_OF_THE_PAST, "not_before", "gate"))


def _named(node: Object) -> Object:
    return {"task_id": node["task_id"], "node_id": node["id"]}


def _told_alike(told: Object, expected: Object) -> bool:
    """Whether all is told that is expected: words, and more than that, are the core's own."""
    reasons = zip(told["reasons"], expected["reasons"], strict=True)
    cut = [{name: reason.get(name) for name in known} for reason, known in reasons]
    return {**{name: told[name] for name in expected}, "reasons": cut} == expected


def _joined(reasons: list[Object]) -> list[Object]:
    """The same, with what is behind nodes that failed counted once for all of these nodes."""
    behind = [reason for reason in reasons if reason["kind"] == "dependency_failed"]
    if not behind:
        return reasons
    at = reasons.index(behind[0])
    joined = {**behind[0], "count": sum(reason["count"] for reason in behind)}
    return [*reasons[:at], joined, *reasons[at + len(behind) :]]
