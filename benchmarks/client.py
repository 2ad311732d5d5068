"""Rule: what a client costs is its own processor time, apart from the daemon's and from waiting.

Processor time of the calling thread per call, through agentd's own clients: encoding, the system
calls, decoding into typed results. The dearest method of a worker counts.
"""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from time import thread_time
from typing import Any

from agentd import AsyncClient, Client
from agentd.api import AcquireNextNodeResult
from benchmarks.account import PAYLOAD
from benchmarks.daemons import agentd, fresh_home
from benchmarks.report import Row, at_most
from benchmarks.run import Run
from benchmarks.stats import median

CALLS = 500
BAR = 60.0
"""Microseconds."""

Costs = dict[str, float]
"""Microseconds of a call, by its method."""


def client(run: Run) -> list[Row]:
    """The calls of a worker: blocking, for asyncio, and with 50 events in each context."""
    with fresh_home() as home, agentd(home, events=0) as daemon:
        blocking = [_blocking_costs(daemon.socket) for _ in range(run.rounds)]
        awaited = [asyncio.run(_async_costs(daemon.socket)) for _ in range(run.rounds)]
    with fresh_home() as home, agentd(home, events=50) as daemon:
        full = [_blocking_costs(daemon.socket) for _ in range(run.rounds)]
    return [
        _row("client, processor a call", blocking),
        _row("  AsyncClient", awaited),
        _row("  with contexts of 50 events", full),
    ]


def _row(work: str, rounds: list[Costs]) -> Row:
    costs = {method: median([each[method] for each in rounds]) for method in rounds[0]}
    return at_most(work, max(costs.values()), BAR, "us", **costs)


def _blocking_costs(socket: Path) -> Costs:
    with Client(socket) as client:
        task_id = client.register_task("benchmark", initial_nodes=[{}] * CALLS).task_id
        held: list[AcquireNextNodeResult] = []

        def acquire(_: int) -> None:
            held.append(_require(client.acquire_next_node(task_id)))

        return {
            "health": _cost(lambda _: client.health()),
            "acquire": _cost(acquire),
            "heartbeat": _cost(lambda i: client.heartbeat_node(*_ids(held[i]))),
            "commit": _cost(
                lambda i: client.commit_event(
                    task_id, held[i].node_id, lease_id=held[i].lease_id, payload=PAYLOAD
                )
            ),
            "complete": _cost(lambda i: client.complete_node(*_ids(held[i]), PAYLOAD)),
        }


async def _async_costs(socket: Path) -> Costs:
    async with AsyncClient(socket) as client:
        task_id = (await client.register_task("benchmark", initial_nodes=[{}] * CALLS)).task_id
        held: list[AcquireNextNodeResult] = []

        async def acquire(_: int) -> None:
            held.append(_require(await client.acquire_next_node(task_id)))

        return {
            "health": await _cost_async(lambda _: client.health()),
            "acquire": await _cost_async(acquire),
            "heartbeat": await _cost_async(lambda i: client.heartbeat_node(*_ids(held[i]))),
            "commit": await _cost_async(
                lambda i: client.commit_event(
                    task_id, held[i].node_id, lease_id=held[i].lease_id, payload=PAYLOAD
                )
            ),
            "complete": await _cost_async(lambda i: client.complete_node(*_ids(held[i]), PAYLOAD)),
        }


def _cost(call: Callable[[int], object]) -> float:
    began = thread_time()
    for number in range(CALLS):
        call(number)
    return (thread_time() - began) / CALLS * 1e6


async def _cost_async(call: Callable[[int], Coroutine[Any, Any, object]]) -> float:
    began = thread_time()
    for number in range(CALLS):
        await call(number)
    return (thread_time() - began) / CALLS * 1e6


def _ids(held: AcquireNextNodeResult) -> tuple[str, str, str]:
    return held.task_id, held.node_id, held.lease_id


def _require(acquired: AcquireNextNodeResult | None) -> AcquireNextNodeResult:
    assert acquired is not None, "the task has a node for every call"
    return acquired
