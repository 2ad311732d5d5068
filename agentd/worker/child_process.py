"""A command that runs in a session of its own, with a guardian.

The rule this file keeps: whoever waits for it gets all that the command itself has written, however
slowly that is taken. Helpers that it leaves behind may hold its pipes open; they are listened to
for a moment more, no longer. But who ends it early gets rid of its helpers, too.
"""

import asyncio
import contextlib
import fcntl
import os
import sys
import tempfile
import termios
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import IO

from agentd.worker.guardian import GuardedCommand, Guardian, resolve

Sink = Callable[[bytes], Awaitable[None]]
"""Takes a piece of output; while it does, no more is read, so a flood waits in the pipe."""

GRACE = 10.0
"""Seconds between the polite signal (SIGTERM) and the firm one (SIGKILL)."""

_HELPER_SECONDS = 1.0
"""Seconds for which helpers that outlive the command are listened to."""

_CHUNK = 64 * 1024


class ChildProcess:
    """A command that a guardian runs."""

    def __init__(
        self,
        guardian: Guardian,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        stdin: bytes = b"",
        grace: Callable[[], float] = lambda: GRACE,
        on_exit: Callable[[], None] = lambda: None,
    ) -> None:
        """`stdin` is all that it can read there; it is a file, so nobody waits for the reading.

        `grace` is asked, when the command is to end early, how long it has for that, in seconds.
        `on_exit` is told when the command itself has ended; its helpers are listened to after that.
        """
        self._guardian = guardian
        self._command = command
        self._environment = environment
        self._stdin = stdin
        self._grace = grace
        self._tell_exit = on_exit
        self._helpers_time_is_over: asyncio.Future[None]

    async def run(self, out: Sink, err: Sink) -> int:
        """Its exit code, negative the number of the signal that ended it.

        Cancelled, it ends the command with all that is in its process group, and returns when that
        is gone: politely, and firmly after the grace, or when it is cancelled again. Raises
        `OSError` where it cannot be started, `GuardianGone`, and what a sink raises.
        """
        self._helpers_time_is_over = asyncio.get_running_loop().create_future()
        started, out_pipe, err_pipe = self._start()
        exit_code = asyncio.create_task(self._exit_code(started))
        readers = [
            asyncio.create_task(self._read(out_pipe, out)),
            asyncio.create_task(self._read(err_pipe, err)),
        ]
        try:
            await asyncio.wait(readers)
            code = await exit_code
        except asyncio.CancelledError:
            await self._end(started)
            await asyncio.wait(readers, timeout=_HELPER_SECONDS)
            raise
        finally:
            started.forget()
            for task in (exit_code, *readers):
                task.cancel()
            await asyncio.gather(exit_code, *readers, return_exceptions=True)
        for reader in readers:
            reader.result()
        return code

    def _start(self) -> tuple[GuardedCommand, IO[bytes], IO[bytes]]:
        """The command, and where what it writes is read."""
        with tempfile.TemporaryFile() as file, contextlib.ExitStack() as theirs:
            file.write(self._stdin)
            file.seek(0)
            pipes = [_pipe(theirs) for _ in range(2)]
            descriptors = (file.fileno(), pipes[0][1], pipes[1][1])
            try:
                started = self._guardian.start(self._command, self._environment, descriptors)
            except BaseException:
                for pipe, _ in pipes:
                    pipe.close()
                raise
        return started, pipes[0][0], pipes[1][0]

    async def _end(self, started: GuardedCommand) -> None:
        """Have its group gone; asked again meanwhile, at once."""
        started.end(self._grace())
        while not started.gone.done():
            try:
                await asyncio.shield(started.gone)
            except asyncio.CancelledError:
                started.end(0)

    async def _exit_code(self, started: GuardedCommand) -> int:
        """When it has ended: whoever gets the code may be sure that `on_exit` was told before."""
        await asyncio.wait([started.exited])
        self._tell_exit()
        asyncio.get_running_loop().call_later(
            _HELPER_SECONDS, resolve, self._helpers_time_is_over, None
        )
        return started.exited.result()

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
        loop.add_reader(pipe.fileno(), resolve, readable, None)
        try:
            await asyncio.wait(
                [readable, self._helpers_time_is_over], return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            loop.remove_reader(pipe.fileno())
        return not self._helpers_time_is_over.done()


def _pipe(theirs: contextlib.ExitStack) -> tuple[IO[bytes], int]:
    """A pipe: the end that is read, and the other, which is closed with `theirs`."""
    read_end, write_end = os.pipe()
    theirs.callback(os.close, write_end)
    return open(read_end, "rb", buffering=0), write_end  # noqa: PTH123 - no path


def _bytes_in_pipe(pipe: IO[bytes]) -> int:
    """Bytes that are in the pipe."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)
