"""The client for asyncio.

The rule this file keeps: all calls of one event loop share one connection. The daemon answers in
the order of the requests, so each answer belongs to the call that has waited longest; a call that
gives up leaves its place in that order behind.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import msgspec

from agentd import config
from agentd.api import AcquireNextNodeResult
from agentd.client import requests
from agentd.client.answers import decoded
from agentd.client.async_lease import AsyncLease
from agentd.client.binding import bound
from agentd.client.blocking import Client
from agentd.client.heartbeats import Heartbeats
from agentd.client.repeats import UNANSWERED, calm, gave_up, is_repeatable, still_trying, waits
from agentd.client.requests import Request
from agentd.client.stream import Stream
from agentd.client.unreachable import cannot_connect
from agentd.client.values import encoded, value_of
from agentd.errors import DaemonUnreachable

Result = TypeVar("Result")
P = ParamSpec("P")


def _awaited(
    build: Callable[P, Request[Result]],
) -> Callable[Concatenate["AsyncClient", P], Coroutine[Any, Any, Result]]:
    """A method of `AsyncClient` that sends what `build` makes."""

    async def method(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> Result:
        return await self.ask(build(*args, **kwargs))

    return bound(method, build)


class AsyncClient:
    """A client of the daemon for asyncio: the methods of `Client`, to be awaited.

    See `Client` for the arguments and for what is raised. For one event loop at a time.
    """

    describe_interface = _awaited(requests.describe_interface)
    health = _awaited(requests.health)
    metrics = _awaited(requests.metrics)
    register_task = _awaited(requests.register_task)
    acquire_next_node = _awaited(requests.acquire_next_node)
    commit_event = _awaited(requests.commit_event)
    heartbeat_node = _awaited(requests.heartbeat_node)
    complete_node = _awaited(requests.complete_node)
    fail_node = _awaited(requests.fail_node)
    task_status = _awaited(requests.task_status)
    list_tasks = _awaited(requests.list_tasks)
    task_events = _awaited(requests.task_events)

    def __init__(self, socket_path: str | Path | None = None, timeout: float = 30.0) -> None:
        self.socket_path = Path(socket_path or config.load().socket_path)
        self.timeout = timeout
        self._path = str(self.socket_path)
        self._opening: asyncio.Task[Stream] | None = None
        self._stream: Stream | None = None
        # Heartbeats must not wait for a handler that blocks the event loop.
        self._beside = Client(self.socket_path, timeout)
        self._heartbeats = Heartbeats(self._beside.ask)

    async def ask(self, request: Request[Result]) -> Result:
        """The typed answer to a request that may be repeated."""
        line = requests.line(request.method, request.params)
        try:
            answer = await self._answer(line, repeat=True)
        except UNANSWERED as error:
            calm(error, request.method)
            raise
        return decoded(answer, request.result)

    async def call(
        self, method: str, params: Mapping[str, Any] | msgspec.Struct | None = None
    ) -> Any:
        """The decoded result of one request, whatever its method: see `Client.call`."""
        result = await self.raw_call(method, params)
        return value_of(result, f"the result of {method}", "client.raw_call(...)")

    async def raw_call(
        self, method: str, params: Mapping[str, Any] | msgspec.Struct | None = None
    ) -> bytes:
        """As `call`, but the result is JSON as the daemon wrote it."""
        line = requests.line(method, encoded(params or {}, "$"))
        try:
            answer = await self._answer(line, repeat=is_repeatable(method, params))
        except UNANSWERED as error:
            calm(error, method)
            raise
        return bytes(decoded(answer, msgspec.Raw))

    def lease(self, acquired: AcquireNextNodeResult) -> AsyncLease:
        """Hold an acquired node for the length of an `async with` block: see `AsyncLease`."""
        return AsyncLease(acquired, self._ask_patiently, self._heartbeats)

    async def close(self) -> None:
        """Close the connection; the next call opens another."""
        opening, self._opening, self._stream = self._opening, None, None
        if opening is not None and not opening.done():
            opening.add_done_callback(_close)
        elif opening is not None:
            _close(opening)
        self._beside.close()

    async def _ask_patiently(self, request: Request[Result]) -> Result:
        """As `ask`, where work is at stake: a daemon that is not there is waited for."""
        line = requests.line(request.method, request.params)
        return decoded(await self._answer(line, repeat=True, patient=True), request.result)

    async def _answer(self, line: bytes, *, repeat: bool, patient: bool = False) -> bytes:
        """The line that answers this one, sent again after a lost connection where it may be."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.timeout
        stream, lost = self._stream, None
        if stream is not None and stream.is_open_in(loop):
            try:
                return await stream.exchange(line, deadline, self.timeout)
            except DaemonUnreachable as error:
                lost = still_trying(error, None, repeat=repeat, patient=patient)
        for wait in waits():
            if lost is not None:
                await asyncio.sleep(max(min(wait, deadline - loop.time()), 0))
            if loop.time() >= deadline and lost is not None:
                raise gave_up(lost, self.timeout)
            try:
                stream = await self._connected(loop, deadline)
                return await stream.exchange(line, deadline, self.timeout)
            except DaemonUnreachable as error:
                lost = still_trying(error, lost, repeat=repeat, patient=patient)
        raise AssertionError  # waits() has no end

    async def _connected(self, loop: asyncio.AbstractEventLoop, deadline: float) -> Stream:
        """The connection of this event loop, made by the first call that needs it."""
        opening = self._opening
        if opening is None or opening.get_loop() is not loop or _has_ended(opening):
            opening = self._opening = loop.create_task(Stream.connect(self._path))
            opening.add_done_callback(_is_usable)  # looks at its error: nobody may wait for it
        try:
            async with asyncio.timeout_at(deadline):
                self._stream = await asyncio.shield(opening)
        except TimeoutError as error:
            raise cannot_connect(self._path, error) from error
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
