"""ImportTask on both stores: what was planned and done elsewhere, as a task."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agentd.errors import InvalidGraph, InvalidParams, NodeNotFound, TaskNotFound
from agentd.replay import check
from tests.core import NOW, STORES, Core, uid

LONG_AGO = "2001-02-03T04:05:06.789Z"
LONG_AGO_SECS = 981_173_106


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    made = Core(STORES[request.param](tmp_path))
    yield made
    assert not [*check(made.store, lambda _seq: None)], "a replay gives other rows"
    made.store.close()


def done(name: str, *before: str, result: Any = None, **more: Any) -> dict[str, Any]:
    """A node that has completed elsewhere."""
    ended = {"status": "COMPLETED", "result_payload": result, "ended_at": LONG_AGO}
    return {"name": name, "dependencies": before, **ended, **more}


def failed(name: str, *before: str, **more: Any) -> dict[str, Any]:
    """A node that has failed elsewhere."""
    return {**done(name, *before, result="oops"), "status": "FAILED", **more}


def to_do(name: str, *before: str, **more: Any) -> dict[str, Any]:
    """A node that nobody has worked on."""
    return {"name": name, "dependencies": before, **more}


def imported(core: Core, *nodes: dict[str, Any], **more: Any) -> str:
    """The id of the task that is made of these nodes."""
    made = core.do("ImportTask", **{"goal": "g", "source": "there", "nodes": nodes, **more})
    task_id: str = made["task_id"]
    return task_id


def shown(core: Core, task_id: str) -> dict[str, Any]:
    """The task's nodes by their names."""
    nodes = core.do("TaskStatus", task_id=task_id)["nodes"]
    return {node["name"]: node for node in nodes}


def acquired(core: Core, task_id: str, name: str, **more: Any) -> Any:
    """The lease of the node, with its context."""
    return core.do("AcquireNextNode", task_id=task_id, node_id=name, **more)


# What has ended there has ended here


def test_what_had_ended_there_has_ended_here(core: Core) -> None:
    """With its result and its time; the rest goes on from there, and attempts begin at 1."""
    task_id = imported(core, done("a", result={"n": 1}), to_do("b", "a"), failed("c"))
    nodes = shown(core, task_id)
    assert [node["status"] for node in nodes.values()] == ["COMPLETED", "PENDING", "FAILED"]
    assert [node["result_payload"] for node in nodes.values()] == [{"n": 1}, None, "oops"]
    assert [n["updated_at"] for n in nodes.values()] == [LONG_AGO_SECS, NOW // 1000, LONG_AGO_SECS]
    assert [node["attempt"] for node in nodes.values()] == [0, 0, 0]
    status = core.do("TaskStatus", task_id=task_id)
    assert status["counts"] == {"PENDING": 1, "COMPLETED": 1, "FAILED": 1}
    lease = acquired(core, task_id, "b")
    told = lease["context"]["completed_dependencies"]
    assert (lease["attempt"], told) == (
        1,
        [{"node_id": nodes["a"]["id"], "result_payload": {"n": 1}}],
    )
    assert core.do("NodeStatus", task_id=task_id, node_id="a")["attempts"] == []


def test_a_result_is_passed_on_byte_for_byte(core: Core) -> None:
    """However it was written, to the next node, and in a fork too."""
    written = b'{"b" : 1.10, "a": 123456789012345678901234567890}'
    params = msgspec.json.encode(
        {"goal": "g", "source": "s", "nodes": [done("a", result=0), to_do("b", "a")]}
    )
    answer = core.encoded(
        "ImportTask", params.replace(b'"result_payload":0', b'"result_payload":' + written)
    )
    task_id = msgspec.json.decode(answer)["task_id"]
    for each in (task_id, core.do("ForkTask", task_id=task_id)["task_id"]):
        status = core.encoded("TaskStatus", msgspec.json.encode({"task_id": each}))
        assert b'"result_payload":' + written in status
        asked = msgspec.json.encode({"task_id": each})
        assert b'"result_payload":' + written in core.encoded("AcquireNextNode", asked)


def test_the_original_times_stand_in_its_events(core: Core) -> None:
    """The journal's own are those of the import; lists go by the original ones."""
    task_id = imported(core, done("a"), created_at=LONG_AGO)
    status = core.do("TaskStatus", task_id=task_id)
    assert status["task"]["created_at"] == LONG_AGO
    begun, added = core.do("TaskEvents", task_id=task_id)["events"]
    assert begun["payload"] == {
        "goal": "g",
        "node_count": 1,
        "imported_from": "there",
        "created_at": LONG_AGO,
    }
    assert added["payload"] == {
        "dependencies": [],
        "status": "COMPLETED",
        "ended_at": LONG_AGO_SECS + 0.789,
    }
    assert begun["timestamp"] == added["timestamp"] == "2026-01-31T12:00:00.123Z"
    for narrow, found in (
        ({"since": LONG_AGO}, 1),
        ({"since": "2001-02-03T04:05:06.790Z"}, 0),
        ({"until": LONG_AGO_SECS + 1}, 1),
        ({"until": LONG_AGO}, 0),
    ):
        assert len(core.do("ListTasks", **narrow)["tasks"]) == found
    assert core.do("TaskStatus", task_id=task_id, at="2026-01-31T12:00:01Z") == status
    with pytest.raises(TaskNotFound, match=r"registered at 2026-01-31T12:00:00\.123Z"):
        core.do("TaskStatus", task_id=task_id, at="2002-01-01T00:00:00Z")


def test_what_is_not_told_is_the_moment_of_the_import(core: Core) -> None:
    """Of the task, of an end, and of an event."""
    task_id = imported(core, done("a", ended_at=None), events=[{"node_id": "a"}])
    status = core.do("TaskStatus", task_id=task_id)
    assert status["task"]["created_at"] == "2026-01-31T12:00:00.123Z"
    assert status["nodes"][0]["updated_at"] == NOW // 1000
    *_, event = core.do("TaskEvents", task_id=task_id)["events"]
    assert (event["timestamp"], event["payload"]) == ("2026-01-31T12:00:00.123Z", None)


@pytest.mark.parametrize(
    ("moment", "told", "seconds"),
    [
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z", -62_135_596_800),
        ("9999-12-31T23:59:59.9999Z", "9999-12-31T23:59:59.999Z", 253_402_300_799),
        (-0.5, "1969-12-31T23:59:59.500Z", -1),
        (2_000_000_000, "2033-05-18T03:33:20.000Z", 2_000_000_000),
    ],
)
def test_moments_of_any_year(core: Core, moment: Any, told: str, seconds: int) -> None:
    """From the first to the last, before 1970 and ahead of now."""
    notes = [{"node_id": "a", "timestamp": moment}]
    task_id = imported(core, done("a", ended_at=moment), created_at=moment, events=notes)
    status = core.do("TaskStatus", task_id=task_id)
    assert (status["task"]["created_at"], status["nodes"][0]["updated_at"]) == (told, seconds)
    assert core.do("TaskEvents", task_id=task_id)["events"][-1]["timestamp"] == told
    assert len(core.do("ListTasks", since=moment)["tasks"]) == 1


def test_a_node_that_failed_there_is_tried_again_here(core: Core) -> None:
    """RetryNode makes it PENDING, and what waits for it goes on."""
    task_id = imported(core, failed("a", retry={"max_attempts": 2}), to_do("b", "a"))
    assert core.do("TaskStatus", task_id=task_id)["state"] == "FAILED"
    told = core.do("ExplainNode", task_id=task_id, node_id="b")["reasons"]
    assert [(cause["kind"], cause["name"]) for cause in told] == [("dependency_failed", "a")]
    core.do("RetryNode", task_id=task_id, failed=True)
    lease = acquired(core, task_id, "a")
    assert lease["attempt"] == 1
    held = {name: lease[name] for name in ("task_id", "node_id", "lease_id")}
    core.do("CompleteNode", **held, payload=2)
    told = acquired(core, task_id, "b")["context"]["completed_dependencies"]
    assert [each["result_payload"] for each in told] == [2]


def test_a_failure_that_others_run_behind(core: Core) -> None:
    """They find its error; by the node's own word, or by that of the task's defaults."""
    for number, more in enumerate(({}, {"node_defaults": {"on_failure": "continue"}})):
        of_node = {} if more else {"on_failure": "continue"}
        nodes = failed("a", **of_node), to_do("b", "a")
        task_id = imported(core, *nodes, source=f"s{number}", **more)
        [told] = acquired(core, task_id, "b")["context"]["completed_dependencies"]
        assert (told["status"], told["result_payload"]) == ("FAILED", "oops")


def test_a_node_that_completed_before_what_it_waits_for(core: Core) -> None:
    """It is taken as it is, and told; those behind it run, and nothing holds them back."""
    nodes = [to_do("a"), done("b", "a", "f"), to_do("c", "b"), failed("f"), done("d", "b")]
    made = core.do("ImportTask", goal="g", source="s", nodes=nodes)
    [warning] = made["warnings"]
    assert "node 'b' is COMPLETED, and 2 of the nodes that it depends on are not" in warning
    task_id = made["task_id"]
    assert [n["blocked_by"] for n in shown(core, task_id).values()] == [[]] * 5
    assert core.do("ExplainTask", task_id=task_id)["reasons"] == []
    assert acquired(core, task_id, "c")["name"] == "c"


def test_many_warnings_are_counted(core: Core) -> None:
    """Ten have words of their own."""
    nodes = [to_do("a"), *(done(f"n{at}", "a") for at in range(12))]
    made = core.do("ImportTask", goal="g", source="s", nodes=nodes)
    assert [len(made["warnings"]), made["warnings"][-1]] == [11, "so were 2 more nodes"]


def test_gates(core: Core) -> None:
    """One that has ended elsewhere is in no list; one that is ready is open."""
    ask = {"gate": {"ask": "Ship it?"}}
    task_id = imported(core, done("a", **ask), failed("b", **ask), to_do("c", "a", **ask))
    for is_open, names in ((True, ["c"]), (False, [])):
        told = core.do("ListGates", open=is_open)["gates"]
        assert [gate["name"] for gate in told] == names
    core.do("RetryNode", task_id=task_id, node_id="b")
    assert [gate["name"] for gate in core.do("ListGates")["gates"]] == ["c", "b"]


def test_settings_and_locks_of_what_has_ended(core: Core) -> None:
    """Its limits and its locks are nobody's concern; its moment is when it is to be tried again."""
    settings = {"not_before": NOW / 1000 + 60, "limits": ["l"], "locks": ["k"]}
    task_id = imported(core, failed("a", **settings), to_do("b", **settings))
    nodes = shown(core, task_id)
    assert (nodes["a"]["limits"], nodes["a"]["locks"]) == (["l"], ["k"])
    core.do("SetLimit", name="l", max_running=1)
    [limit] = core.do("ListLimits")["limits"]
    assert (limit["running"], limit["waiting"]) == (0, 1)
    assert core.do("AcquireResourceLock", resource_key="k", ttl_secs=1) is not None
    core.do("RetryNode", task_id=task_id, node_id="a")
    assert shown(core, task_id)["a"]["blocked_by"] == ["not_before"]
    core.now += 60_000
    assert acquired(core, task_id, "a") is not None


def test_a_task_that_is_over_when_it_comes(core: Core) -> None:
    """Its state is that of its nodes."""
    task_id = imported(core, done("a"), done("b", "a"))
    assert core.do("TaskStatus", task_id=task_id)["state"] == "COMPLETED"
    assert core.do("AcquireNextNode") is None


# What was noted there


def test_events_are_shown_like_what_agents_committed(core: Core) -> None:
    """In the order given, with their ids and times, wherever events are; they change nothing."""
    events = [
        {
            "node_id": "b",
            "action_type": "COMPLETE_NODE",
            "payload": {"result": 1},
            "timestamp": 9.5,
        },
        {"node_id": "a", "payload": [1], "timestamp": LONG_AGO, "id": uid(0xE0).upper()},
    ]
    task_id = imported(core, done("a"), to_do("b", "a"), events=events)
    nodes = shown(core, task_id)
    assert nodes["b"]["status"] == "PENDING"
    journal = acquired(core, task_id, "b")["context"]["event_journal"]
    assert [(e["node_id"], e["action_type"], e["payload"], e["timestamp"]) for e in journal] == [
        (nodes["b"]["id"], "COMPLETE_NODE", {"result": 1}, "1970-01-01T00:00:09.500Z"),
        (nodes["a"]["id"], "COMMIT_EVENT", [1], LONG_AGO),
    ]
    assert journal[1]["id"] == uid(0xE0)
    told = core.do("TaskEvents", task_id=task_id)["events"]
    types = ["IMPORT_TASK", "ADD_NODE", "ADD_NODE", "COMPLETE_NODE", "COMMIT_EVENT", "ACQUIRE_NODE"]
    assert [event["action_type"] for event in told] == types
    assert [event["by_client"] for event in told] == [False] * 3 + [True] * 2 + [False]


def test_events_of_a_node_and_what_it_depends_on(core: Core) -> None:
    """The narrower scope shows those, and no end of a node among them."""
    events = [{"node_id": name, "payload": name} for name in ("a", "x", "b")]
    task_id = imported(core, done("a"), done("x"), to_do("b", "a"), events=events)
    journal = acquired(core, task_id, "b", context_scope="node")["context"]["event_journal"]
    assert [event["payload"] for event in journal] == ["a", "b"]


def test_watchers_know_the_kind(core: Core) -> None:
    """IMPORT_TASK is no REGISTER_TASK, and a fork of it is a fork."""
    task_id = imported(core, to_do("a"))
    core.do("ForkTask", task_id=task_id)
    for kind, number in (("IMPORT_TASK", 1), ("REGISTER_TASK", 0), ("FORK_TASK", 1)):
        assert len(core.do("WatchEvents", after_seq=0, kinds=[kind])["events"]) == number


# Repeats


def test_a_repeat_finds_the_task(core: Core) -> None:
    """By its source, whatever has become of the task; the rest of the request is ignored."""
    made = core.do("ImportTask", goal="g", source="s", nodes=[to_do("a"), done("b")])
    for change in ("AddNodes", "CancelTask"):
        params: dict[str, Any] = {"nodes": [{}]} if change == "AddNodes" else {}
        core.do(change, task_id=made["task_id"], **params)
        events = [{"node_id": "nobody"}]
        again = core.do(
            "ImportTask", goal="h", source="s", nodes=[{"dependencies": ["?"]}], events=events
        )
        assert again == {**made, "existing": True}
    other = core.do("ImportTask", goal="g", source="S", nodes=[])
    assert other["task_id"] != made["task_id"]
    task = core.do("TaskStatus", task_id=made["task_id"])["task"]
    assert (task["goal"], task["imported_from"]) == ("g", "s")


def test_repeats_within_one_commit(core: Core) -> None:
    """The second of two finds what the first has made."""
    request = ("ImportTask", {"goal": "g", "source": "s" * 4_096, "nodes": [to_do("a")]})
    one, other = core.batch(request, request)
    assert other == {**one, "existing": True}


def test_a_fork_is_no_import(core: Core) -> None:
    """The source stands for the first task alone."""
    task_id = imported(core, done("a"))
    fork = core.do("ForkTask", task_id=task_id)["task_id"]
    task = core.do("TaskStatus", task_id=fork)["task"]
    assert ("imported_from" in task, task["created_at"]) == (False, "2026-01-31T12:00:00.123Z")
    assert imported(core) == task_id


def test_a_fork_of_what_completed_early(core: Core) -> None:
    """It has ended there as it has here; what is to run again takes what is behind it along."""
    task_id = imported(core, to_do("a"), done("b", "a"), to_do("c", "b"))
    for rerun, letters in (([], "PCP"), (["a"], "PPP")):
        fork = core.do("ForkTask", task_id=task_id, rerun=rerun)["task_id"]
        assert "".join(node["status"][0] for node in shown(core, fork).values()) == letters


# Plans in pieces


def test_a_plan_in_pieces(core: Core) -> None:
    """AddNodes takes the same fields of a node; nothing is handed out before the last piece."""
    task_id = imported(core, done("a", result=1), to_do("z", "a"), paused=True)
    more = [done("b", "a", result=2, before=["z"]), to_do("c", "b"), failed("d"), done("e", "c")]
    added = core.do(
        "AddNodes",
        task_id=task_id,
        nodes=more,
        events=[
            {"node_id": "b", "payload": 1, "timestamp": LONG_AGO},
            {"node_id": "a", "action_type": "NOTE"},
        ],
    )
    assert len(added["node_ids"]) == 4
    assert ["'e'" in warning for warning in added["warnings"]] == [True]
    assert core.do("AcquireNextNode") is None
    core.do("ResumeTask", task_id=task_id)
    nodes = shown(core, task_id)
    assert [node["status"][0] for node in nodes.values()] == [*"CPCPFC"]
    assert nodes["b"]["updated_at"] == LONG_AGO_SECS
    assert nodes["z"]["dependencies"] == [nodes["a"]["id"], nodes["b"]["id"]]
    context = acquired(core, task_id, "z")["context"]
    assert [each["result_payload"] for each in context["completed_dependencies"]] == [1, 2]
    told = [(e["node_id"], e["action_type"], e["timestamp"]) for e in context["event_journal"]]
    assert told == [
        (nodes["b"]["id"], "COMMIT_EVENT", LONG_AGO),
        (nodes["a"]["id"], "NOTE", "2026-01-31T12:00:00.123Z"),
    ]
    assert core.do("TaskStatus", task_id=task_id)["counts"] == {
        "PENDING": 1,
        "RUNNING": 1,
        "COMPLETED": 3,
        "FAILED": 1,
    }


def test_only_notes(core: Core) -> None:
    """A piece may have no nodes."""
    task_id = imported(core, done("a"))
    added = core.do("AddNodes", task_id=task_id, nodes=[], events=[{"node_id": "a"}])
    assert added == {"node_ids": []}
    assert core.do("TaskEvents", task_id=task_id)["events"][-1]["action_type"] == "COMMIT_EVENT"
    with pytest.raises(NodeNotFound, match=r"`\$.events\[0\].node_id`: 'b'"):
        core.do("AddNodes", task_id=task_id, nodes=[], events=[{"node_id": "b"}])


@pytest.mark.parametrize(
    "piece",
    [
        *({"nodes": [{"status": status}]} for status in ("PENDING", "COMPLETED", "FAILED")),
        {"nodes": [{}, {"status": "FAILED", "result_payload": 1}]},
        {"nodes": [{"result_payload": None}]},
        {"nodes": [], "events": [{"node_id": "a"}]},
    ],
)
def test_only_an_imported_task_has_nodes_that_ended_elsewhere(
    core: Core, piece: dict[str, Any]
) -> None:
    """Any other is told so, a fork of one that was imported too, and nothing is recorded."""
    forked = core.do("ForkTask", task_id=imported(core, to_do("a")))["task_id"]
    for task_id in (core.register({"name": "a"}), forked):
        before = core.journal()
        with pytest.raises(InvalidParams, match=r"AddNodes: .* are for tasks that ImportTask made"):
            core.do("AddNodes", task_id=task_id, **piece)
        assert core.journal() == before


def test_a_cycle_through_what_completed_early(core: Core) -> None:
    """An old node that waits for nothing may still be behind one that does."""
    task_id = imported(core, to_do("a"), done("b", "a"), to_do("c", "b"))
    with pytest.raises(InvalidGraph, match="cycle"):
        core.do("AddNodes", task_id=task_id, nodes=[{"dependencies": ["c"], "before": ["a"]}])


# Refusals


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"source": ""}, r"`\$.source`"),
        ({"source": "x" * 4_097}, r"`\$.source`"),
        ({"source": None}, r"`\$.source`"),
        ({"created_at": "yesterday"}, r"`\$.created_at`: 'yesterday' is no moment"),
        ({"created_at": 1e15}, r"`\$.created_at`"),
        ({"timeout_secs": 5}, r"no field \"timeout_secs\" in `\$`"),
        ({"dedupe_key": "k"}, r"no field \"dedupe_key\""),
        ({"nodes": [{"status": "RUNNING"}]}, r"`\$.nodes\[0\].status`"),
        ({"nodes": [{"before": []}]}, r"no field \"before\" in `\$.nodes\[0\]`"),
        ({"nodes": [{}, {"ended_at": 1}]}, r"`\$.nodes\[1\].ended_at`.* `status` COMPLETED"),
        ({"nodes": [{"status": "PENDING", "result_payload": 1}]}, r"\[0\].result_payload`"),
        ({"nodes": [{"status": "FAILED", "ended_at": "x"}]}, r"\[0\].ended_at`: 'x' is no"),
        ({"events": [{"node_id": "a", "timestamp": "x"}]}, r"`\$.events\[0\].timestamp`"),
        ({"events": [{"node_id": "a", "note": 1}]}, r"no field \"note\" in `\$.events\[0\]`"),
        ({"events": [{"node_id": "a", "id": "x"}]}, r"`\$.events\[0\].id` is not a UUID"),
        ({"events": [{"payload": 1}]}, r"`\$.events\[0\].node_id` is missing"),
        ({"node_defaults": {"locks": []}}, r"no field \"locks\""),
    ],
)
def test_bad_params_are_named(core: Core, more: dict[str, Any], why: str) -> None:
    """What is wrong, and where; nothing is recorded."""
    with pytest.raises(InvalidParams, match=f"ImportTask: .*{why}"):
        imported(core, **{"nodes": [to_do("a")], **more})
    assert core.journal() == []


def test_a_result_of_null_is_none(core: Core) -> None:
    """So what TaskStatus shows of a node that is PENDING may be sent as it is."""
    task_id = imported(core, to_do("a", status="PENDING", result_payload=None), done("b"))
    assert [node["result_payload"] for node in shown(core, task_id).values()] == [None, None]


def test_an_id_that_the_journal_has(core: Core) -> None:
    """Whatever event has it; and one that is given twice."""
    core.register({"name": "a"})
    for known in (core.journal()[0].event_id, core.journal()[1].event_id):
        events = [{"node_id": "a"}, {"node_id": "a", "id": known}]
        with pytest.raises(InvalidParams, match=rf"`\$.events\[1\].id`: .* an event {known}"):
            imported(core, to_do("a"), events=events)
    events = [{"node_id": "a", "id": uid(0xE0)}, {"node_id": "a", "id": uid(0xE0)}]
    with pytest.raises(InvalidParams, match=r"events\[1\].id` is that of `\$.events\[0\]` too"):
        imported(core, to_do("a"), events=events)
    assert len(core.journal()) == 2
    imported(core, to_do("a"), events=events[:1])
    with pytest.raises(InvalidParams, match=rf"the journal has an event {uid(0xE0)} already"):
        imported(core, to_do("a"), source="other", events=events[:1])


def test_ids_that_came_since_they_were_looked_up(core: Core) -> None:
    """What is recorded between the look and the commit counts as well."""
    from tests.core import command, to_params  # only here

    notes = [{"node_id": "a", "id": uid(each)} for each in (0xE0, 0xE1)]
    asked = {"goal": "g", "nodes": [to_do("a")]}
    request = to_params("ImportTask", {**asked, "source": "late", "events": notes[:1]})
    call = command("ImportTask", request)
    assert call.command.prepare is not None
    with core.store.read() as reader:
        prepared = call.command.prepare(reader, request, core.context())
    core.do("ImportTask", **asked, source="soon", events=notes)
    [outcome] = core.run([type(call)(prepared, request)])
    assert isinstance(outcome.refusal, InvalidParams)


@pytest.mark.parametrize(
    ("nodes", "why"),
    [
        ([to_do("a", "b"), to_do("b", "a")], "cycle"),
        ([done("a", "b"), done("b", "a")], "cycle"),
        ([to_do("a", "nobody")], "nobody"),
        ([to_do("a"), to_do("a")], "two nodes"),
        ([{"id": uid(9)}], "exists already"),
    ],
)
def test_a_graph_that_is_none(core: Core, nodes: list[dict[str, Any]], why: str) -> None:
    """Refused as RegisterTask refuses it, whatever has ended; nothing is recorded."""
    core.register({"id": uid(9)})
    before = core.journal()
    with pytest.raises(InvalidGraph, match=why):
        imported(core, *nodes)
    assert core.journal() == before


def test_an_event_of_no_node(core: Core) -> None:
    """It is named with its place; an id of a node of another task is none either."""
    core.register({"id": uid(9)})
    for named in ("b", uid(9)):
        with pytest.raises(NodeNotFound, match=rf"`\$.events\[0\].node_id`: '{named}'"):
            imported(core, to_do("a"), events=[{"node_id": named}])
