"""What an agent does by tool calls: it plans, and works through what was planned."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.daemon_process import Connection
from tests.mcp_play import CURRENT, PLAN, PREVIOUS, played, playing

pytestmark = pytest.mark.usefixtures("here")


# Plans


@played
async def test_a_plan_as_text() -> None:
    """YAML is read as `agentd task register` reads it; the waves say what runs at once."""
    async with playing() as player:
        made = await player.call("register_plan", plan=PLAN)
        shown = await player.call("show_task", task=made["task"])
    assert made["waves"] == [["build"], ["test"], ["ship"]]
    assert made["registered"]
    assert [each["node"] for each in shown["nodes"]] == ["build", "test", "ship"]


@played
async def test_a_plan_as_an_object() -> None:
    """A model may give the plan as the object that it is."""
    async with playing() as player:
        made = await player.call("register_plan", plan={"goal": "g", "nodes": [{"name": "a"}]})
    assert made["waves"] == [["a"]]


@played
async def test_a_dry_run(connection: Connection) -> None:
    """It shows the plan and sends nothing."""
    async with playing() as player:
        made = await player.call(
            "register_plan", plan="goal: unheard of\nnodes: [{name: a}]", dry_run=True
        )
    assert not made["registered"]
    assert connection.call("ListTasks", goal_contains="unheard of")["tasks"] == []


@played
async def test_a_plan_with_faults() -> None:
    """All of them are told, each with its line, and nothing is registered."""
    async with playing() as player:
        told = await player.refused("register_plan", plan="nodes:\n  a: {needs: [b]}\n")
    assert "`goal` is missing" in told
    assert "line 2, node 'a'" in told
    assert told.startswith("register_plan did nothing.\nwhy: ")


@played
async def test_a_plan_with_a_key() -> None:
    """While a task goes on that has the key, that one is the answer."""
    async with playing() as player:
        first = await player.call("register_plan", plan=PLAN, key="nightly")
        again = await player.call("register_plan", plan=PLAN, key="nightly")
    assert again["task"] == first["task"]
    assert again["existing"]
    assert not again["registered"]


@played
async def test_a_plan_grows() -> None:
    """Nodes are added to the task whose node is held, and are named as they were written."""
    async with playing() as player:
        task = await player.register()
        await player.call("acquire_node", task=task)
        added = await player.call("add_nodes", nodes={"nodes": {"docs": {"needs": "build"}}})
        shown = await player.call("show_task", task=task)
    assert added == {"task": task, "added": True, "nodes": ["docs"]}
    assert "docs" in [each["node"] for each in shown["nodes"]]


# Work


@pytest.mark.parametrize("mode", [CURRENT, PREVIOUS])
@played
async def test_a_node_from_its_begin_to_its_end(mode: str) -> None:
    """A model takes a node, notes how far it is, and ends it, and never names a lease."""
    async with playing(mode) as player:
        task = await player.register()
        given = await player.call("acquire_node", task=task)
        await player.call("note_progress", note={"half": True}, checkpoint=True)
        ended = await player.call("complete_node", result={"built": 1}, acquire_next=True)
    assert given["node"] == "build"
    assert given["goal"] == "release"
    assert given["payload"] == {"make": "all", "name": "build"}
    assert ended["status"] == "COMPLETED"
    assert ended["next"]["node"] == "test"
    assert ended["next"]["from_others"]["inputs"] == {"build": {"built": 1}}


@played
async def test_who_holds_it(connection: Connection) -> None:
    """Its owner is the client's program, the folder and the process, and the lease is short."""
    async with playing() as player:
        task = await player.register()
        given = await player.call("acquire_node", task=task)
        node = connection.call("NodeStatus", task_id=task, node_id="build")["node"]
    program, folder, _ = node["lease_owner"].split("/")
    assert program == "Some-Client"
    assert folder.startswith(f"{Path.cwd().name}-")
    assert node["lease_id"] == given["lease"]
    assert node["lease_expires_at"] - node["acquired_at"] == 60


@played
async def test_what_is_held_goes_back_when_the_client_goes(connection: Connection) -> None:
    """Nodes and locks are free at once, and no attempt counts."""
    async with playing() as player:
        task = await player.register()
        await player.call("acquire_node", task=task)
        taken = await player.call("acquire_lock", key="file:held.py")
    node = connection.call("NodeStatus", task_id=task, node_id="build")
    assert node["node"]["status"] == "PENDING"
    assert node["attempts"][0]["how"] == "released"
    assert "gone" in node["attempts"][0]["error"]
    assert taken["key"] not in json.dumps(connection.call("ListResourceLocks"))


@played
async def test_the_next_agent_goes_on() -> None:
    """It finds what the one before left, and how that ended."""
    async with playing() as one:
        task = await one.register()
        await one.call("acquire_node", task=task)
        await one.call("note_progress", note={"page": 3}, checkpoint=True)
    async with playing() as two:
        given = await two.call("acquire_node", task=task)
    assert given["node"] == "build"
    assert given["from_others"]["checkpoint"] == {"page": 3}
    (before,) = given["from_others"]["earlier_attempts"]
    assert (before["how"], before["error"]) == ("released", "its agent has gone")


@played
async def test_nothing_is_runnable() -> None:
    """At once, or after the time that it waited, it is told why, and what to do."""
    async with playing() as player:
        task = await player.register("goal: g\nnodes:\n  ask: {gate: 'Really?'}")
        at_once = await player.call("acquire_node", task=task)
        later = await player.call("acquire_node", task=task, wait_secs=0.2)
    assert at_once["nothing"].startswith("nothing is runnable now: 1 nodes: ")
    assert later["nothing"].startswith("still waiting after 0.2 s: ")


@played
async def test_nothing_is_left() -> None:
    """A task that has ended is not waited for."""
    async with playing() as player:
        task = await player.register("goal: g\nnodes: [{name: only}]")
        await player.call("acquire_node", task=task)
        ended = await player.call("complete_node", acquire_next=True)
        over = await player.call("acquire_node", task=task, wait_secs=50)
    assert ended["next"]["nothing"] == "nothing is left to do: the task is COMPLETED"
    assert over["nothing"] == "nothing is left to do: the task is COMPLETED"


@pytest.mark.parametrize("mode", [CURRENT, PREVIOUS])
@played
async def test_progress_while_it_waits(mode: str, connection: Connection) -> None:
    """A client hears that the call goes on, and gets the node as soon as there is one."""
    heard = asyncio.Event()

    async def listen(progress: float, total: float | None, message: str | None) -> None:
        assert (total, message) == (50, "waiting for a node to become runnable")
        assert progress > 0
        heard.set()

    async with playing(mode) as player:
        task = await player.register("goal: g\nnodes:\n  ask: {gate: 'Q?'}\n  a: {needs: ask}")
        player_call = player.client.call_tool(
            "acquire_node", {"task": task, "wait_secs": 50}, progress_callback=listen
        )
        await player.call("show_task")  # the agent is there
        player.agent.grants.report_secs = 0.02
        calling = asyncio.ensure_future(player_call)
        await heard.wait()
        connection.call("DecideGate", task_id=task, node_id="ask", decision="approve")
        result = await calling
    assert result.structured_content is not None
    assert result.structured_content["node"] == "a"


@played
async def test_failing_and_giving_back() -> None:
    """A failure has a kind, and may be for good; what is given back is PENDING, for a while."""
    async with playing() as player:
        await player.register("goal: g\nnodes:\n  a: {attempts: 3, backoff: 1h}\n  b: {}")
        await player.call("acquire_node", task="@", node="a")
        failed = await player.call("fail_node", error="quota", kind="rate_limit")
        await player.call("acquire_node", task="@", node="b")
        later = await player.call("release_node", reason="not now", after_secs=3600)
        await player.call("acquire_node", task="@", node="b")
        shown = await player.call("show_node", task="@", node="a")
    assert failed["status"] == "PENDING"
    assert "retry_at" in failed
    assert later["status"] == "PENDING"
    assert "retry_at" in later
    assert shown["from_others"]["attempts"][0]["kind"] == "rate_limit"


@played
async def test_several_nodes_at_once() -> None:
    """Who holds several says which one, by its name or the end of its id."""
    async with playing() as player:
        await player.register("goal: g\nnodes: [{name: a}, {name: b}]")
        await player.call("acquire_node", task="@")
        second = await player.call("acquire_node", task="@")
        told = await player.refused("complete_node")
        await player.call("complete_node", node=second["node_id"][-8:])
        await player.call("complete_node")
    assert "you hold several nodes: a, b" in told


@played
async def test_a_lease_of_another_process(connection: Connection) -> None:
    """It can be named by its ids; nothing is kept alive, and nothing given back, for it."""
    async with playing() as player:
        task = await player.register()
        lease = connection.call("AcquireNextNode", task_id=task)["lease_id"]
        ended = await player.call("complete_node", task=task, node="build", lease=lease)
        alone = await player.refused("complete_node", lease=lease)
    assert ended == {"node": "build", "status": "COMPLETED"}
    assert "needs its `task` and its `node`" in alone


@played
async def test_a_lease_that_was_lost(connection: Connection) -> None:
    """The next call of any tool tells it, once, and the node is refused with the reason."""
    async with playing() as player:
        task = await player.register()
        given = await player.call("acquire_node", task=task)
        connection.call("CancelTask", task_id=task)
        (held,) = player.agent.held.nodes.values()
        player.agent.held.lose(held, "the task is cancelled")
        first = await player.call("show_task")
        second = await player.call("show_task")
        refused = await player.refused("complete_node", node=given["node"])
    (told,) = first["news"]
    assert told.startswith("You no longer hold node build of task ")
    assert "the task is cancelled" in told
    assert "news" not in second
    assert 'you no longer hold node "build": the task is cancelled' in refused


@played
async def test_a_call_with_a_stale_lease(connection: Connection) -> None:
    """What the daemon refuses is held no longer, and the model is told to drop the work."""
    async with playing() as player:
        task = await player.register()
        given = await player.call("acquire_node", task=task)
        connection.call("ReleaseNode", task_id=task, node_id="build", lease_id=given["lease"])
        connection.call("AcquireNextNode", task_id=task)
        told = await player.refused("note_progress", note="x")
        assert not player.agent.held
    assert "(stale_lease)" in told
    assert "next: drop the work; acquire_node gives you other work" in told
