"""Commands whose end is looked after by a process of its own, though their worker be killed.

The rule this file keeps: what a command is asked for is in one process, `guardian_process`, and
here is only what is heard of it. Where the guardian itself is killed, its commands are ended at
once, and whoever waits for one is told.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from agentd.worker import guardian_process
from agentd.worker.guardian_process import (
    END,
    EXITED,
    FORGET,
    GONE,
    NUMBER,
    REFUSED,
    SECONDS,
    START,
    STARTED,
    Frames,
    frame,
    pack_command,
    signal_group,
)

Result = TypeVar("Result")

LONGEST_AFTERMATH = 2.0
"""Seconds that commands have at most between SIGTERM and SIGKILL when their worker is gone."""

_CHUNK = 64 * 1024


class GuardianGone(Exception):
    """The process that guards the commands has ended, and so have they."""


class GuardedCommand:
    """A command that is being started, runs, or has ended; with its process group."""

    def __init__(self, guardian: "Guardian", number: int) -> None:
        loop = asyncio.get_running_loop()
        self._guardian = guardian
        self._number = number
        self._pid: int | None = None
        self._is_ending = False
        self.exited: asyncio.Future[int] = loop.create_future()
        """Its exit code, negative the number of the signal that ended it; or `OSError` where it
        could not be started, or `GuardianGone`."""
        self.gone: asyncio.Future[None] = loop.create_future()
        """When no process of its group is left; only of one that was told to end."""

    def end(self, grace: float) -> None:
        """SIGTERM for its group, and SIGKILL after so many seconds for what is left of it."""
        self._is_ending = True
        self._guardian.ask(END, self._number, SECONDS.pack(grace))

    def forget(self) -> None:
        """Nothing more is wanted of it: helpers that it has left behind may stay."""
        self._guardian.forget(self._number)

    def hear(self, kind: bytes, body: bytes) -> None:
        """What the guardian tells of it."""
        if kind == STARTED:
            (self._pid,) = NUMBER.unpack(body)
        elif kind == EXITED:
            resolve(self.exited, NUMBER.unpack(body)[0])
        elif kind == REFUSED:
            (errno,), name = NUMBER.unpack_from(body), os.fsdecode(body[NUMBER.size :])
            self.fail(OSError(errno, os.strerror(errno), name or None))
        elif kind == GONE:
            resolve(self.gone, None)

    def kill(self) -> None:
        """End what is known to be there and nobody else ends now: not helpers that may stay."""
        is_over = self.gone.done() if self._is_ending else self.exited.done()
        if self._pid is not None and not is_over:
            signal_group(self._pid, signal.SIGKILL)

    def fail(self, error: Exception) -> None:
        """It never was, or nothing more will be heard of it."""
        if not self.exited.done():
            self.exited.set_exception(error)
            self.exited.exception()  # who does not wait for it does not miss it
        resolve(self.gone, None)


class Guardian:
    """The guardian process of one worker, from its start to the end of the `with` block."""

    def __init__(self, grace: float) -> None:
        """`grace`: seconds that commands have to end when the worker is gone, 2 at most."""
        self._socket, theirs = socket.socketpair()
        program = str(Path(guardian_process.__file__))
        aftermath = str(min(grace, LONGEST_AFTERMATH))
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, "-I", "-S", program, str(theirs.fileno()), aftermath],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._frames = Frames()
        self._commands: dict[int, GuardedCommand] = {}
        self._last_number = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_gone = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End what still runs, and wait until it is gone."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._socket)
        self._socket.close()
        self._process.wait()

    @property
    def pid(self) -> int:
        """The guardian's process id."""
        return self._process.pid

    def start(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        descriptors: tuple[int, int, int],
    ) -> GuardedCommand:
        """Start a command with these as its standard input, output and error; they stay open here.

        Raises `ValueError` for a NUL in an argument, and `GuardianGone`.
        """
        if any("\0" in each for each in command):
            raise ValueError("an argument of the command has a NUL character in it")
        self._listen()
        self._last_number += 1
        started = GuardedCommand(self, self._last_number)
        self._commands[self._last_number] = started
        variables = {os.fsencode(name): os.fsencode(environment[name]) for name in environment}
        body = pack_command([os.fsencode(each) for each in command], variables)
        self.ask(START, self._last_number, body, descriptors)
        return started

    def ask(self, kind: bytes, number: int, body: bytes = b"", given: Sequence[int] = ()) -> None:
        """Ask something about the command of that number, if there is a guardian."""
        message = frame(kind, number, body)
        try:
            sent = socket.send_fds(self._socket, [message], given) if given else 0
            self._socket.sendall(message[sent:])
        except OSError:  # it has ended
            self._on_gone()

    def forget(self, number: int) -> None:
        """Nothing more is wanted of the command of that number."""
        if self._commands.pop(number, None) is not None and not self._is_gone:
            self.ask(FORGET, number)

    def _listen(self) -> None:
        if self._is_gone:
            raise GuardianGone
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            loop.add_reader(self._socket, self._hear)

    def _hear(self) -> None:
        try:
            piece = self._socket.recv(_CHUNK, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self._on_gone()
        for kind, number, body in self._frames.feed(piece):
            if (command := self._commands.get(number)) is not None:
                command.hear(kind, body)

    def _on_gone(self) -> None:
        """It was killed: nobody else ends its commands now."""
        self._is_gone = True
        if self._loop is not None:
            self._loop.remove_reader(self._socket)
        for command in self._commands.values():
            command.kill()
            command.fail(GuardianGone("the process that guards the commands was killed"))


def resolve(future: "asyncio.Future[Result]", result: Result) -> None:
    """Give it its result, unless it has one, or an error, or nobody waits."""
    if not future.done():
        future.set_result(result)
