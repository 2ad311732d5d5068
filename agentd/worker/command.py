"""Makes a worker of any command: a node in on standard input, its result out on standard output.

The rule this file keeps: what the command says of itself is believed. Exit code 0 completes the
node, any other fails it; a command that cannot be started says nothing about the node, so the node
is let go of, and the worker stops. Nor does one that SIGTERM ends together with the worker: a
machine that shuts down sends it to all of its processes.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from agentd.client import AsyncLease
from agentd.errors import LeaseLost, RequestRefused, WorkFailed
from agentd.protocol import LINE_LIMIT
from agentd.worker.child import Child
from agentd.worker.output import Head, Lines, Tail

EVENT_PREFIX = b"AGENTD_EVENT "
"""A line on standard error that begins so is an event of the node."""

STDERR_KEPT = 4096
"""Bytes of standard error that a failed node keeps, the last ones."""

_SIGNALLED = 128
"""A command that a signal ended has this plus its number as exit code, as shells say."""

_TERMINATED = (-signal.SIGTERM, _SIGNALLED + signal.SIGTERM)
"""How a command ends that is told to stop: by the signal, or as a shell reports it."""

Show = Callable[[AsyncLease, str], None]
"""Is given each line that a command writes, events apart."""


class _Event(Struct, forbid_unknown_fields=True):
    """What stands behind `EVENT_PREFIX`; any other JSON is the payload itself."""

    action_type: str | UnsetType = UNSET
    payload: Raw | UnsetType = UNSET


class Command:
    """A handler for `Worker` that runs `command` once for each node."""

    def __init__(
        self,
        command: Sequence[str],
        socket_path: Path,
        show: Show,
        give_up: Callable[[OSError], None],
        is_stopping: Callable[[], bool],
    ) -> None:
        """`give_up` is told why the command cannot be started; `is_stopping` asks the worker."""
        self._command = command
        self._socket_path = socket_path
        self._show = show
        self._give_up = give_up
        self._is_stopping = is_stopping

    async def __call__(self, lease: AsyncLease) -> Any:
        """The node's result. Raises `WorkFailed` with exit code and standard error."""
        stdin = msgspec.json.encode(lease.context)
        try:
            child = Child(self._command, stdin, self._environment(lease))
        except OSError as error:
            self._give_up(error)
            raise asyncio.CancelledError from error
        run = _Run(lease, self._show)
        code = await child.run(run.out, run.err)
        await run.end()
        if code in _TERMINATED and self._is_stopping():
            raise asyncio.CancelledError
        if code:
            raise WorkFailed(run.failure(code))
        return run.result()

    def _environment(self, lease: AsyncLease) -> dict[str, str]:
        return {
            **os.environ,
            "AGENTD_TASK_ID": lease.task_id,
            "AGENTD_NODE_ID": lease.node_id,
            "AGENTD_LEASE_ID": lease.lease_id,
            "AGENTD_SOCKET_PATH": str(self._socket_path.absolute()),
        }


class _Run:
    """What one run of the command has written so far."""

    def __init__(self, lease: AsyncLease, show: Show) -> None:
        self._lease = lease
        self._show = show
        self._result = Head(LINE_LIMIT)
        self._complaints = Tail(STDERR_KEPT)
        self._out = Lines()
        self._err = Lines()

    async def out(self, piece: bytes) -> None:
        """A piece of standard output."""
        self._result.feed(piece)
        for line in self._out.feed(piece):
            self._tell(line)

    async def err(self, piece: bytes) -> None:
        """A piece of standard error."""
        await self._complain(self._err.feed(piece), b"\n")

    async def end(self) -> None:
        """There is no more: the last lines may lack their newlines."""
        for line in self._out.end():
            self._tell(line)
        await self._complain(self._err.end(), b"")

    def result(self) -> Any:
        """Standard output: JSON if it is, else text. Raises `WorkFailed` if it is too long."""
        written = bytes(self._result)
        if self._result.is_cut:
            message = (
                f"the command wrote more than {LINE_LIMIT} bytes to standard output: keep large "
                "data in a file and print its path"
            )
            raise WorkFailed({"exit_code": 0, "message": message})
        try:
            msgspec.json.decode(written)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return written.decode(errors="replace").removesuffix("\n")
        return Raw(written.strip())

    def failure(self, code: int) -> dict[str, Any]:
        """Exit code, signal where there was one, and the end of standard error."""
        told: dict[str, Any] = {"exit_code": code if code > 0 else _SIGNALLED - code}
        if code < 0:
            with contextlib.suppress(ValueError):  # real-time signals have no name of their own
                told["signal"] = signal.Signals(-code).name
        told["stderr"] = bytes(self._complaints).decode(errors="replace")
        return told

    async def _complain(self, lines: Sequence[bytes], end: bytes) -> None:
        for line in lines:
            if not (line.startswith(EVENT_PREFIX) and await self._commit(line)):
                self._complaints.feed(line + end)
                self._tell(line)

    async def _commit(self, line: bytes) -> bool:
        """Whether the line is an event; what is refused is shown beside it."""
        text = line.removeprefix(EVENT_PREFIX)
        try:
            msgspec.json.decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._show(self._lease, "the next line is no event: what it has is not JSON")
            return False
        action_type, payload = event_of(text)
        try:
            await self._lease.commit(action_type, payload)
        except LeaseLost as lost:
            self._lease.drop(str(lost))
        except RequestRefused as refusal:
            self._show(self._lease, f"the event was refused: {refusal.message}")
        return True

    def _tell(self, line: bytes) -> None:
        self._show(self._lease, line.decode(errors="replace").rstrip("\r"))


def event_of(text: bytes) -> tuple[str, Raw]:
    """Action type and payload of an event that is JSON, the payload byte for byte."""
    try:
        event = msgspec.json.decode(text, type=_Event)
    except msgspec.ValidationError:
        event = _Event()
    if event == _Event():
        event.payload = Raw(text.strip())
    return event.action_type or "COMMIT_EVENT", event.payload or Raw(b"null")
