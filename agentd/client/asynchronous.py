"""The client for asyncio.

The rule this file keeps: all calls of one event loop share one connection. The daemon answers in
the order of the requests, so each answer belongs to the call that has waited longest; a call that
gives up leaves its place in that order behind. A call that lets the daemon wait has a connection of
its own: nothing must wait behind it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, Unpack

import msgspec

from agentd.api import AcquireNextNodeResult
from agentd.client.address import Address, UnixAddress, address_of
from agentd.client.answers import decode_answer
from agentd.client.async_lease import AsyncLease
from agentd.client.async_lock import AsyncLock
from agentd.client.base_lock import LockFields
from agentd.client.binding import bind
from agentd.client.blocking import Client
from agentd.client.heartbeats import Heartbeats
from agentd.client.repeats import OUTCOME_UNKNOWN, Repeats, is_repeatable, omit_unknown_outcome
from agentd.client.requests import (
    control,
    daemon,
    endings,
    events,
    explain,
    forks,
    gates,
    growth,
    imports,
    leases,
    limits,
    locks,
    nodes,
    registration,
    retries,
    tasks,
    updates,
    workers,
)
from agentd.client.requests.request import Request, request_line, wait_secs
from agentd.client.stream import Stream
from agentd.client.values import decode_value, encode
from agentd.client.waiting_streams import WaitingStreams
from agentd.errors import DaemonUnreachable

Result = TypeVar("Result")
P = ParamSpec("P")


def _async_method(
    build: Callable[P, Request[Result]],
) -> Callable[Concatenate["AsyncClient", P], Coroutine[Any, Any, Result]]:
    """A method of `AsyncClient` that sends what `build` makes."""

    async def method(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> Result:
        return await self.ask(build(*args, **kwargs))

    return bind(method, build)


class AsyncClient:
    """A client of the daemon for asyncio: the methods of `Client`, to be awaited.

    See `Client` for the arguments and for what is raised. For one event loop at a time.
    """

    describe_interface = _async_method(daemon.describe_interface)
    health = _async_method(daemon.health)
    metrics = _async_method(daemon.metrics)
    register_task = _async_method(registration.register_task)
    acquire_next_node = _async_method(leases.acquire_next_node)
    commit_event = _async_method(events.commit_event)
    heartbeat_node = _async_method(leases.heartbeat_node)
    complete_node = _async_method(endings.complete_node)
    fail_node = _async_method(endings.fail_node)
    task_status = _async_method(tasks.task_status)
    list_tasks = _async_method(tasks.list_tasks)
    task_events = _async_method(events.task_events)
    release_node = _async_method(endings.release_node)
    retry_node = _async_method(retries.retry_node)
    node_status = _async_method(nodes.node_status)
    cancel_task = _async_method(control.cancel_task)
    pause_task = _async_method(control.pause_task)
    resume_task = _async_method(control.resume_task)
    set_budget = _async_method(control.set_budget)
    acquire_nodes = _async_method(leases.acquire_nodes)
    heartbeat_nodes = _async_method(leases.heartbeat_nodes)
    watch_events = _async_method(events.watch_events)
    list_workers = _async_method(workers.list_workers)
    update_node = _async_method(updates.update_node)
    set_limit = _async_method(limits.set_limit)
    close_limit = _async_method(limits.close_limit)
    list_limits = _async_method(limits.list_limits)
    explain_node = _async_method(explain.explain_node)
    explain_task = _async_method(explain.explain_task)
    add_nodes = _async_method(growth.add_nodes)
    fork_task = _async_method(forks.fork_task)
    import_task = _async_method(imports.import_task)
    list_gates = _async_method(gates.list_gates)
    decide_gate = _async_method(gates.decide_gate)
    acquire_resource_lock = _async_method(locks.acquire_resource_lock)
    heartbeat_resource_lock = _async_method(locks.heartbeat_resource_lock)
    release_resource_lock = _async_method(locks.release_resource_lock)
    list_resource_locks = _async_method(locks.list_resource_locks)

    def __init__(
        self, socket_path: str | Path | Address | None = None, timeout: float = 30.0
    ) -> None:
        self.address = address_of(socket_path)
        self.timeout = timeout
        self._opening: asyncio.Task[Stream] | None = None
        self._stream: Stream | None = None
        self._waiting = WaitingStreams(self.address)
        # Heartbeats must not wait for a handler that blocks the event loop.
        self._beside = Client(self.address, timeout)
        self._heartbeats = Heartbeats(self._beside.ask)

    @property
    def socket_path(self) -> Path | None:
        """The daemon's socket; None over TCP: see `address`."""
        return Path(self.address.path) if isinstance(self.address, UnixAddress) else None

    async def ask(self, request: Request[Result]) -> Result:
        """The typed answer to a request that may be repeated."""
        line = request_line(request.method, request.params)
        try:
            answer = await self._answer(line, repeat=True, waits=wait_secs(request.params))
        except OUTCOME_UNKNOWN as error:
            omit_unknown_outcome(error, request.method)
            raise
        return decode_answer(answer, request.result)

    async def call(
        self, method: str, params: Mapping[str, Any] | msgspec.Struct | None = None
    ) -> Any:
        """The decoded result of one request, whatever its method: see `Client.call`."""
        result = await self.raw_call(method, params)
        return decode_value(result, f"the result of {method}", "client.raw_call(...)")

    async def raw_call(
        self, method: str, params: Mapping[str, Any] | msgspec.Struct | None = None
    ) -> bytes:
        """As `call`, but the result is JSON as the daemon wrote it."""
        line = request_line(method, encode(params or {}, "$"))
        try:
            repeat = is_repeatable(method, params)
            answer = await self._answer(line, repeat=repeat, waits=wait_secs(params))
        except OUTCOME_UNKNOWN as error:
            omit_unknown_outcome(error, method)
            raise
        return bytes(decode_answer(answer, msgspec.Raw))

    def lease(self, acquired: AcquireNextNodeResult) -> AsyncLease:
        """Hold an acquired node for the length of an `async with` block: see `AsyncLease`."""
        return AsyncLease(acquired, self._ask_patiently, self._heartbeats)

    def lock(self, resource_key: str, **fields: Unpack[LockFields]) -> AsyncLock:
        """Hold a lock for the length of an `async with` block: see `Client.lock`, `AsyncLock`."""
        return AsyncLock(resource_key, fields, self.ask, self._ask_patiently, self._heartbeats)

    async def close(self) -> None:
        """Close the connection; the next call opens another."""
        opening, self._opening, self._stream = self._opening, None, None
        if opening is not None and not opening.done():
            opening.add_done_callback(_close)
        elif opening is not None:
            _close(opening)
        self._waiting.close()
        self._beside.close()

    async def _ask_patiently(self, request: Request[Result]) -> Result:
        """As `ask`, where work is at stake: a daemon that is not there is waited for."""
        line = request_line(request.method, request.params)
        return decode_answer(await self._answer(line, repeat=True, patient=True), request.result)

    async def _answer(
        self, line: bytes, *, repeat: bool, patient: bool = False, waits: float = 0.0
    ) -> bytes:
        """The line that answers this one, sent again after a lost connection where it may be."""
        loop, seconds = asyncio.get_running_loop(), self.timeout + waits
        deadline = loop.time() + seconds
        stream, failure = self._stream, None
        if stream is not None and stream.is_open_in(loop) and not waits:
            try:
                return await stream.exchange(line, deadline, seconds)
            except DaemonUnreachable as error:
                failure = error
        repeats = Repeats(seconds, failure, repeat=repeat, patient=patient)
        while True:
            wait = repeats.next_wait(deadline - loop.time())
            if repeats.has_lost:
                await asyncio.sleep(wait)
            repeats.check_time(deadline - loop.time())
            try:
                if waits:
                    return await self._waiting.exchange(line, deadline, seconds)
                stream = await self._connect(loop, deadline)
                return await stream.exchange(line, deadline, seconds)
            except DaemonUnreachable as error:
                repeats.record(error)

    async def _connect(self, loop: asyncio.AbstractEventLoop, deadline: float) -> Stream:
        """The connection of this event loop, made by the first call that needs it."""
        opening = self._opening
        if opening is None or opening.get_loop() is not loop or _has_ended(opening):
            opening = self._opening = loop.create_task(Stream.connect(self.address))
            opening.add_done_callback(_is_usable)  # looks at its error: nobody may wait for it
        try:
            async with asyncio.timeout_at(deadline):
                self._stream = await asyncio.shield(opening)
        except TimeoutError as error:
            raise self.address.connect_error(error) from error
        return self._stream

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _is_usable(opening: "asyncio.Task[Stream]") -> bool:
    made = opening.done() and not opening.cancelled() and opening.exception() is None
    return made and opening.result().is_open


def _close(opening: "asyncio.Task[Stream]") -> None:
    if _is_usable(opening):
        opening.result().close()


def _has_ended(opening: "asyncio.Task[Stream]") -> bool:
    return opening.done() and not _is_usable(opening)
