"""A command that runs as a child process in a session of its own.

The rule this file keeps: whoever waits for it gets all that the command itself has written, however
slowly that is taken. Helpers that it leaves behind may hold its pipes open; they are listened to
for a moment more, no longer. That is why this is not asyncio's own subprocess, whose `wait` waits
for the pipes as well (CPython issue 119710).
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import termios
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import IO, TypeVar

from agentd.client.thread_signals import leave_signals_to_main_thread

Result = TypeVar("Result")
Sink = Callable[[bytes], Awaitable[None]]
"""Takes a piece of output; while it does, no more is read, so a flood waits in the pipe."""

GRACE = 5.0
"""Seconds between the polite signal (SIGTERM) and the firm one (SIGKILL)."""

_HELPER_SECONDS = 1.0
"""Seconds for which helpers that outlive the command are listened to."""

_CHUNK = 64 * 1024


class ChildProcess:
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
                bufsize=0,
                env=environment,
                start_new_session=True,
            )
        loop = asyncio.get_running_loop()
        self._exited: asyncio.Future[int] = loop.create_future()
        self._helpers_time_is_over: asyncio.Future[None] = loop.create_future()
        threading.Thread(target=self._wait, args=(loop,), daemon=True).start()

    async def run(self, out: Sink, err: Sink) -> int:
        """Its exit code, negative the number of the signal that ended it. Cancelled, it ends it.

        Raises what a sink raises.
        """
        assert self._process.stdout is not None  # noqa: S101 - both are pipes
        assert self._process.stderr is not None  # noqa: S101
        readers = [
            asyncio.create_task(self._read(self._process.stdout, out)),
            asyncio.create_task(self._read(self._process.stderr, err)),
        ]
        try:
            await asyncio.wait(readers)
            code = await asyncio.shield(self._exited)
        except asyncio.CancelledError:
            await self._stop()
            await asyncio.wait(readers, timeout=_HELPER_SECONDS)
            raise
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
        for reader in readers:
            reader.result()
        return code

    async def _stop(self) -> None:
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
        leave_signals_to_main_thread()
        code = self._process.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(self._on_exit, code)

    def _on_exit(self, code: int) -> None:
        _resolve(self._exited, code)
        asyncio.get_running_loop().call_later(
            _HELPER_SECONDS, _resolve, self._helpers_time_is_over, None
        )

    async def _read(self, pipe: IO[bytes], sink: Sink) -> None:
        """Until the pipe's end; where a helper keeps it open, what is in it after that moment."""
        with pipe:
            while await self._has_more(pipe):
                if not (piece := os.read(pipe.fileno(), _CHUNK)):
                    return
                await sink(piece)
            left = _bytes_in_pipe(pipe)
            while left > 0 and (piece := os.read(pipe.fileno(), min(left, _CHUNK))):
                left -= len(piece)
                await sink(piece)

    async def _has_more(self, pipe: IO[bytes]) -> bool:
        """Wait for a piece or for the end; False when the command has been gone for a moment."""
        loop = asyncio.get_running_loop()
        readable: asyncio.Future[None] = loop.create_future()
        loop.add_reader(pipe.fileno(), _resolve, readable, None)
        try:
            await asyncio.wait(
                [readable, self._helpers_time_is_over], return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            loop.remove_reader(pipe.fileno())
        return not self._helpers_time_is_over.done()


def _resolve(future: "asyncio.Future[Result]", result: Result) -> None:
    if not future.done():
        future.set_result(result)


def _bytes_in_pipe(pipe: IO[bytes]) -> int:
    """Bytes that are in the pipe."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)
