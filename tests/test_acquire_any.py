"""Work of any task, several nodes at once, and the next one together with the end of the last."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd import methods
from agentd.errors import (
    IllegalTransition,
    InvalidParams,
    RequestRefused,
    StaleLease,
    TaskNotFound,
)
from tests.core import STORES, Core, spec, uid

ID, OTHER = uid(500), uid(501)


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    store = STORES[request.param](tmp_path)
    yield Core(store)
    store.close()


def node_ids(answer: Any) -> list[str]:
    """The nodes of the leases."""
    return [lease["node_id"] for lease in answer["leases"]]


def lease_of(acquired: Any) -> dict[str, str]:
    """What its holder sends with every write."""
    return {name: acquired[name] for name in ("task_id", "node_id", "lease_id")}


# Any task


def test_the_first_node_of_all(core: Core) -> None:
    """Without a task_id it is the node that was registered first, whatever its task."""
    first, second = core.register(spec(9)), core.register(spec(1), spec(2))
    got = [core.do("AcquireNextNode") for _ in range(3)]
    assert [(each["task_id"], each["node_id"]) for each in got] == [
        (first, uid(9)),
        (second, uid(1)),
        (second, uid(2)),
    ]
    assert core.do("AcquireNextNode") is None


def test_a_task_id_that_is_null(core: Core) -> None:
    """Whose task_id is missing by mistake does not get another's node."""
    core.register(spec(1))
    for method, more in (("AcquireNextNode", {}), ("AcquireNodes", {"count": 1})):
        with pytest.raises(InvalidParams, match="task_id"):
            core.do(method, task_id=None, **more)


def test_a_lease_of_any_task_that_ran_out(core: Core) -> None:
    """It is rolled back and handed out in its old place."""
    task_id = core.register(spec(1))
    core.hold(task_id)
    core.register(spec(2))
    core.now += core.lease_ms
    assert core.do("AcquireNextNode")["node_id"] == uid(1)
    assert core.do("AcquireNextNode")["node_id"] == uid(2)


def test_a_node_that_becomes_runnable_takes_its_place(core: Core) -> None:
    """The order is that of the registration, not that of becoming runnable."""
    first = core.register(spec(1), spec(2, 1))
    core.register(spec(3), spec(4))
    held = core.hold(first)
    assert core.do("AcquireNextNode")["node_id"] == uid(3)
    core.do("CompleteNode", **held.params)
    assert core.do("AcquireNextNode")["node_id"] == uid(2)
    assert core.do("AcquireNextNode")["node_id"] == uid(4)


# Several nodes


def test_several_nodes_at_once(core: Core) -> None:
    """AcquireNodes leases as many as there are, up to `count`, in the order of handing out."""
    core.register(spec(1), spec(2))
    core.register(spec(3), spec(4, 3))
    assert node_ids(core.do("AcquireNodes", count=2)) == [uid(1), uid(2)]
    assert node_ids(core.do("AcquireNodes", count=64)) == [uid(3)]
    assert core.do("AcquireNodes", count=1) == {"leases": []}


def test_several_nodes_of_one_task(core: Core) -> None:
    """With a task_id they are that task's."""
    core.register(spec(1))
    task_id = core.register(spec(2), spec(3))
    answer = core.do("AcquireNodes", task_id=task_id, count=5, lease_owner="w")
    assert node_ids(answer) == [uid(2), uid(3)]
    assert {lease["lease_owner"] for lease in answer["leases"]} == {"w"}


def test_several_nodes_are_remembered_with_all_their_leases(core: Core) -> None:
    """A repeat is answered as the first time, whatever has become of the nodes."""
    task_id = core.register(spec(1), spec(2), spec(3))
    params = {"task_id": task_id, "count": 2, "request_id": ID}
    answer = core.do("AcquireNodes", **params)
    core.do("CompleteNode", **lease_of(answer["leases"][0]))
    core.do("AcquireNodes", count=1)
    assert core.do("AcquireNodes", **params) == answer


def test_an_answer_does_not_become_too_large(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer nodes are handed out, at least one, before their contexts exceed the bound."""
    payload = "x" * 10_000
    core.register(*(spec(number, payload_schema=payload) for number in range(1, 6)))
    monkeypatch.setattr(methods.leases, "MOST_BYTES", 25_000)
    assert len(core.do("AcquireNodes", count=5)["leases"]) == 2
    monkeypatch.setattr(methods.leases, "MOST_BYTES", 5)
    assert len(core.do("AcquireNodes", count=5)["leases"]) == 1


@pytest.mark.parametrize("count", [0, 65, 1.5, None])
def test_a_count_out_of_range(core: Core, count: object) -> None:
    """It is refused by its name."""
    with pytest.raises(InvalidParams, match="count"):
        core.do("AcquireNodes", count=count)


# The next one with the end of the last


def test_the_next_node_with_the_end_of_the_last(core: Core) -> None:
    """The ending comes first, so its dependents count."""
    task_id = core.register(spec(1), spec(2, 1))
    held = core.hold(task_id)
    wanted = {"task_id": task_id, "lease_owner": "w"}
    answer = core.do("CompleteNode", **held.params, payload=[1.50], acquire_next=wanted)
    assert answer["next"]["node_id"] == uid(2)
    assert answer["next"]["lease_owner"] == "w"
    context = answer["next"]["context"]
    assert context["completed_dependencies"] == [{"node_id": uid(1), "result_payload": [1.50]}]
    assert context["event_journal"][-1]["id"] == answer["event_id"]


def test_no_next_node(core: Core) -> None:
    """`next` is null where nothing is runnable, and left out where nobody asked."""
    held = core.hold(core.register(spec(1)))
    assert core.do("FailNode", **held.params, acquire_next={})["next"] is None
    held = core.hold(core.register(spec(2)))
    assert "next" not in core.do("FailNode", **held.params)


def test_both_or_neither(core: Core) -> None:
    """Where one half is refused the other does not happen."""
    task_id = core.register(spec(1), spec(2))
    held = core.hold(task_id)
    before = len(core.journal())
    with pytest.raises(TaskNotFound):
        core.do("CompleteNode", **held.params, acquire_next={"task_id": uid(9)})
    with pytest.raises(StaleLease):
        core.do("CompleteNode", **{**held.params, "lease_id": uid(8)}, acquire_next={})
    assert len(core.journal()) == before
    assert core.node(task_id, uid(1))["status"] == "RUNNING"


@pytest.mark.parametrize("method", ["CompleteNode", "FailNode"])
def test_a_repeat_has_the_same_next_node(core: Core, method: str) -> None:
    """With its request_id it is answered as the first time, `next` included."""
    task_id = core.register(spec(1), spec(2), spec(3))
    held = core.hold(task_id)
    params = {**held.params, "payload": {"a": 1}, "acquire_next": {}, "request_id": ID}
    answer = core.do(method, **params)
    lease = lease_of(answer["next"])
    core.do("CommitEvent", **lease, payload="noted since")
    core.do("CompleteNode", **lease)
    before = len(core.journal())
    assert core.do(method, **params) == answer
    assert len(core.journal()) == before


def test_a_repeat_where_there_was_no_next_node(core: Core) -> None:
    """It is null again, although there is one by now."""
    held = core.hold(core.register(spec(1)))
    params = {**held.params, "acquire_next": {}, "request_id": ID}
    answer = core.do("CompleteNode", **params)
    core.register(spec(2))
    assert core.do("CompleteNode", **params) == answer
    assert answer["next"] is None


def test_a_repeat_under_another_request_id(core: Core) -> None:
    """It is known by its lease: the first event_id, and no next node."""
    task_id = core.register(spec(1), spec(2), spec(3))
    held = core.hold(task_id)
    first = core.do("CompleteNode", **held.params, acquire_next={}, request_id=ID)
    before = len(core.journal())
    for more in ({}, {"request_id": OTHER}):
        again = core.do("CompleteNode", **held.params, acquire_next={}, **more)
        assert again == {"event_id": first["event_id"], "next": None}
    assert len(core.journal()) == before
    with pytest.raises(IllegalTransition):
        core.do("FailNode", **held.params, acquire_next={})


def test_a_wait_that_found_nothing_is_tried_again(core: Core) -> None:
    """It is not remembered under its request_id, nor where leases were only rolled back."""
    task_id = core.register(spec(1))
    params = {"task_id": task_id, "wait_secs": 1, "request_id": ID}
    held = core.hold(task_id)
    assert core.do("AcquireNextNode", **params) is None
    core.now += core.lease_ms
    assert core.do("AcquireNextNode", **params)["lease_id"] != held.lease_id


# Heartbeats


def test_all_that_a_worker_holds(core: Core) -> None:
    """One call extends every lease, of whatever task; the answers have the order of the leases."""
    held = [core.hold(core.register(spec(number))) for number in (1, 2)]
    core.now += 1_000
    answer = core.do("HeartbeatNode", leases=[each.params for each in (*held, held[0])])
    ends = (core.now + core.lease_ms) // 1000
    assert answer == {"leases": [{"ok": True, "lease_expires_at": ends}] * 3}
    assert core.node(held[0].task_id, uid(1))["lease_expires_at"] == ends
    assert core.do("HeartbeatNode", leases=[]) == {"leases": []}


def test_a_refused_lease_spoils_no_other(core: Core) -> None:
    """Each that is refused has the error that a request of its own would have."""
    held = core.hold(core.register(spec(1), spec(2)))
    stale = {**held.params, "lease_id": uid(7)}
    lost = {**held.params, "task_id": uid(8)}
    gone = {**held.params, "node_id": uid(9)}
    answer = core.do("HeartbeatNode", leases=[stale, held.params, lost, gone])["leases"]
    assert [each.get("ok") for each in answer] == [None, True, None, None]
    for params, each in zip((stale, lost, gone), (answer[0], answer[2], answer[3]), strict=True):
        with pytest.raises(RequestRefused) as refused:
            core.do("HeartbeatNode", **params)
        assert each["error"]["message"] == str(refused.value)
        assert each["error"]["data"]["kind"] == refused.value.kind


def test_several_heartbeats_are_not_remembered(core: Core) -> None:
    """The same request_id extends again."""
    held = core.hold(core.register(spec(1)))
    for _ in range(2):
        core.now += 1_000
        answer = core.do("HeartbeatNode", leases=[held.params], request_id=ID)
        assert answer["leases"][0]["lease_expires_at"] == (core.now + core.lease_ms) // 1000


@pytest.mark.parametrize("field", ["task_id", "node_id", "lease_id"])
def test_one_form_of_heartbeat(core: Core, field: str) -> None:
    """The three fields or `leases`: one that is beside them, or missing, is named."""
    params = {"task_id": uid(1), "node_id": uid(2), "lease_id": uid(3)}
    with pytest.raises(InvalidParams, match=field):
        core.do("HeartbeatNode", leases=[], **{field: params[field]})
    del params[field]
    with pytest.raises(InvalidParams, match=f"{field}` is missing"):
        core.do("HeartbeatNode", **params)


def test_too_many_heartbeats(core: Core) -> None:
    """A thousand are taken, one more is not."""
    lease = {"task_id": uid(1), "node_id": uid(2), "lease_id": uid(3)}
    assert len(core.do("HeartbeatNode", leases=[lease] * 1_000)["leases"]) == 1_000
    with pytest.raises(InvalidParams, match="leases"):
        core.do("HeartbeatNode", leases=[lease] * 1_001)


# Fields that nobody knows


@pytest.mark.parametrize(
    ("method", "params", "told"),
    [
        ("AcquireNodes", {"count": 1, "wait_sec": 1}, "did you mean `wait_secs`"),
        ("WatchEvents", {"after": 1}, 'there is no field "after" in `$`: did you mean `after_seq`'),
        ("ListWorkers", {"x": 1}, 'there is no field "x" in `$`'),
        ("HeartbeatNode", {"leases": [{"task": 1}]}, 'there is no field "task" in `$.leases[0]`'),
        (
            "CompleteNode",
            {"task_id": uid(1), "node_id": uid(1), "lease_id": uid(1), "acquire_next": {"xyz": 1}},
            'there is no field "xyz" in `$.acquire_next`: there are task_id',
        ),
    ],
)
def test_an_unknown_field(core: Core, method: str, params: dict[str, Any], told: str) -> None:
    """New methods and nested objects refuse it by its name, with the closest that they know."""
    with pytest.raises(InvalidParams) as refused:
        core.do(method, **params)
    assert told in str(refused.value)


@pytest.mark.parametrize("method", ["CompleteNode", "FailNode", "ReleaseNode"])
def test_what_is_wrong_with_the_ending_is_told_first(core: Core, method: str) -> None:
    """A node that nobody ever held cannot end, whatever is wanted next."""
    node = {"task_id": core.register(spec(1)), "node_id": uid(1), "lease_id": uid(8)}
    with pytest.raises(IllegalTransition):
        core.do(method, **node, acquire_next={"task_id": uid(9)})


@pytest.mark.parametrize("field", ["wait_secs", "request_id"])
def test_the_next_node_is_not_waited_for(core: Core, field: str) -> None:
    """`acquire_next` has neither a wait nor a request_id of its own."""
    held = core.hold(core.register(spec(1)))
    with pytest.raises(InvalidParams, match=field):
        core.do("CompleteNode", **held.params, acquire_next={field: 1})


@pytest.mark.parametrize("seconds", [-1, 60.5, "1"])
def test_a_wait_out_of_range(core: Core, seconds: object) -> None:
    """0 to 60 seconds, fractions allowed."""
    for method in ("AcquireNextNode", "WatchEvents", "AcquireNodes"):
        with pytest.raises(InvalidParams, match="wait_secs"):
            core.do(method, wait_secs=seconds)
