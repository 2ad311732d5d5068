"""Nodes that a program adds to a task, by both clients and under a lease."""

import asyncio
from typing import Any

import msgspec
import pytest

from agentd import AsyncClient, Client
from agentd.api import AddedNodeSpec, NodeSpec
from agentd.errors import InvalidGraph, InvalidParams, LeaseLost
from tests.clients import each_client
from tests.daemon_process import DaemonProcess

PLAN: list[dict[str, Any]] = [{"name": "plan"}, {"name": "join", "dependencies": ["plan"]}]


@each_client
def test_nodes_in_every_form(shared: DaemonProcess, opened: Any) -> None:
    """Mappings and both kinds of specs; the caller's own are left as they are."""
    with opened(shared.socket_path) as client:
        task_id = client.register_task("g", initial_nodes=PLAN).task_id
        spec = AddedNodeSpec(name="b", before=["join"], payload_schema=msgspec.Raw(b'{"x":1}'))
        nodes = [{"name": "a", "before": ("join",)}, spec, NodeSpec(name="c", dependencies=["a"])]
        added = client.add_nodes(task_id, nodes).node_ids
        shown = client.task_status(task_id).nodes
        assert [node.id for node in shown[2:]] == added
        assert shown[1].dependencies == [shown[0].id, *added[:2]]
        assert bytes(shown[3].payload_schema) == b'{"x":1}'
        assert spec == AddedNodeSpec(
            name="b", before=["join"], payload_schema=msgspec.Raw(b'{"x":1}')
        )


@each_client
def test_what_is_refused(shared: DaemonProcess, opened: Any) -> None:
    """Fields that no node has are told before anything is sent, and so is a lease that is none."""
    with opened(shared.socket_path) as client:
        task_id = client.register_task("g", initial_nodes=PLAN).task_id
        with pytest.raises(TypeError, match=r"nodes\[0\] has no field 'befor' \(did you mean bef"):
            client.add_nodes(task_id, [{"befor": []}])
        with pytest.raises(TypeError, match=r"initial_nodes\[0\] has no field 'before'"):
            client.register_task("g", initial_nodes=[AddedNodeSpec(before=["x"])])
        with pytest.raises(InvalidParams, match=r"AddNodes: `\$.lease`"):
            client.add_nodes(task_id, [], lease={"lease": "x"})
        with pytest.raises(InvalidParams, match=r"AddNodes: `\$.nodes\[0\].name`"):
            client.add_nodes(task_id, [{"name": ""}])
        with pytest.raises(InvalidGraph, match="'nobody'"):
            client.add_nodes(task_id, [{"before": ["nobody"]}])


def test_under_a_lease(shared: DaemonProcess) -> None:
    """A planner adds nodes while it holds its own; with the lease gone, nothing is added."""
    with Client(shared.socket_path) as client:
        task_id = client.register_task("g", initial_nodes=PLAN).task_id
        acquired = client.acquire_next_node(task_id)
        assert acquired is not None
        with client.lease(acquired) as lease:
            added = lease.add_nodes([{"dependencies": ["plan"], "before": ["join"]}])
        assert [node.id for node in client.task_status(task_id).nodes][2:] == added.node_ids
        acquired = client.acquire_next_node(task_id)
        assert acquired is not None
        assert acquired.node_id == added.node_ids[0]
        lease = client.lease(acquired)
        client.release_node(acquired.task_id, acquired.node_id, acquired.lease_id)
        with pytest.raises(LeaseLost):
            lease.add_nodes([{}])
        assert len(client.task_status(task_id).nodes) == 3


def test_under_a_lease_in_asyncio(shared: DaemonProcess) -> None:
    """The same, awaited."""

    async def plan() -> tuple[list[str], list[str]]:
        async with AsyncClient(shared.socket_path) as client:
            task_id = (await client.register_task("g", initial_nodes=PLAN)).task_id
            acquired = await client.acquire_next_node(task_id)
            assert acquired is not None
            async with client.lease(acquired) as lease:
                added = await lease.add_nodes([{"before": ["join"]}])
            return added.node_ids, (await client.task_status(task_id)).nodes[1].dependencies[1:]

    added, waited_for = asyncio.run(plan())
    assert added == waited_for
