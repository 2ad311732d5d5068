"""ForkTask on both stores: a new task that begins as another is, or was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agentd.errors import InvalidParams, NodeNotFound, TaskNotFound
from agentd.replay import check
from tests.attempts import RETRY
from tests.core import NOW, STORES, Core, spec, uid


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    made = Core(STORES[request.param](tmp_path))
    yield made
    assert not [*check(made.store, lambda _seq: None)], "a replay gives other rows"
    made.store.close()


def last(core: Core) -> int:
    """The seq of the last event."""
    return core.journal()[-1].seq


def diamond(core: Core, **more: Any) -> str:
    """A task whose node d waits for b and c, and these for a."""
    names = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}
    nodes = [{"name": name, "dependencies": before} for name, before in names.items()]
    task_id: str = core.do("RegisterTask", goal="g", initial_nodes=nodes, **more)["task_id"]
    return task_id


def complete(core: Core, task_id: str, name: str, payload: Any = None) -> None:
    """Somebody does the node's work."""
    lease = core.do("AcquireNextNode", task_id=task_id, node_id=name)
    held = {key: lease[key] for key in ("task_id", "node_id", "lease_id")}
    core.do("CompleteNode", **held, payload=payload)


def fail(core: Core, task_id: str, name: str, payload: Any = None) -> None:
    """Somebody fails at it."""
    lease = core.do("AcquireNextNode", task_id=task_id, node_id=name)
    held = {key: lease[key] for key in ("task_id", "node_id", "lease_id")}
    core.do("FailNode", **held, payload=payload)


def fork(core: Core, task_id: str, **params: Any) -> str:
    """The id of the new task."""
    made: str = core.do("ForkTask", task_id=task_id, **params)["task_id"]
    return made


def shown(core: Core, task_id: str) -> dict[str, Any]:
    """The task's nodes by their names."""
    nodes = core.do("TaskStatus", task_id=task_id)["nodes"]
    return {node["name"]: node for node in nodes}


def statuses(core: Core, task_id: str) -> str:
    """The first letters of the statuses of its nodes, in their order."""
    return "".join(node["status"][0] for node in shown(core, task_id).values())


def test_what_had_ended_there_has_ended_here(core: Core) -> None:
    """With the same result; what was RUNNING is PENDING, and the rest goes on from there."""
    task_id = diamond(core)
    complete(core, task_id, "a", {"n": 1})
    core.hold(task_id)
    core.now += 5_000
    made = fork(core, task_id)
    nodes = shown(core, made)
    assert statuses(core, made) == "CPPP"
    assert nodes["a"]["result_payload"] == {"n": 1}
    assert (nodes["a"]["attempt"], nodes["a"]["lease_id"], nodes["a"]["acquired_at"]) == (0,) + (
        None,
    ) * 2
    ids = {name: node["id"] for name, node in nodes.items()}
    assert nodes["d"]["dependencies"] == [ids["b"], ids["c"]]
    assert not {*ids.values()} & {node["id"] for node in shown(core, task_id).values()}
    given = core.do("AcquireNextNode", task_id=made)
    told = given["context"]["completed_dependencies"]
    assert (given["name"], told) == ("b", [{"node_id": ids["a"], "result_payload": {"n": 1}}])
    assert given["context"]["event_journal"] == []
    assert statuses(core, task_id) == "CRPP"


def test_a_result_is_passed_on_byte_for_byte(core: Core) -> None:
    """It is that of the other task's record, however it was written, in a fork of a fork too."""
    task_id = core.register(spec(1))
    lease = core.hold(task_id)
    written = b'{"b" : 1.10, "a": 123456789012345678901234567890}'
    params = msgspec.json.encode({**lease.params, "payload": 0})
    core.encoded("CompleteNode", params.replace(b'"payload":0', b'"payload":' + written))
    made = fork(core, fork(core, task_id))
    status = core.encoded("TaskStatus", msgspec.json.encode({"task_id": made}))
    assert b'"result_payload":' + written in status


def test_it_begins_as_the_task_was(core: Core) -> None:
    """`at` is a seq or a moment; without it, it is now."""
    task_id = diamond(core)
    complete(core, task_id, "a")
    seq = last(core)
    core.now += 1_000
    complete(core, task_id, "b")
    assert statuses(core, fork(core, task_id)) == "CCPP"
    assert statuses(core, fork(core, task_id, at=seq)) == "CPPP"
    assert statuses(core, fork(core, task_id, at="2026-01-31T12:00:01Z")) == "CPPP"
    with pytest.raises(TaskNotFound, match="registered at"):
        fork(core, task_id, at="2026-01-31T11:59:59Z")


def test_it_tells_where_it_comes_from(core: Core) -> None:
    """Its task names the other and the place, its journal too, and WatchEvents knows the kind."""
    task_id = diamond(core)
    seq = last(core)
    complete(core, task_id, "a")
    made = fork(core, task_id, at=seq)
    told = {"task_id": task_id, "seq": seq}
    assert core.do("TaskStatus", task_id=made)["task"]["forked_from"] == told
    assert "forked_from" not in core.do("TaskStatus", task_id=task_id)["task"]
    [event] = core.do("WatchEvents", after_seq=0, kinds=["FORK_TASK"])["events"]
    assert (event["task_id"], event["action_type"]) == (made, "FORK_TASK")
    assert event["payload"] == {"goal": "g", "node_count": 4, "forked_from": told}
    [registered] = core.do("WatchEvents", after_seq=0, kinds=["REGISTER_TASK"])["events"]
    assert registered["task_id"] == task_id
    first = core.do("TaskEvents", task_id=made, after=0, limit=1)["events"][0]
    assert first["action_type"] == "FORK_TASK"
    assert core.do("TaskStatus", task_id=fork(core, task_id))["task"]["forked_from"]["seq"] > seq


def test_nodes_that_shall_run_again(core: Core) -> None:
    """Those that are named, by name or id, and all that depend on them, through others too."""
    task_id = diamond(core)
    for name in "abcd":
        complete(core, task_id, name)
    assert statuses(core, fork(core, task_id)) == "CCCC"
    assert statuses(core, fork(core, task_id, rerun=["b"])) == "CPCP"
    d = shown(core, task_id)["d"]["id"]
    made = fork(core, task_id, rerun=["c", d.upper()])
    assert statuses(core, made) == "CCPP"
    assert core.do("AcquireNextNode", task_id=made)["name"] == "c"
    assert core.do("AcquireNextNode", task_id=made) is None
    with pytest.raises(NodeNotFound, match="nobody"):
        fork(core, task_id, rerun=["a", "nobody"])
    with pytest.raises(NodeNotFound):
        fork(core, task_id, rerun=[shown(core, made)["a"]["id"]])


def test_what_failed_runs_again(core: Core) -> None:
    """With `failed` every FAILED node, and what is behind it; else it has failed here too."""
    task_id = diamond(core)
    complete(core, task_id, "a")
    fail(core, task_id, "b", {"oops": 1})
    complete(core, task_id, "c")
    as_it_is = fork(core, task_id)
    assert statuses(core, as_it_is) == "CFCP"
    assert core.do("TaskStatus", task_id=as_it_is)["state"] == "FAILED"
    assert shown(core, as_it_is)["b"]["result_payload"] == {"oops": 1}
    again = fork(core, task_id, failed=True)
    assert statuses(core, again) == "CPCP"
    assert core.do("TaskStatus", task_id=again)["state"] == "ACTIVE"
    both = fork(core, task_id, failed=True, rerun=["a"])
    assert statuses(core, both) == "PPPP"


def test_a_failed_node_of_a_fork_is_retried_like_any(core: Core) -> None:
    """RetryNode makes it PENDING, and its attempts begin at 1."""
    task_id = diamond(core)
    fail(core, task_id, "a")
    made = fork(core, task_id)
    core.do("RetryNode", task_id=made, failed=True)
    assert core.do("AcquireNextNode", task_id=made)["attempt"] == 1


def test_a_failure_that_holds_nobody_up(core: Core) -> None:
    """With `on_failure: continue` its dependents are ready here as they were there."""
    nodes = [
        {"name": "a", "on_failure": "continue"},
        {"name": "b", "dependencies": ["a"]},
    ]
    task_id = core.do("RegisterTask", goal="g", initial_nodes=nodes)["task_id"]
    fail(core, task_id, "a", "e")
    made = fork(core, task_id)
    asked = {"task_id": made, "request_id": uid(0xA1)}
    given = core.do("AcquireNextNode", **asked)
    [dependency] = given["context"]["completed_dependencies"]
    assert (given["name"], dependency["status"], dependency["result_payload"]) == (
        "b",
        "FAILED",
        "e",
    )
    held = {name: given[name] for name in ("task_id", "node_id", "lease_id")}
    core.do("ReleaseNode", **held)
    core.do("RetryNode", task_id=made, node_id="a")
    assert core.do("AcquireNextNode", **asked) == given, "a repeat is answered as the first time"
    assert core.do("NodeStatus", task_id=made, node_id="b")["node"]["blocked_by"] == ["dependency"]


def test_what_goes_along(core: Core) -> None:
    """Context, priority, defaults, labels, budget, and the nodes as they were set last."""
    settings = {"retry": RETRY, "lease_secs": 60, "timeout_secs": 90, "limits": ["l"]}
    task_id = core.do(
        "RegisterTask",
        goal="g",
        context={"c": 1},
        priority=3,
        node_defaults={"requires": ["gpu"]},
        labels={"x": "y"},
        budget={"usd": 5},
        initial_nodes=[
            {"name": "a", "payload_schema": {"p": 1}, **settings},
            {"name": "b", "not_before": NOW / 1000 + 60},
        ],
    )["task_id"]
    core.do("SetBudget", task_id=task_id, budget={"usd": 7})
    core.do("UpdateNode", task_id=task_id, node_id="b", priority=9)
    made = fork(core, task_id)
    one, other = (core.do("TaskStatus", task_id=each) for each in (task_id, made))
    assert other["task"]["labels"] == {"x": "y"}
    assert (other["task"]["goal"], other["task"]["context"]) == ("g", {"c": 1})
    assert other["budget"] == {"usd": 7}
    for before, after in zip(one["nodes"], other["nodes"], strict=True):
        same = {**before, "id": after["id"], "task_id": made}
        assert after == same
    assert core.do("TaskStatus", task_id=fork(core, task_id, goal="h"))["task"]["goal"] == "h"


def test_what_does_not_go_along(core: Core) -> None:
    """Usage, parent, dedupe_key, time-out, pause, events, checkpoints, pauses of retries."""
    parent = core.register(spec(9))
    task_id = core.do(
        "RegisterTask",
        goal="g",
        initial_nodes=[{"name": "a", "retry": {"max_attempts": 3, "backoff_secs": 60}}],
        parent_task_id=parent,
        dedupe_key="k",
        timeout_secs=100,
        budget={"usd": 1},
    )["task_id"]
    lease = core.hold(task_id)
    told = {**lease.params, "usage": {"usd": 1}}
    core.do("CommitEvent", **told, checkpoint=True, payload="kept")
    core.do("FailNode", **lease.params)
    core.do("PauseTask", task_id=task_id)
    made = fork(core, task_id)
    status = core.do("TaskStatus", task_id=made)
    assert (status["state"], status["usage"]) == ("ACTIVE", {})
    assert "parent_task_id" not in status["task"]
    context = core.do("AcquireNextNode", task_id=made)["context"]
    assert (context["attempts"], context["checkpoint"]) == ([], None)
    assert context["event_journal"] == []
    core.now += 200_000
    core.do("time_out_task", task_id=made)
    assert core.do("TaskStatus", task_id=made)["state"] == "ACTIVE"
    again = core.do("RegisterTask", goal="g", initial_nodes=[], dedupe_key="k")
    assert again["task_id"] != made


def test_a_cancelled_task_can_be_forked(core: Core) -> None:
    """The fork goes on: what was taken away there is PENDING here."""
    task_id = diamond(core)
    core.hold(task_id)
    core.do("CancelTask", task_id=task_id)
    made = fork(core, task_id)
    assert core.do("TaskStatus", task_id=made)["state"] == "ACTIVE"
    assert core.do("AcquireNextNode", task_id=made)["name"] == "a"


def test_a_repeat_with_the_same_request_id_is_one_fork(core: Core) -> None:
    """It is answered as the first time, whatever has become of either task."""
    task_id = diamond(core)
    asked = {"task_id": task_id, "request_id": uid(0xA1)}
    first = core.do("ForkTask", **asked)
    complete(core, task_id, "a")
    complete(core, first["task_id"], "a")
    assert core.do("ForkTask", **asked) == first
    assert len(core.do("ListTasks")["tasks"]) == 2
    in_order = [node["id"] for node in shown(core, first["task_id"]).values()]
    assert first["node_ids"] == in_order


def test_counts_know_what_had_ended(core: Core) -> None:
    """Of the task, of the database, and of a task without any nodes."""
    task_id = diamond(core)
    complete(core, task_id, "a")
    fail(core, task_id, "b")
    made = fork(core, task_id)
    counts = {"PENDING": 2, "COMPLETED": 1, "FAILED": 1}
    assert core.do("TaskStatus", task_id=made)["counts"] == counts
    database = core.do("Metrics")["database"]["node_status_counts"]
    assert database == {name: 2 * number for name, number in counts.items()}
    empty = fork(core, core.register())
    assert core.do("TaskStatus", task_id=empty)["counts"] == {}


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"rerunn": []}, "rerun"),
        ({"at": "then"}, "at"),
        ({"rerun": "a"}, "rerun"),
        ({"failed": 1}, "failed"),
        ({"goal": 7}, "goal"),
    ],
)
def test_bad_params_are_named(core: Core, more: dict[str, Any], named: str) -> None:
    """A field that is not known, or not as it should be; nothing is recorded."""
    task_id = diamond(core)
    before = last(core)
    with pytest.raises(InvalidParams, match=named):
        fork(core, task_id, **more)
    with pytest.raises(TaskNotFound, match=uid(0xDEAD)):
        fork(core, uid(0xDEAD))
    assert last(core) == before


def test_a_fork_as_it_was_once(core: Core) -> None:
    """A fork has a past of its own, which begins with what had ended already."""
    task_id = diamond(core)
    complete(core, task_id, "a", 1)
    made = fork(core, task_id)
    seq = last(core)
    complete(core, made, "b", 2)
    then = core.do("TaskStatus", task_id=made, at=seq)
    assert [node["status"][0] for node in then["nodes"]] == ["C", "P", "P", "P"]
    assert then["nodes"][0]["result_payload"] == 1
    assert statuses(core, fork(core, made, at=seq, rerun=["c"])) == "CPPP"
