"""Nodes that are held through the client, and what became of them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any

import msgspec

from agentd import AsyncClient, Client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from agentd import AsyncLease
    from agentd.api import AcquireNextNodeResult
    from tests.daemon_process import DaemonProcess

    Block = Callable[[AsyncLease], Awaitable[Any]]


def held(daemon: DaemonProcess, *nodes: Any) -> Generator[AcquireNextNodeResult, None, None]:
    """Register a task with these nodes (one, if none is named) and acquire node after node."""
    with Client(daemon.socket_path) as client:
        task_id = client.register_task("g", initial_nodes=nodes or ({},)).task_id
        while (acquired := client.acquire_next_node(task_id, lease_owner="me")) is not None:
            yield acquired


def hold(daemon: DaemonProcess, **node: Any) -> AcquireNextNodeResult:
    """The one node of a task, which has these fields, acquired."""
    with contextlib.closing(held(daemon, node)) as nodes:
        return next(nodes)


def taken(daemon: DaemonProcess, acquired: AcquireNextNodeResult) -> None:
    """Give the node to another worker, in one step: its lease has run out.

    It is done in a thread of its own, because in this one LeaseLost may be raised at any moment.
    """

    def take() -> None:
        with Client(daemon.socket_path) as other:
            other.acquire_next_node(acquired.task_id, lease_owner="another")

    taking = threading.Thread(target=take)
    taking.start()
    taking.join()


GONE = r"(lease .* is no longer current|not confirmed for 1 s: no answer)"
"""Why a lease of no length was lost: the second where a busy machine keeps all answers back."""


def left_alone(daemon: DaemonProcess, acquired: AcquireNextNodeResult) -> bool:
    """Whether nobody has ended the node: it is another's, or nobody's again."""
    status, result = outcome(daemon, acquired)
    return status in {"RUNNING", "PENDING"} and result is None


def outcome(daemon: DaemonProcess, acquired: AcquireNextNodeResult) -> tuple[str, Any]:
    """The node's status and its result, decoded."""
    with Client(daemon.socket_path) as client:
        nodes = client.task_status(acquired.task_id).nodes
    [node] = [node for node in nodes if node.id == acquired.node_id]
    return node.status, msgspec.json.decode(node.result_payload)


def actions(daemon: DaemonProcess, acquired: AcquireNextNodeResult) -> list[str]:
    """What the journal says of the task since the node was acquired."""
    with Client(daemon.socket_path) as client:
        events = client.task_events(acquired.task_id).events
    told = [event.action_type for event in events if event.node_id == acquired.node_id]
    return told[told.index("ACQUIRE_NODE") :]


def run(daemon: DaemonProcess, acquired: AcquireNextNodeResult, block: Block) -> None:
    """Run the block under the lease, in a loop of its own."""

    async def main() -> None:
        async with AsyncClient(daemon.socket_path) as client, client.lease(acquired) as lease:
            lease.result = await block(lease)

    asyncio.run(main())
