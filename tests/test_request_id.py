"""A request with a request_id has one effect and one answer, however often it comes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from msgspec.structs import replace

from agentd.answers import KEPT_MS
from agentd.decide import Context
from agentd.decoding import decode
from agentd.errors import InvalidParams, RequestRefused
from agentd.methods import METHODS
from agentd.protocol import RequestParser
from agentd.transact import transact
from tests.core import (
    STORES,
    Core,
    OpenStore,
    command,
    kind_of,
    open_sqlite,
    spec,
    to_params,
    uid,
)
from tests.daemon_process import encoded
from tests.databases import Trace, make_older, traces

ID = uid(500)
OTHER = uid(501)


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    opening: OpenStore = STORES[request.param]
    store = opening(tmp_path)
    yield Core(store)
    store.close()


def requests(core: Core) -> dict[str, dict[str, Any]]:
    """A request of each command, all of which have an effect, with the same request_id."""
    task_id = core.register(*map(spec, range(1, 7)))
    held, other, third, failed = (core.hold(task_id) for _ in range(4))
    core.do("FailNode", **failed.params)
    free = {"task_id": task_id, "node_id": uid(5)}
    return {
        "RegisterTask": {"goal": "more", "initial_nodes": [{}, {}]},
        "AcquireNextNode": {"task_id": task_id},
        "CommitEvent": {**free, "payload": [1.50]},
        "HeartbeatNode": held.params,
        "CompleteNode": held.params,
        "FailNode": other.params,
        "ReleaseNode": {**third.params, "after_secs": 1.5},
        "RetryNode": {"task_id": task_id, "node_id": uid(4)},
        "CancelTask": {"task_id": core.register(spec(7)), "reason": "why"},
        "PauseTask": {"task_id": task_id},
        "ResumeTask": {"task_id": _paused(core)},
        "SetBudget": {"task_id": task_id, "budget": {"usd": 1.5}},
        "AcquireNodes": {"task_id": task_id, "count": 2},
        "UpdateNode": {"task_id": task_id, "limits": ["gpu"]},
        "SetLimit": {"name": "gpu", "max_running": 2, "rate": {"count": 3, "per_secs": 1.5}},
        "CloseLimit": {"name": _limit(core), "for_secs": 1.5},
        "AddNodes": {"task_id": task_id, "nodes": [{}, {"before": [uid(6)]}]},
        "ForkTask": {"task_id": core.register(spec(0xF0)), "goal": "h"},
        "ImportTask": {
            "goal": "g",
            "source": "s",
            "nodes": [{"name": "n", "status": "FAILED"}],
            "events": [{"node_id": "n", "payload": [1.50], "id": uid(0xE0)}],
        },
        "DecideGate": {**_gate(core), "decision": "reject", "by": "me", "note": "no"},
        "AcquireResourceLock": {"resource_key": "free", "metadata": [1.50]},
        "HeartbeatResourceLock": _lock(core, "kept"),
        "ReleaseResourceLock": _lock(core, "given back"),
    }


def _paused(core: Core) -> str:
    result = core.do("RegisterTask", goal="g", paused=True)
    task_id: str = result["task_id"]
    return task_id


def _gate(core: Core) -> dict[str, str]:
    task_id = core.register(spec(8, gate={"ask": "Ship it?"}), spec(9, 8))
    return {"task_id": task_id, "node_id": uid(8)}


def _limit(core: Core) -> str:
    core.do("SetLimit", name="net", max_running=None)
    return "net"


def _lock(core: Core, key: str) -> dict[str, Any]:
    found = core.do("AcquireResourceLock", resource_key=key)
    return {name: found[name] for name in ("resource_key", "lease_id")}


RECORDED = {
    "RegisterTask": 3,
    "ForkTask": 2,
    "ImportTask": 3,
    "AcquireNodes": 2,
    "UpdateNode": 2,
    "AddNodes": 3,
    "DecideGate": 3,
}
"""Events of these requests, where they are not one."""


COMMANDS = [method.name for method in METHODS if method.command is not None]


def twice(core: Core, method: str, **params: Any) -> tuple[Any, Any, int]:
    """Both answers to a request and its repeat, and how many events the repeat recorded."""
    first = core.do(method, request_id=ID, **params)
    events = len(core.journal())
    again = core.do(method, request_id=ID, **params)
    return first, again, len(core.journal()) - events


def test_all_commands_are_tried_here(core: Core) -> None:
    """Nobody adds a command without trying its repeat."""
    assert list(requests(core)) == COMMANDS


@pytest.mark.parametrize("method", COMMANDS)
def test_a_repeat_has_no_effect(core: Core, method: str) -> None:
    """The second time the answer is the first one, and nothing is recorded."""
    first, again, recorded = twice(core, method, **requests(core)[method])
    assert (again, recorded) == (first, 0)


@pytest.mark.parametrize("method", COMMANDS)
def test_a_repeat_in_the_same_batch(core: Core, method: str) -> None:
    """A request and its repeat may share a commit: the second sees the first."""
    params = {**requests(core)[method], "request_id": ID}
    before = len(core.journal())
    first, again = core.batch((method, params), (method, params))
    recorded = len(core.journal()) - before
    assert again == first
    assert recorded == RECORDED.get(method, 1)


def test_a_repeat_after_much_has_happened(core: Core) -> None:
    """An acquired context is that of the acquisition, whatever became of node and task since."""
    task_id = core.register(spec(1), spec(2, 1), spec(3))
    first = core.hold(task_id)
    core.do("CompleteNode", **first.params, payload={"x": 1.0})
    acquired = core.do("AcquireNextNode", task_id=task_id, lease_owner="w", request_id=ID)
    lease = {name: acquired[name] for name in ("task_id", "node_id", "lease_id")}
    core.now += 1_000
    core.do("HeartbeatNode", **lease)
    core.do("CommitEvent", **lease, payload="noted")
    core.do("CompleteNode", **lease, payload="done")
    core.hold(task_id)
    assert core.do("AcquireNextNode", task_id=task_id, lease_owner="w", request_id=ID) == acquired


@pytest.mark.parametrize("limit", [0, 1, 50])
def test_a_repeat_under_other_settings(core: Core, limit: int) -> None:
    """An acquired context shows as many events as it did, whatever the setting is now."""
    task_id = core.register(spec(1))
    core.event_limit = 3
    acquired = core.do("AcquireNextNode", task_id=task_id, request_id=ID)
    core.event_limit = limit
    assert core.do("AcquireNextNode", task_id=task_id, request_id=ID) == acquired


def test_a_repeat_after_the_lease_ran_out(core: Core) -> None:
    """The same lease is named, and it is as stale as it is: nothing is leased anew."""
    task_id = core.register(spec(1))
    acquired = core.do("AcquireNextNode", task_id=task_id, request_id=ID)
    core.now += core.lease_ms
    other = core.hold(task_id, "worker-2")
    assert core.do("AcquireNextNode", task_id=task_id, request_id=ID) == acquired
    assert core.node(task_id, uid(1))["lease_id"] == other.lease_id


def test_what_found_nothing_to_do_is_tried_again(core: Core) -> None:
    """A repeat of an acquisition that found nothing leases what there is now, and only once."""
    task_id = core.register(spec(1), spec(2))
    first, second = core.hold(task_id), core.hold(task_id)
    assert core.do("AcquireNextNode", task_id=task_id, request_id=ID) is None
    core.now += core.lease_ms
    acquired = core.do("AcquireNextNode", task_id=task_id, request_id=ID)
    assert acquired["lease_id"] not in (first.lease_id, second.lease_id)
    assert core.do("AcquireNextNode", task_id=task_id, request_id=ID) == acquired


def test_what_found_nothing_to_do_leaves_no_trace(tmp_path: Path) -> None:
    """A poll that finds nothing writes nothing: a crowd that waits costs the disk nothing."""
    core = Core(open_sqlite(tmp_path))
    task_id = core.register(spec(1))
    core.hold(task_id)
    before = written(tmp_path)
    for number in range(600, 603):
        assert core.do("AcquireNextNode", task_id=task_id, request_id=uid(number)) is None
    assert written(tmp_path) == before
    assert remembered(tmp_path / "agent_state.db") == 0
    core.store.close()


def test_a_rollback_and_nothing_runnable(core: Core) -> None:
    """An acquisition that rolled back what it did not get was answered: null, also to a repeat."""
    task_id = core.register(spec(1), spec(2, 1))
    held = core.hold(task_id)
    core.do("FailNode", **held.params)
    first, again, recorded = twice(core, "AcquireNextNode", task_id=task_id)
    assert (first, again, recorded) == (None, None, 0)


def test_a_completion_that_was_there_before(core: Core) -> None:
    """A request that repeats a completion sent without a request_id has that one's answer."""
    held = core.hold(core.register(spec(1)))
    plain = core.do("CompleteNode", **held.params)
    first, again, recorded = twice(core, "CompleteNode", **held.params)
    assert (first, again, recorded) == (plain, plain, 0)


def test_a_refused_request_is_not_remembered(core: Core) -> None:
    """It changed nothing, so its repeat is decided as if it came for the first time."""
    task_id = core.register(spec(1))
    params = {"task_id": task_id, "node_id": uid(1), "lease_id": uid(7)}
    with pytest.raises(RequestRefused):
        core.do("CompleteNode", request_id=ID, **params)
    held = core.hold(task_id)
    assert core.do("CompleteNode", request_id=ID, **held.params)["event_id"]


def test_two_ids_are_two_requests(core: Core) -> None:
    """The same params under another id, or under none, are another request."""
    tasks = [core.do("RegisterTask", goal="g", **more)["task_id"] for more in IDS]
    assert len(set(tasks)) == len(IDS)


IDS: list[dict[str, Any]] = [{"request_id": ID}, {"request_id": OTHER}, {}, {"request_id": None}]


@pytest.mark.parametrize("method", COMMANDS)
def test_an_id_is_for_one_request(core: Core, method: str) -> None:
    """Another method or other params under an id that was used are refused, and say which."""
    every = requests(core)
    core.do("RegisterTask", goal="first", request_id=ID)
    with pytest.raises(RequestRefused, match=ID) as refused:
        core.do(method, request_id=ID, **every[method])
    assert kind_of(refused.value) == "request_id_reused"
    assert refused.value.data["request_id"] == ID


@pytest.mark.parametrize(
    "same",
    [
        {"goal": "g"},
        {"initial_nodes": [], "goal": "g", "unknown": 1},
        {"goal": "g", "initial_nodes": []},
    ],
)
def test_the_same_request_in_other_words(core: Core, same: dict[str, Any]) -> None:
    """The order of the fields, and the spelling of ids, do not make another request."""
    task = core.do("RegisterTask", goal="g", request_id=uid(0xABC))
    spelled = uid(0xABC).replace("-", "").upper()
    assert core.do("RegisterTask", request_id=spelled, **same) == task


@pytest.mark.parametrize(
    ("method", "alias"),
    [
        ("CommitEvent", "event_payload"),
        ("CompleteNode", "result_payload"),
        ("FailNode", "error_payload"),
    ],
)
def test_the_same_payload_under_its_other_name(core: Core, method: str, alias: str) -> None:
    """The two names of a payload are one."""
    held = core.hold(core.register(spec(1))).params
    first = core.do(method, **held, payload=[1], request_id=ID)
    assert core.do(method, **held, **{alias: [1]}, request_id=ID) == first


def test_answers_from_a_clock_that_was_wrong(core: Core) -> None:
    """What was remembered more than a day ahead of now makes room as well."""
    core.now += 10 * 365 * KEPT_MS
    task = core.do("RegisterTask", goal="g", request_id=ID)
    core.now -= 10 * 365 * KEPT_MS
    for number in range(600, 610):
        core.do("RegisterTask", goal="h", request_id=uid(number))
    assert core.do("RegisterTask", goal="g", request_id=ID) != task


@pytest.mark.parametrize("other", [{"context": 1}, {"context": 1.0}, {"context": {"a": 1}}])
def test_another_payload_is_another_request(core: Core, other: dict[str, Any]) -> None:
    """Payloads are compared as they came, byte for byte."""
    core.do("RegisterTask", goal="g", context=1.00001, request_id=ID)
    with pytest.raises(RequestRefused, match="other params"):
        core.do("RegisterTask", goal="g", request_id=ID, **other)


@pytest.mark.parametrize("wrong", ["", "x", 1, f"{ID}0", {}])
def test_an_id_is_a_uuid(wrong: object) -> None:
    """Anything else is refused like any other malformed field."""
    line = encoded({"method": "RegisterTask", "params": {"goal": "g", "request_id": wrong}})
    [request] = RequestParser().feed(line + b"\n")
    with pytest.raises(InvalidParams, match=r"\$\.request_id"):
        decode(request)  # type: ignore[arg-type]  # it is a request, not a rejection


@pytest.mark.parametrize("query", [method.name for method in METHODS if method.query is not None])
def test_a_query_needs_none(core: Core, query: str) -> None:
    """A query takes a request_id and is answered anew: it changes nothing."""
    task_id = core.register(spec(1))
    of_task = ("TaskStatus", "TaskEvents", "NodeStatus", "ExplainNode", "ExplainTask")
    params = {"task_id": task_id} if query in of_task else {}
    if query in ("NodeStatus", "ExplainNode"):
        params["node_id"] = uid(1)
    assert core.do(query, **params, request_id=ID) == core.do(query, **params)
    core.do("RegisterTask", goal="g", request_id=ID)


def test_an_answer_is_kept_for_a_day(core: Core) -> None:
    """Within 24 h a repeat is known, however many requests came between; later it may be new."""
    first = core.do("RegisterTask", goal="g", request_id=ID)
    for number in range(600, 620):
        core.now += KEPT_MS // 20
        core.do("RegisterTask", goal="h", request_id=uid(number))
    assert core.do("RegisterTask", goal="g", request_id=ID) == first
    core.now += 1
    core.do("RegisterTask", goal="h", request_id=uid(700))
    assert core.do("RegisterTask", goal="g", request_id=ID) != first


def test_an_answer_survives_a_restart(tmp_path: Path) -> None:
    """The next daemon on the database gives the same answers, and refuses what the first would."""
    store = open_sqlite(tmp_path)
    core = Core(store)
    task = core.do("RegisterTask", goal="g", initial_nodes=[spec(1)], request_id=ID)
    acquired = core.do("AcquireNextNode", task_id=task["task_id"], request_id=OTHER)
    store.close()
    again = Core(open_sqlite(tmp_path))
    assert again.do("RegisterTask", goal="g", initial_nodes=[spec(1)], request_id=ID) == task
    assert again.do("AcquireNextNode", task_id=task["task_id"], request_id=OTHER) == acquired
    with pytest.raises(RequestRefused, match="other params"):
        again.do("RegisterTask", goal="h", request_id=ID)
    again.store.close()


def test_the_answer_and_the_effect_are_one_transaction(tmp_path: Path) -> None:
    """Where the commit failed, neither is there, and the repeat is the first."""
    store = open_sqlite(tmp_path)
    core = Core(store)
    request = {"goal": "g", "request_id": ID}

    class Cut(Exception):
        """The end comes before the commit."""

    def write() -> None:
        with store.write() as tx:
            transact(
                tx, command("RegisterTask", to_params("RegisterTask", request)), core.context()
            )
            raise Cut

    with pytest.raises(Cut):
        write()
    assert core.journal() == []
    task = core.do("RegisterTask", **request)
    assert [recorded.task_id for recorded in core.journal()] == [task["task_id"]]
    store.close()


def written(directory: Path) -> dict[str, Trace]:
    """What is on disk; the WAL's index is the processes' memory."""
    return {name: trace for name, trace in traces(directory).items() if "-shm" not in name}


def remembered(database: Path) -> int:
    """How many answered requests the database holds."""
    connection = apsw.Connection(str(database))
    found: int = connection.execute("SELECT count(*) FROM requests").get
    connection.close()
    return found


def test_old_answers_make_room(tmp_path: Path) -> None:
    """Forgetting keeps up with remembering, so the table is bounded by a day's requests."""
    store = open_sqlite(tmp_path)
    core = Core(store)
    for number in range(100):
        core.do("RegisterTask", goal="g", request_id=uid(800 + number))
    core.now += KEPT_MS + 1
    for number in range(60):
        core.do("RegisterTask", goal="g", request_id=uid(1_000 + number))
    store.close()
    assert remembered(tmp_path / "agent_state.db") == 60


def test_what_was_remembered_before_an_upgrade(tmp_path: Path) -> None:
    """A request that an earlier agentd answered is answered alike, contexts without a bound too."""
    core = Core(open_sqlite(tmp_path))
    task_id = core.register(spec(1), spec(2, 1))
    held = core.hold(task_id)
    core.do("CommitEvent", **held.params, payload="x" * 1_000)
    ended = core.do("CompleteNode", **held.params, payload="y" * 1_000, request_id=ID)
    acquired = core.do("AcquireNextNode", task_id=task_id, request_id=OTHER)
    core.store.close()
    make_older(tmp_path / "agent_state.db", 6)
    later = Bounded(open_sqlite(tmp_path))
    assert later.do("CompleteNode", **held.params, payload="y" * 1_000, request_id=ID) == ended
    assert later.do("AcquireNextNode", task_id=task_id, request_id=OTHER) == acquired
    later.store.close()


class Bounded(Core):
    """A daemon of today, whose contexts are bounded."""

    def context(self) -> Context:
        return replace(super().context(), context_bytes=10)
