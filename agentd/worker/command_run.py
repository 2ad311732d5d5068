"""One run of a command on one node: what it has written so far, and what that says.

The rule this file keeps: JSON that the command writes is passed on as it stands, never decoded:
whether it is JSON is all that is looked at.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from agentd.client import AsyncLease
from agentd.client.values import is_json
from agentd.errors import LeaseLost, RequestRefused
from agentd.worker.command_result import CommandResult
from agentd.worker.kept_output import AttemptOutput
from agentd.worker.output import LineSplitter, TailBuffer

EVENT_PREFIX = b"AGENTD_EVENT "
"""A line on standard error that begins so is an event of the node."""

STDERR_BYTES = 4096
"""Bytes of standard error that a failed node keeps, the last ones."""

ShowLine = Callable[[AsyncLease, str], None]
"""Is given each line that a command writes, events apart."""


class _Event(Struct, forbid_unknown_fields=True):
    """What stands behind `EVENT_PREFIX`; any other JSON is the payload itself."""

    action_type: str | UnsetType = UNSET
    payload: Raw | UnsetType = UNSET


class CommandRun:
    """Takes the output piece by piece; when it has come to its `end`, it says what it was."""

    def __init__(self, lease: AsyncLease, show: ShowLine, kept: AttemptOutput) -> None:
        self._lease = lease
        self._show = show
        self._kept = kept
        self._result = CommandResult(kept.large_result)
        self._stderr_tail = TailBuffer(STDERR_BYTES)
        self._out = LineSplitter()
        self._err = LineSplitter()
        self._last_line = b""

    async def out(self, piece: bytes) -> None:
        """A piece of standard output."""
        self._kept.out(piece)
        self._result.feed(piece)
        for line in self._out.feed(piece):
            self._show_line(line)

    async def err(self, piece: bytes) -> None:
        """A piece of standard error."""
        self._kept.err(piece)
        await self._take_stderr_lines(self._err.feed(piece), b"\n")

    async def end(self) -> None:
        """There is no more: the last lines may lack their newlines."""
        for line in self._out.end():
            self._show_line(line)
        await self._take_stderr_lines(self._err.end(), b"")

    @property
    def stderr(self) -> str:
        """The end of standard error, without events."""
        return bytes(self._stderr_tail).decode(errors="replace")

    @property
    def last_line(self) -> bytes:
        """The last line of standard error that says something."""
        return self._last_line

    async def result(self) -> Any:
        """Standard output: JSON if it is, else text, or where it is kept.

        Raises as `CommandResult.value`.
        """
        return await self._result.value()

    async def _take_stderr_lines(self, lines: Sequence[bytes], end: bytes) -> None:
        for line in lines:
            self._last_line = line.strip() or self._last_line
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
