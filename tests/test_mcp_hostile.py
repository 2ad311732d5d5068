"""Tool calls that mean something else than they say, and values that are too large for a model."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from agentd import AsyncClient
from tests.daemon_process import Connection
from tests.mcp_play import played, playing

if TYPE_CHECKING:
    from agentd.client.requests.request import Request
    from agentd.mcp.agent import Agent

MOST_CHARACTERS = 60_000
"""Of an answer: some clients hand no more than 25,000 tokens to their model."""


pytestmark = pytest.mark.usefixtures("here")


@played
async def test_a_name_that_is_part_of_an_id() -> None:
    """A node that is not held is not taken for a held one, though that one's id begins so."""
    async with playing() as player:
        nodes: dict[str, Any] = {"build": {}, **{character: {} for character in "0123456789abcdef"}}
        await player.call("register_plan", plan={"goal": "g", "nodes": nodes})
        held = (await player.call("acquire_node", task="@", node="build"))["node_id"]
        for name in (held[0], held[-1]):
            told = await player.refused("complete_node", node=name)
            assert f'you hold no node "{name}", but build' in told
        ended = await player.call("complete_node", node=held[-8:])
    assert ended["node"] == "build"


@played
async def test_a_name_that_only_the_payload_has(connection: Connection) -> None:
    """A node is found by the name that it is shown under, and one of two that share one is not."""
    nodes = [{"payload_schema": {"name": name}} for name in ("my node", "x", "x")]
    task = connection.call("RegisterTask", goal="g", initial_nodes=nodes)["task_id"]
    async with playing() as player:
        shown = await player.call("show_task", task=task)
        given = await player.call("acquire_node", task=task, node=shown["nodes"][0]["node"])
        told = await player.refused("show_node", task=task, node="x")
    assert given["node"] == "my node"
    assert "several nodes are meant by 'x'" in told


@pytest.mark.parametrize(
    ("tool", "arguments", "then"),
    [
        ("show_task", {"task": "no id"}, "correct the arguments and call again"),
        ("add_nodes", {"nodes": [{"name": "a"}]}, "correct the arguments and call again"),
        ("register_plan", {"plan": "goal: g"}, "correct the arguments and call again"),
        ("acquire_node", {"node": "a"}, "correct the arguments and call again"),
        ("acquire_lock", {"key": "file:"}, "correct the arguments and call again"),
        ("complete_node", {}, "acquire_node gives you a node; show_node says what became of one"),
    ],
)
@played
async def test_a_slip_of_its_own_is_its_own_to_mend(
    tool: str, arguments: dict[str, Any], then: str
) -> None:
    """No person is asked to look after the daemon because of what a model gave to a tool."""
    async with playing() as player:
        told = await player.refused(tool, **arguments)
    assert told.splitlines()[-1] == f"next: {then}"


# Locks of one's own


@played
async def test_a_shared_lock_is_no_exclusive_one() -> None:
    """Who holds it shared is not told that it is alone; whoever is alone may share."""
    async with playing() as player:
        await player.call("acquire_lock", key="file:/a", shared=True)
        more = await player.call("acquire_lock", key="file:/a", wait_secs=2)
        await player.call("release_lock", key="file:/a")
        await player.call("acquire_lock", key="file:/a")
        less = await player.call("acquire_lock", key="file:/a", shared=True)
    assert not more["held"]
    assert more["hint"] == (
        "you hold the lock on file:/a yourself, which is in its way: release that first"
    )
    assert less["held"]


@played
async def test_nobody_waits_for_itself() -> None:
    """A lock of one's own that is in the way is told at once, and so is one of one's node."""
    async with playing() as player:
        nodes = {"a": {"locks": ["file:/b/c"]}}
        await player.call("register_plan", plan={"goal": "g", "nodes": nodes})
        await player.call("acquire_lock", key="file:/a/b")
        await player.call("acquire_node", task="@")
        over = await player.call("acquire_lock", key="dir:/a", wait_secs=2)
        with_node = await player.call("acquire_lock", key="file:/b/c")
    assert "file:/a/b yourself" in over["hint"]
    assert with_node["hint"] == "yours already, with the node that you hold: file:/b/c"


# Calls that end early


class SlowLooks(AsyncClient):
    """Looks at no node before it may."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = asyncio.Event()

    async def ask(self, request: Request[Any]) -> Any:
        """The answer, but for a look."""
        if request.method == "NodeStatus":
            self.looks.set()
            await asyncio.get_running_loop().create_future()
        return await super().ask(request)


@pytest.mark.parametrize("tool", ["acquire_node", "complete_node"])
@played
async def test_cancelled_while_its_inputs_are_looked_at(tool: str, connection: Connection) -> None:
    """A node that was granted, but never handed to its agent, is given back."""
    async with playing() as player:
        plan = {"goal": "g", "nodes": {"a": {}, "b": {"needs": "a"}}}
        task = (await player.call("register_plan", plan=plan))["task"]
        await player.call("acquire_node", task=task)
        if tool == "acquire_node":
            await player.call("complete_node")
        arguments = {"task": task, **({"acquire_next": True} if tool == "complete_node" else {})}
        first, player.agent.client = player.agent.client, SlowLooks()
        calling = asyncio.ensure_future(player.call(tool, **arguments))
        await player.agent.client.looks.wait()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        await player.call("show_task", task=task)
        await player.agent.grants.settled()
        assert not player.agent.held
        node = connection.call("NodeStatus", task_id=task, node_id="b")
        await first.close()
    assert node["node"]["status"] == "PENDING"
    assert node["attempts"][0]["error"] == "its agent no longer waited for it"


class HeartbeatAtTheEnd(AsyncClient):
    """Has a heartbeat refused just after the node has ended."""

    def __init__(self, agent: Agent) -> None:
        super().__init__()
        self._agent = agent

    async def ask(self, request: Request[Any]) -> Any:
        """The answer; then the heartbeat's, of what was held."""
        answer = await super().ask(request)
        if request.method == "CompleteNode":
            for held in self._agent.held:
                self._agent.held.lose(held, "it is COMPLETED")
        return answer


@played
async def test_an_end_of_ones_own_is_no_news() -> None:
    """Who completes a node is not told to drop the work on it, whatever a heartbeat met."""
    async with playing() as player:
        await player.call("register_plan", plan={"goal": "g", "nodes": {"a": {}}})
        await player.call("acquire_node", task="@")
        first, player.agent.client = player.agent.client, HeartbeatAtTheEnd(player.agent)
        ended = await player.call("complete_node")
        await first.close()
    assert ended == {"node": "a", "status": "COMPLETED"}


# Values that are too large


@played
async def test_all_of_it_is_large(connection: Connection) -> None:
    """However long goals, names, owners and lists are, a model is shown what it can afford."""
    large = "x" * 100_000
    nodes: dict[str, Any] = {f"n{number}": {} for number in range(1_000)}
    nodes["join"] = {"needs": [*nodes]}
    named = {"name": large}
    async with playing() as player:
        made = await player.call("register_plan", plan={"goal": large, "nodes": nodes})
        task = made["task"]
        connection.call("AcquireNextNode", task_id=task, node_id="n0", lease_owner=large)
        given = await player.call("acquire_node", task=task)
        nameless = [{"payload_schema": named}]
        unnamed = connection.call("RegisterTask", goal="g", initial_nodes=nameless)["task_id"]
        for answer in (
            made,
            given,
            await player.call("show_node", task=task, node="join"),
            await player.call("show_node", task=task, node="n0"),
            await player.call("show_task", task=task, after_seq=0),
            await player.call("show_task", task=task, offset=980),
            await player.refused("register_plan", plan={"nodes": {"a": {"payload": named}}}),
            await player.call("register_plan", plan={"goal": "g", "nodes": [named]}),
            await player.call("acquire_node", task=unnamed),
            await player.call("show_task", task=unnamed),
        ):
            assert len(json.dumps(answer)) < MOST_CHARACTERS
    assert given["goal"].endswith(" … (cut, 100,000 characters)")


@played
async def test_inputs_share_their_room() -> None:
    """Of twenty large results each shows a part, and says where the rest is."""
    names = [f"n{number}" for number in range(20)]
    nodes: dict[str, Any] = {name: {} for name in names}
    nodes["join"] = {"needs": names}
    async with playing() as player:
        await player.call("register_plan", plan={"goal": "g", "nodes": nodes})
        await player.call("acquire_node", task="@")
        for _ in names:
            ended = await player.call("complete_node", result="y" * 10_000, acquire_next=True)
    inputs = ended["next"]["from_others"]["inputs"]
    assert [*inputs] == names
    assert all("part 'result'" in each for each in inputs.values())
    assert len(json.dumps(ended)) < MOST_CHARACTERS
