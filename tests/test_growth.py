"""AddNodes: plans that grow while they are worked on; each engine runs the suite."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd import queries
from agentd.errors import (
    InvalidGraph,
    InvalidParams,
    NodeNotFound,
    StaleLease,
    TaskIsCancelled,
    TaskNotFound,
)
from tests.core import NOW, STORES, Core, spec, uid

ID = uid(500)


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    store = STORES[request.param](tmp_path)
    yield Core(store)
    store.close()


def add(core: Core, task_id: str, *nodes: dict[str, Any], **more: Any) -> list[str]:
    """The ids of the nodes that were added."""
    result = core.do("AddNodes", task_id=task_id, nodes=nodes, **more)
    node_ids: list[str] = result["node_ids"]
    return node_ids


def refused(core: Core, task_id: str, *nodes: dict[str, Any]) -> str:
    """Why these nodes cannot be added; nothing of them has happened."""
    before = len(core.journal())
    with pytest.raises(InvalidGraph) as no:
        add(core, task_id, *nodes)
    assert len(core.journal()) == before
    return no.value.message


def dependencies(core: Core, task_id: str, number: int) -> list[str]:
    """What the node depends on, as clients see it."""
    found: list[str] = core.node(task_id, uid(number))["dependencies"]
    return found


def work_off(core: Core, task_id: str) -> list[str]:
    """The ids of the nodes, in the order in which they are handed out and completed."""
    order = []
    while (found := core.do("AcquireNextNode", task_id=task_id)) is not None:
        order.append(found["node_id"])
        lease = {name: found[name] for name in ("task_id", "node_id", "lease_id")}
        core.do("CompleteNode", **lease, payload=len(order))
    return order


def plan(core: Core) -> str:
    """A task in which `synthesise` waits for `plan`."""
    return core.register(
        {"id": uid(1), "name": "plan"},
        {"id": uid(2), "name": "synthesise", "dependencies": ["plan"]},
    )


def test_a_planner_adds_what_it_planned(core: Core) -> None:
    """Who holds `plan` adds ten nodes, and the join that was there waits for all of them."""
    task_id = plan(core)
    held = core.hold(task_id)
    lease = {"node_id": "plan", "lease_id": held.lease_id}
    steps = [
        {"id": uid(10 + n), "name": f"step {n}", "dependencies": ["plan"], "before": ["synthesise"]}
        for n in range(10)
    ]
    assert add(core, task_id, *steps, lease=lease) == [uid(10 + n) for n in range(10)]
    assert dependencies(core, task_id, 2) == [uid(1), *(uid(10 + n) for n in range(10))]
    core.do("CompleteNode", **held.params)
    assert work_off(core, task_id) == [*(uid(10 + n) for n in range(10)), uid(2)]
    assert core.do("TaskStatus", task_id=task_id)["state"] == "COMPLETED"


def test_the_join_is_given_what_was_added(core: Core) -> None:
    """Their results are among those of its dependencies, in the order in which they came."""
    task_id = plan(core)
    add(core, task_id, spec(3, 1, before=["synthesise"]))
    add(core, task_id, spec(4, 3, before=["synthesise"]), spec(5, before=[uid(2)]))
    for number in (1, 5, 3, 4):
        held = core.do("AcquireNextNode", task_id=task_id, node_id=uid(number))
        lease = {name: held[name] for name in ("task_id", "node_id", "lease_id")}
        core.do("CompleteNode", **lease, payload=number)
    context = core.do("AcquireNextNode", task_id=task_id)["context"]
    assert [each["result_payload"] for each in context["completed_dependencies"]] == [1, 3, 4, 5]
    assert context["node"]["dependencies"] == [uid(1), uid(3), uid(4), uid(5)]


def test_new_nodes_stand_behind_those_that_were_there(core: Core) -> None:
    """In the order of registration and of handing out, where their priority does not say more."""
    task_id = core.register(spec(1), spec(2))
    add(core, task_id, spec(3), spec(4, priority=5))
    nodes = core.do("TaskStatus", task_id=task_id)["nodes"]
    assert [node["id"] for node in nodes] == [uid(number) for number in (1, 2, 3, 4)]
    for after, numbers in ((0, [2, 3]), (2, [4])):
        page = core.do("TaskStatus", task_id=task_id, limit=2, after=after)
        assert [node["id"] for node in page["nodes"]] == [uid(number) for number in numbers]
        assert page["next"] == (2 if after == 0 else None)
    assert work_off(core, task_id) == [uid(number) for number in (4, 1, 2, 3)]


def test_names_and_ids_in_any_order(core: Core) -> None:
    """A node is meant by its name or its id, earlier or later in the list, or in the task."""
    task_id = plan(core)
    added = add(
        core,
        task_id,
        {"name": "a", "dependencies": ["b", uid(1)], "before": ["synthesise", "c"]},
        {"name": "b", "dependencies": [uid(1).upper()]},
        {"name": "c", "dependencies": ["a", "plan"]},
    )
    shown = {node["id"]: node for node in core.do("TaskStatus", task_id=task_id)["nodes"]}
    assert [shown[each]["name"] for each in added] == ["a", "b", "c"]
    assert shown[added[0]]["dependencies"] == [added[1], uid(1)]
    assert shown[added[2]]["dependencies"] == [added[0], uid(1)]
    assert shown[uid(2)]["dependencies"] == [uid(1), added[0]]


def test_what_is_satisfied_is_not_waited_for(core: Core) -> None:
    """Neither COMPLETED nor FAILED with `on_failure: continue`; the latter's error is there."""
    task_id = core.register(spec(1), spec(2, on_failure="continue"), spec(3))
    core.do("CompleteNode", **core.hold(task_id).params, payload="done")
    core.do("FailNode", **core.hold(task_id).params, payload="no")
    add(core, task_id, spec(4, 1, 2))
    core.hold(task_id)
    context = core.do("AcquireNextNode", task_id=task_id)["context"]
    assert context["node"]["id"] == uid(4)
    assert [each["result_payload"] for each in context["completed_dependencies"]] == ["done", "no"]


def test_what_failed_is_waited_for(core: Core) -> None:
    """A dependency that FAILED and blocks keeps the new node back until it is tried again."""
    task_id = core.register(spec(1))
    core.do("FailNode", **core.hold(task_id).params)
    add(core, task_id, spec(2, 1))
    assert core.do("TaskStatus", task_id=task_id)["state"] == "FAILED"
    told = core.do("ExplainNode", task_id=task_id, node_id=uid(2))
    assert [reason["kind"] for reason in told["reasons"]] == ["dependency_failed"]
    core.do("RetryNode", task_id=task_id, node_id=uid(1))
    assert work_off(core, task_id) == [uid(1), uid(2)]


@pytest.mark.parametrize(("end", "state"), [("CompleteNode", "COMPLETED"), ("FailNode", "FAILED")])
def test_a_task_that_had_ended_goes_on(core: Core, end: str, state: str) -> None:
    """Its state follows from its nodes, and so does whether others wait for it."""
    task_id = core.register(spec(1))
    core.do(end, **core.hold(task_id).params)
    assert core.do("TaskStatus", task_id=task_id)["state"] == state
    add(core, task_id, spec(2))
    status = core.do("TaskStatus", task_id=task_id)
    assert (status["state"], status["counts"]["PENDING"]) == ("ACTIVE", 1)
    assert core.do("ListTasks", runnable=True)["tasks"][0]["id"] == task_id
    assert core.do("Metrics")["database"]["total_nodes"] == 2
    assert work_off(core, task_id) == [uid(2)]


def test_a_task_without_nodes_gets_some(core: Core) -> None:
    """So a plan may begin with nothing."""
    task_id = core.register()
    add(core, task_id, spec(1))
    assert work_off(core, task_id) == [uid(1)]
    assert core.do("TaskStatus", task_id=task_id)["state"] == "COMPLETED"


def test_no_nodes_are_none(core: Core) -> None:
    """To add nothing is no fault, and changes nothing."""
    task_id = core.register(spec(1))
    before = len(core.journal())
    assert core.do("AddNodes", task_id=task_id, nodes=[], request_id=ID) == {"node_ids": []}
    assert core.do("AddNodes", task_id=task_id, nodes=[], request_id=ID) == {"node_ids": []}
    assert len(core.journal()) == before


def test_settings_are_the_nodes_own_then_the_tasks(core: Core) -> None:
    """A node that is added later has what its task says for all, where it says nothing."""
    defaults = {"lease_secs": 60, "limits": ["gpu"], "retry": {"max_attempts": 3}}
    task_id = core.do("RegisterTask", goal="g", priority=7, node_defaults=defaults)["task_id"]
    add(core, task_id, spec(1), spec(2, limits=[], priority=0, lease_secs=5))
    first, second = core.node(task_id, uid(1)), core.node(task_id, uid(2))
    assert (first["priority"], first["limits"], first["lease_secs"]) == (7, ["gpu"], 60)
    assert (second["priority"], second["limits"], second["lease_secs"]) == (0, [], 5)
    assert second["retry"] == {"max_attempts": 3}


def test_one_that_waited_for_its_moment(core: Core) -> None:
    """A node in a `before` may have a moment, and a new one too: both are waited for."""
    task_id = core.register(spec(1, not_before=(NOW + 1_000) / 1000))
    add(core, task_id, spec(2, not_before=(NOW + 5_000) / 1000, before=[uid(1)]))
    core.now += 1_000
    assert core.do("AcquireNextNode", task_id=task_id) is None
    core.now += 4_000
    assert work_off(core, task_id) == [uid(2), uid(1)]


def test_a_ready_node_waits_again(core: Core) -> None:
    """What was about to be handed out is kept back, and says why."""
    task_id = core.register(spec(1))
    add(core, task_id, spec(2, before=[uid(1)], name="first"))
    shown = core.node(task_id, uid(1))
    assert (shown["blocked_by"], shown["updated_at"]) == (["dependency"], NOW // 1000)
    reasons = core.do("ExplainNode", task_id=task_id, node_id=uid(1))["reasons"]
    assert [(reason["kind"], reason["name"]) for reason in reasons] == [("dependency", "first")]
    assert work_off(core, task_id) == [uid(2), uid(1)]


def test_a_held_context_stays_as_it_was(core: Core) -> None:
    """A repeat of the acquisition shows what the node depended on then."""
    task_id = core.register(spec(1), spec(2, 1))
    core.do("CompleteNode", **core.hold(task_id).params)
    acquired = core.do("AcquireNextNode", task_id=task_id, request_id=ID)
    lease = {name: acquired[name] for name in ("task_id", "node_id", "lease_id")}
    core.do("ReleaseNode", **lease)
    add(core, task_id, spec(3, 1, before=[uid(2)]))
    assert dependencies(core, task_id, 2) == [uid(1), uid(3)]
    assert core.do("AcquireNextNode", task_id=task_id, request_id=ID) == acquired


def test_what_happened_is_told(core: Core) -> None:
    """Each new node is an event, and each node that waits for more."""
    task_id = core.register(spec(1))
    add(core, task_id, spec(2, before=[uid(1)]))
    events = core.do("TaskEvents", task_id=task_id)["events"][-2:]
    told = [(event["action_type"], event["node_id"], event["payload"]) for event in events]
    assert told == [
        ("ADD_NODE", uid(2), {"dependencies": []}),
        ("UPDATE_NODE", uid(1), {"dependencies": [uid(2)]}),
    ]


def test_a_repeat_is_answered_as_the_first_time(core: Core) -> None:
    """Whatever became of the nodes; and so is a repeat of the registration, without them."""
    registered = core.do("RegisterTask", goal="g", initial_nodes=[{}], request_id=ID)
    task_id = registered["task_id"]
    request: dict[str, Any] = {"task_id": task_id, "nodes": [{}, {"name": "a"}]}
    first = core.do("AddNodes", **request, request_id=uid(501))
    work_off(core, task_id)
    assert core.do("AddNodes", **request, request_id=uid(501)) == first
    assert core.do("RegisterTask", goal="g", initial_nodes=[{}], request_id=ID) == registered
    assert core.do("TaskStatus", task_id=task_id)["counts"] == {"COMPLETED": 3}


def test_the_bearer_of_a_key_answers_with_what_it_began_with(core: Core) -> None:
    """Who registers again is told the ids of those nodes, in the order in which it gave them."""
    registered = core.do("RegisterTask", goal="g", dedupe_key="k", initial_nodes=[{}])
    add(core, registered["task_id"], {})
    again = core.do("RegisterTask", goal="g", dedupe_key="k", initial_nodes=[{}])
    assert again == {**registered, "existing": True}


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([{"before": ["nobody"]}], "comes before 'nobody', which is a node neither of"),
        ([{"dependencies": [uid(99)]}], f"depends on '{uid(99)}', which is a node neither of"),
        ([{"dependencies": [uid(50)]}], f"depends on '{uid(50)}', which is a node neither of"),
        ([{"before": ["plan"]}], "cannot come before 'plan', which is RUNNING"),
        ([{"before": [uid(3)]}], f"cannot come before {uid(3)}, which is COMPLETED"),
        ([{"name": "plan"}], f"the name 'plan' is that of node {uid(1)} of this task"),
        ([{"name": "a"}, {"name": "a"}], "the name 'a' is given to two nodes"),
        ([{"id": uid(2)}], f"node {uid(2)} exists already"),
        ([{"id": uid(50)}], f"node {uid(50)} exists already"),
        ([spec(7), spec(7)], f"node {uid(7)} is given twice"),
        ([{"name": "a", "dependencies": ["a"]}], "node 'a' depends on itself"),
        ([{"name": "a", "before": ["a"]}], "node 'a' depends on itself"),
        ([{"name": "a", "before": ["b"]}, {"name": "b", "before": ["a"]}], "form a cycle: "),
        ([{"name": "a", "dependencies": ["synthesise"], "before": ["synthesise"]}], "'a' -> 's"),
        ([{"name": "a", "dependencies": ["last"], "before": ["synthesise"]}], "'last' -> 'a'"),
        (
            [
                {"name": "a", "dependencies": ["last"]},
                {"name": "b", "dependencies": ["a"], "before": ["synthesise"]},
            ],
            "form a cycle: ",
        ),
    ],
)
def test_what_cannot_be_added(core: Core, nodes: list[dict[str, Any]], said: str) -> None:
    """Nothing of such a request happens, and the refusal names the nodes."""
    core.register(spec(50))
    task_id = core.register(
        spec(3),
        {"id": uid(1), "name": "plan"},
        {"id": uid(2), "name": "synthesise", "dependencies": ["plan"]},
        {"id": uid(4), "name": "middle", "dependencies": ["synthesise"]},
        {"id": uid(5), "name": "last", "dependencies": ["middle"]},
    )
    core.do("CompleteNode", **core.hold(task_id).params)
    core.hold(task_id)
    assert said in refused(core, task_id, {}, *nodes)


def test_a_cycle_names_all_its_nodes(core: Core) -> None:
    """Those that were there too, in the order in which they would wait for each other."""
    task_id = core.register(
        {"name": "first"}, {"name": "then", "dependencies": ["first"]}, {"name": "aside"}
    )
    node = {"name": "new", "dependencies": ["then", "aside"], "before": ["first"]}
    told = refused(core, task_id, node)
    assert "form a cycle: " in told
    cycle = told.split(": ")[1].split(" -> ")
    assert cycle[0] == cycle[-1]
    assert sorted(cycle[1:]) == ["'first'", "'new'", "'then'"]


def test_under_a_lease(core: Core) -> None:
    """Only while it is current; the node may be named by its name."""
    task_id = plan(core)
    held = core.hold(task_id)
    lease = {"node_id": "plan", "lease_id": held.lease_id}
    assert len(add(core, task_id, {}, lease=lease)) == 1
    core.do("ReleaseNode", **held.params)
    for stale in (lease, {**lease, "lease_id": uid(77)}):
        with pytest.raises(StaleLease):
            add(core, task_id, {}, lease=stale)
    with pytest.raises(NodeNotFound):
        add(core, task_id, {}, lease={**lease, "node_id": "nobody"})
    assert core.do("TaskStatus", task_id=task_id)["counts"]["PENDING"] == 3


def test_no_task_or_a_cancelled_one(core: Core) -> None:
    """There is nothing to add to; a paused one, or one over its budget, is added to."""
    with pytest.raises(TaskNotFound):
        add(core, uid(9), {})
    task_id = core.register(spec(1))
    core.do("PauseTask", task_id=task_id)
    core.do("SetBudget", task_id=task_id, budget={"usd": 0})
    add(core, task_id, {})
    core.do("CancelTask", task_id=task_id, reason="enough")
    with pytest.raises(TaskIsCancelled, match="enough"):
        add(core, task_id, {"dependencies": ["nobody"]}, lease={"node_id": "x", "lease_id": ID})


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"nodes": [{"depends_on": []}]}, 'there is no field "depends_on" in `$.nodes[0]`'),
        ({"nodes": [], "leese": None}, "did you mean `lease`?"),
        ({"nodes": [], "lease": {"node_id": uid(1)}}, "`$.lease.lease_id` is missing"),
        ({"nodes": [{}, {"name": uid(7)}]}, "`$.nodes[1].name`"),
        ({"nodes": [{"before": "a"}]}, "`$.nodes[0].before`"),
        ({"nodes": [{}] * 20_001}, "`$.nodes`"),
        ({}, "`$.nodes` is missing"),
    ],
)
def test_params_that_do_not_fit(core: Core, params: dict[str, Any], said: str) -> None:
    """Unknown fields of a node are refused too: nothing that was planned is lost."""
    with pytest.raises(InvalidParams) as no:
        core.do("AddNodes", task_id=plan(core), **params)
    assert said in no.value.message


def test_before_is_for_nodes_that_are_added(core: Core) -> None:
    """A registration is told that it is not known there: a planner splits its own join."""
    made = core.do("RegisterTask", goal="g", initial_nodes=[{"before": []}])
    assert 'the field "before"' in made["warnings"][0]


def test_children_and_key_of_one_that_comes_alive(core: Core) -> None:
    """What had ended bears its key again, and is cancelled with its parent again."""
    parent = core.register(spec(1))
    keyed = {"goal": "g", "dedupe_key": "k", "parent_task_id": parent, "initial_nodes": [spec(2)]}
    child = core.do("RegisterTask", **keyed)["task_id"]
    work_off(core, child)
    add(core, child, spec(3))
    assert core.do("RegisterTask", **keyed)["existing"] is True
    assert core.do("CancelTask", task_id=parent)["cancelled"] == [parent, child]


def test_time_that_is_over(core: Core) -> None:
    """A task whose time was over when it had ended is cancelled as soon as it goes on."""
    task_id = core.do("RegisterTask", goal="g", timeout_secs=1, initial_nodes=[{}])["task_id"]
    work_off(core, task_id)
    core.now += 2_000
    core.do("time_out_task", task_id=task_id)
    add(core, task_id, {})
    core.do("time_out_task", task_id=task_id)
    assert core.do("TaskStatus", task_id=task_id)["state"] == "CANCELLED"


def test_a_large_join_is_not_read(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a way leads through it is known sooner from above, where there is little."""
    ahead = range(1, 101)
    core.register(*map(spec, ahead), spec(200, *ahead), spec(201, 200))
    with core.store.read() as reader:
        monkeypatch.setattr(type(reader), "record_at", lambda *_: pytest.fail("it was read"))
        assert not queries.edges_between(reader, [uid(200)], [uid(201)])
    monkeypatch.undo()


def test_an_old_task_stays_where_it_is_listed(core: Core) -> None:
    """Those that hand out nodes are listed by their age, whenever they got them."""
    old, young = core.register(), core.register(spec(1))
    add(core, old, spec(2))
    listed = core.do("ListTasks", runnable=True)["tasks"]
    assert [task["id"] for task in listed] == [old, young]
