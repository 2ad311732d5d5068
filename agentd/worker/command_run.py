"""One run of a command on one node: what it has written so far, and what that says.

The rule this file keeps: JSON that the command writes is passed on as it stands, never decoded:
whether it is JSON is all that is looked at.
"""

import contextlib
import signal
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from agentd.client import AsyncLease
from agentd.client.values import is_json
from agentd.errors import LeaseLost, RequestRefused, WorkFailed
from agentd.protocol import LINE_LIMIT
from agentd.worker.output import HeadBuffer, LineSplitter, TailBuffer

EVENT_PREFIX = b"AGENTD_EVENT "
"""A line on standard error that begins so is an event of the node."""

STDERR_BYTES = 4096
"""Bytes of standard error that a failed node keeps, the last ones."""

_SIGNAL_EXIT_BASE = 128
"""A command that a signal ended has this plus its number as exit code, as shells say."""

ShowLine = Callable[[AsyncLease, str], None]
"""Is given each line that a command writes, events apart."""


class _Event(Struct, forbid_unknown_fields=True):
    """What stands behind `EVENT_PREFIX`; any other JSON is the payload itself."""

    action_type: str | UnsetType = UNSET
    payload: Raw | UnsetType = UNSET


class CommandRun:
    """Takes the output piece by piece; when it has come to its `end`, it says what it was."""

    def __init__(self, lease: AsyncLease, show: ShowLine) -> None:
        self._lease = lease
        self._show = show
        self._result = HeadBuffer(LINE_LIMIT)
        self._stderr_tail = TailBuffer(STDERR_BYTES)
        self._out = LineSplitter()
        self._err = LineSplitter()

    async def out(self, piece: bytes) -> None:
        """A piece of standard output."""
        self._result.feed(piece)
        for line in self._out.feed(piece):
            self._show_line(line)

    async def err(self, piece: bytes) -> None:
        """A piece of standard error."""
        await self._take_stderr_lines(self._err.feed(piece), b"\n")

    async def end(self) -> None:
        """There is no more: the last lines may lack their newlines."""
        for line in self._out.end():
            self._show_line(line)
        await self._take_stderr_lines(self._err.end(), b"")

    def result(self, code: int) -> Any:
        """Standard output: JSON if it is, else text.

        Raises `WorkFailed` where the exit code is not 0 (negative: the number of the signal that
        ended the command), or where the output is too long.
        """
        if code:
            raise WorkFailed(self._failure(code))
        written = bytes(self._result)
        if self._result.is_cut:
            message = (
                f"the command wrote more than {LINE_LIMIT} bytes to standard output: keep large "
                "data in a file and print its path"
            )
            raise WorkFailed({"exit_code": 0, "message": message})
        if is_json(written, "$.result_payload"):
            return Raw(written.strip())
        return written.decode(errors="replace").removesuffix("\n")

    def _failure(self, code: int) -> dict[str, Any]:
        """Exit code, signal where there was one, and the end of standard error."""
        told: dict[str, Any] = {"exit_code": code if code > 0 else _SIGNAL_EXIT_BASE - code}
        if code < 0:
            with contextlib.suppress(ValueError):  # real-time signals have no name of their own
                told["signal"] = signal.Signals(-code).name
        told["stderr"] = bytes(self._stderr_tail).decode(errors="replace")
        return told

    async def _take_stderr_lines(self, lines: Sequence[bytes], end: bytes) -> None:
        for line in lines:
            if not (line.startswith(EVENT_PREFIX) and await self._commit_if_event(line)):
                self._stderr_tail.feed(line + end)
                self._show_line(line)

    async def _commit_if_event(self, line: bytes) -> bool:
        """Whether the line is an event; what is refused is shown beside it."""
        text = line.removeprefix(EVENT_PREFIX)
        if not is_json(text, "$.payload"):
            self._show(self._lease, "the next line is no event: what it has is not JSON")
            return False
        action_type, payload = parse_event(text)
        try:
            await self._lease.commit(action_type, payload)
        except LeaseLost as lost:
            self._lease.drop(str(lost))
        except RequestRefused as refusal:
            self._show(self._lease, f"the event was refused: {refusal.message}")
        return True

    def _show_line(self, line: bytes) -> None:
        self._show(self._lease, line.decode(errors="replace").rstrip("\r"))


def parse_event(text: bytes) -> tuple[str, Raw]:
    """Action type and payload of an event that is JSON, the payload byte for byte."""
    try:
        event = msgspec.json.decode(text, type=_Event)
    except msgspec.ValidationError:
        event = _Event()
    if event == _Event():
        event.payload = Raw(text.strip())
    return event.action_type or "COMMIT_EVENT", event.payload or Raw(b"null")
