"""What an agent holds by tool calls: kept while it is there, given back when nobody waits."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from agentd import AsyncClient, Client
from agentd.client.requests.leases import acquire_next_node
from agentd.mcp.agent import Agent
from agentd.mcp.grants import Grants
from tests.daemon_process import PATIENCE_SECONDS, Connection, DaemonProcess
from tests.mcp_play import CURRENT, PREVIOUS, played, playing
from tests.wire.waiting import waits

if TYPE_CHECKING:
    from pathlib import Path

    from agentd.client.requests.request import Request


pytestmark = pytest.mark.usefixtures("here")


class Silence:
    """How long an agent was silent: a clock that stands until it is set, and looks when told."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleeps = asyncio.Event()

    def clock(self) -> float:
        """Seconds."""
        return self.now

    def sleep(self, _: float) -> asyncio.Future[None]:
        """Until `look`."""
        self._look = asyncio.get_running_loop().create_future()
        self._sleeps.set()
        return self._look

    async def look(self) -> None:
        """Have the server look once, and wait until it has."""
        await self._sleeps.wait()
        self._sleeps.clear()
        self._look.set_result(None)
        await self._sleeps.wait()


@played
async def test_a_silent_agent(connection: Connection) -> None:
    """After so long without a call what it holds goes back, and its next call is told."""
    silence = Silence()

    def agent() -> Agent:
        return Agent("me", idle_secs=3600, clock=silence.clock, sleep=silence.sleep)

    async with playing(new_agent=agent) as player:
        task = (await player.call("register_plan", plan={"goal": "g", "nodes": {"a": {}}}))["task"]
        await player.call("acquire_node", task=task)
        silence.now = 3599
        await silence.look()
        kept = connection.call("NodeStatus", task_id=task, node_id="a")["node"]["status"]
        silence.now = 3600
        await silence.look()
        node = connection.call("NodeStatus", task_id=task, node_id="a")
        told = await player.call("show_task")
        refused = await player.refused("complete_node", node="a")
    assert kept == "RUNNING"
    assert node["node"]["status"] == "PENDING"
    assert node["attempts"][0]["error"] == "no call for 60 min"
    assert "no call for 60 min" in told["news"][0]
    assert "no call for 60 min" in refused


@pytest.mark.parametrize("mode", [CURRENT, PREVIOUS])
@played
async def test_a_cancelled_wait(mode: str, connection: Connection) -> None:
    """It waits no longer: what becomes runnable then is nobody's."""
    async with playing(mode) as player:
        plan = {"goal": "g", "nodes": {"ask": {"gate": "Q?"}, "a": {"needs": "ask"}}}
        task = (await player.call("register_plan", plan=plan))["task"]
        calling = asyncio.ensure_future(player.call("acquire_node", task=task, wait_secs=50))
        await asyncio.to_thread(waits, connection)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        await asyncio.to_thread(waits, connection, number=0)
        await player.agent.grants.settled()
        connection.call("DecideGate", task_id=task, node_id="ask", decision="approve")
        assert not player.agent.held
    assert connection.call("NodeStatus", task_id=task, node_id="a")["node"]["attempt"] == 0


@played
async def test_heartbeats_tell_what_is_lost(connection: Connection) -> None:
    """A lease that was revoked is found out by the next heartbeat, without a call."""
    async with playing() as player:
        task = await player.register()
        await player.call("acquire_node", task=task)
        (held,) = player.agent.held.nodes.values()
        connection.call("CancelTask", task_id=task)
        loop, lost, lose = asyncio.get_running_loop(), asyncio.Event(), held.kept.lose

        def hear(why: str) -> None:
            lose(why)
            loop.call_soon_threadsafe(lost.set)

        held.kept.lose, held.kept.due_at = hear, 0.0
        await lost.wait()
        told = await player.call("show_task")
    assert "cancelled" in told["news"][0]


@played
async def test_twenty_at_once(connection: Connection) -> None:
    """Each node is one agent's, and all is done when nothing is left for any of them."""
    done: list[str] = []

    async def work(task: str) -> None:
        async with playing() as player:
            given = await player.call("acquire_node", task=task, wait_secs=50)
            while "node" in given:
                done.append(given["node"])
                ended = await player.call("complete_node", result=given["node"], acquire_next=True)
                given = ended["next"]

    nodes: dict[str, Any] = {f"n{number}": {} for number in range(60)}
    async with playing() as planner:
        task = (await planner.call("register_plan", plan={"goal": "g", "nodes": nodes}))["task"]
    async with asyncio.TaskGroup() as agents:
        for _ in range(20):
            agents.create_task(work(task))
    assert sorted(done) == sorted(nodes)
    assert connection.call("TaskStatus", task_id=task)["counts"] == {"COMPLETED": 60}


class LosingClient(AsyncClient):
    """Is granted what it asks for, and never hears of it."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = asyncio.Event()

    async def ask(self, request: Request[Any]) -> Any:
        """The answer; the first to this kind of request is lost."""
        answer = await super().ask(request)
        if not self.lost.is_set():
            self.lost.set()
            await asyncio.get_running_loop().create_future()
        return answer


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("acquire_node", {"task": "@"}),
        ("acquire_lock", {"key": "port:80"}),
        ("complete_node", {"acquire_next": True, "node": "a"}),
    ],
)
@played
async def test_granted_to_nobody(
    tool: str, arguments: dict[str, Any], connection: Connection
) -> None:
    """A call that is cancelled when it had just been granted something leaves nothing held."""
    async with playing() as player:
        plan = {"goal": "g", "nodes": {"a": {}, "b": {}}}
        task = (await player.call("register_plan", plan=plan))["task"]
        if tool == "complete_node":
            await player.call("acquire_node", task=task, node="a")
        client = LosingClient()
        player.agent.grants = Grants(client)
        calling = asyncio.ensure_future(player.call(tool, **arguments))
        await client.lost.wait()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        await asyncio.to_thread(_until_free, connection, task)
        await player.agent.grants.settled()
        assert not player.agent.grants.pending
        await client.close()


@played
async def test_a_grant_under_way_at_the_end(connection: Connection) -> None:
    """What an agent that has gone had just been granted is given back from a thread."""
    made = connection.call("RegisterTask", goal="g", initial_nodes=[{"name": "a"}])
    agent = Agent("me")
    request = acquire_next_node(made["task_id"])
    await agent.client.ask(request)
    agent.grants.pending[str(request.params.request_id)] = request
    await asyncio.to_thread(agent.farewell)
    await agent.client.close()
    node = connection.call("NodeStatus", task_id=made["task_id"], node_id="a")
    assert node["node"]["status"] == "PENDING"
    assert node["attempts"][0]["how"] == "released"


@played
async def test_a_grant_that_comes_while_all_is_given_back(connection: Connection) -> None:
    """The event loop goes on meanwhile; what it is granted then does not outlive the server."""
    made = connection.call("RegisterTask", goal="g", initial_nodes=[{"name": "a"}])
    agent = Agent("me")

    class Pending(dict[str, Any]):
        """Requests under way, one of which has its answer as they are looked at."""

        def values(self) -> Any:
            with Client() as client:
                acquired = client.acquire_next_node(made["task_id"])
            assert acquired is not None
            agent.held.add_node(acquired, "a")
            return super().values()

    agent.grants.pending = Pending()
    await asyncio.to_thread(agent.farewell)
    await agent.client.close()
    node = connection.call("NodeStatus", task_id=made["task_id"], node_id="a")
    assert node["node"]["status"] == "PENDING"
    assert not agent.held


@played
async def test_a_daemon_that_comes_later(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are refused until it is there, and then they are not."""
    monkeypatch.setenv("AGENTD_HOME", str(home))
    async with playing() as player:
        told = await player.refused("show_task")
        with DaemonProcess(home):
            shown = await player.call("show_task")
    assert "no socket at" in told
    assert shown == {"tasks": []}


def _until_free(connection: Connection, task: str) -> None:
    """Wait until nothing of a task runs, by its events, and no lock is held."""
    seq, until = 0, time.monotonic() + PATIENCE_SECONDS
    while (
        "RUNNING" in connection.call("TaskStatus", task_id=task)["counts"]
        or connection.call("ListResourceLocks")["locks"]
    ):
        assert time.monotonic() < until, "it is held for nobody"
        seq = connection.call("WatchEvents", after_seq=seq, wait_secs=1)["last_seq"]
