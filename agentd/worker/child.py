"""A command that runs as a child process in a session of its own.

The rule this file keeps: whoever waits for it waits for the command alone. Helpers that it leaves
behind may hold its pipes open; they are listened to for a moment more, no longer. That is why this
is not asyncio's own subprocess, whose `wait` waits for the pipes as well (CPython issue 119710).
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import IO

Sink = Callable[[bytes], Awaitable[None]]
"""Takes a piece of output; while it does, no more is read, so a flood waits in the pipe."""

GRACE = 5.0
"""Seconds between the polite signal (SIGTERM) and the firm one (SIGKILL)."""

_LAST_WORDS = 1.0
"""Seconds for which helpers that outlive the command are listened to."""

_PIECE = 64 * 1024


class Child:
    """A running command. Raises `OSError` where it cannot be started."""

    def __init__(
        self, command: Sequence[str], stdin: bytes, environment: Mapping[str, str]
    ) -> None:
        """`stdin` is all that it can read there; it is a file, so nobody waits for the reading."""
        with tempfile.TemporaryFile() as file:
            file.write(stdin)
            file.seek(0)
            self._process = subprocess.Popen(  # noqa: S603 - the command is the user's own
                command,
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
        loop = asyncio.get_running_loop()
        self._exited: asyncio.Future[int] = loop.create_future()
        threading.Thread(target=self._wait, args=(loop,), daemon=True).start()

    async def run(self, out: Sink, err: Sink) -> int:
        """Its exit code, negative the number of the signal that ended it. Cancelled, it ends it."""
        assert self._process.stdout is not None  # noqa: S101 - both are pipes
        assert self._process.stderr is not None  # noqa: S101
        readers = [
            asyncio.create_task(_read(self._process.stdout, out)),
            asyncio.create_task(_read(self._process.stderr, err)),
        ]
        try:
            code = await asyncio.shield(self._exited)
            await asyncio.wait(readers, timeout=_LAST_WORDS)
        except asyncio.CancelledError:
            await self._end()
            await asyncio.wait(readers, timeout=_LAST_WORDS)
            raise
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
        return code

    async def _end(self) -> None:
        """Politely, and after a while or when asked again, firmly; with all that it has started."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(GRACE):
                await asyncio.shield(self._exited)
        self._signal(signal.SIGKILL)
        await self._exited

    def _signal(self, number: int) -> None:
        # Its session is its process group; the kernel reserves the number while it has members.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        code = self._process.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(self._settle, code)

    def _settle(self, code: int) -> None:
        if not self._exited.done():
            self._exited.set_result(code)


async def _read(pipe: IO[bytes], sink: Sink) -> None:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    try:
        while piece := await reader.read(_PIECE):
            await sink(piece)
    finally:
        transport.close()
