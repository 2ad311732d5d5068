"""Runs a command of the user's, once for each thing that it is told.

The rules this file keeps: it never raises and never lasts: what takes longer than it may is killed
with all that it started. Of what it says only the end is kept, for the log; what it leaves behind
in the background is not waited for.
"""

import asyncio
import contextlib
import os
import signal
from subprocess import DEVNULL, PIPE
from typing import cast

from agentd.config.server import environment_for_commands
from agentd.daemon.log import RateLimitedLog

SHELL = "/bin/sh"
STDERR = 2

LONGEST_RUN_SECONDS = 10.0

_SAID_BYTES = 1_000
"""Of its standard error, for the log."""

_DEATH_SECONDS = 1.0
"""What is killed is gone at once, unless a disk or a network drive holds it."""

_LISTEN_SECONDS = 1.0
"""For what it said when it has ended: the news of its end may come first."""

_FAILURES_SECONDS = 60.0
"""At most so often the log says that it failed."""


class Hook:
    """A command for `sh -c`, one process at a time; what it is told is on its standard input."""

    def __init__(
        self, variable: str, command: str, longest_seconds: float = LONGEST_RUN_SECONDS
    ) -> None:
        """`variable` is what the log calls it."""
        self._variable = variable
        self._command = command
        self._longest = longest_seconds
        self._failures = RateLimitedLog(_FAILURES_SECONDS)

    async def run(self, told: bytes) -> None:
        """Run it to its end, or to the end of its time; its failure is logged, seldom."""
        loop = asyncio.get_running_loop()
        try:
            _, process = await loop.subprocess_exec(
                lambda: _Process(told),
                *(SHELL, "-c", self._command),
                env=environment_for_commands(os.environ),
                stdin=PIPE,
                stdout=DEVNULL,
                stderr=PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            self._failures.warning("%s could not be run: %s", self._variable, error)
            return
        try:
            async with asyncio.timeout(self._longest):
                await process.exited.wait()
        except TimeoutError:
            self._failures.warning(
                "%s was killed: it took more than %g seconds", self._variable, self._longest
            )
        else:
            if code := process.code:
                ended = f"exit code {code}" if code > 0 else f"signal {-code}"
                said = await process.said()
                self._failures.warning("%s failed (%s): %s", self._variable, ended, said)
        finally:
            await process.end()


class _Process(asyncio.SubprocessProtocol):
    """One run of it."""

    def __init__(self, told: bytes) -> None:
        self.exited = asyncio.Event()
        self._said_all = asyncio.Event()
        self.code = 0
        self._told = told
        self._said = b""
        self._transport: asyncio.SubprocessTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Cast, because those of uvloop are of no such class.
        self._transport = cast("asyncio.SubprocessTransport", transport)
        stdin = self._stdin(self._transport)
        stdin.write(self._told)
        stdin.close()  # once it is written

    def pipe_data_received(self, _fd: int, data: bytes) -> None:
        self._said = (self._said + data)[-_SAID_BYTES:]

    def process_exited(self) -> None:
        self.code = (self._transport and self._transport.get_returncode()) or 0
        self.exited.set()

    def pipe_connection_lost(self, fd: int, _error: Exception | None) -> None:
        if fd == STDERR:
            self._said_all.set()

    async def said(self) -> str:
        """The last that it said; what it has left in the background is not listened to for long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._said_all.wait(), _LISTEN_SECONDS)
        return self._said.decode(errors="replace").strip() or "it said nothing"

    async def end(self) -> None:
        """Kill it with all that it started, where it has not ended, and let go of its pipes."""
        transport = self._transport
        if transport is None:
            return
        if not self.exited.is_set():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(transport.get_pid(), signal.SIGKILL)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.exited.wait(), _DEATH_SECONDS)
        if (stdin := self._stdin(transport)).get_write_buffer_size():
            stdin.abort()  # else what nobody read is kept for as long as the pipe is held
        transport.close()

    def _stdin(self, transport: asyncio.SubprocessTransport) -> asyncio.WriteTransport:
        return cast("asyncio.WriteTransport", transport.get_pipe_transport(0))
