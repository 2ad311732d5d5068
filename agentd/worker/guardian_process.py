"""The process that guards the commands of one `agentd work`: it starts them, and ends them.

The rule this file keeps: no command outlives its worker. The worker's end of a socket is the sign
of life: when it closes, however the worker ended, every process group that is still there gets
SIGTERM and soon SIGKILL, and the guardian ends when they are gone. So it heeds no signal that ends
a worker, and it is in a session of its own. It is run by its path, needs the standard library only,
and sleeps while nothing happens.
"""

import contextlib
import ctypes
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

START, END, FORGET = b"S", b"E", b"F"
"""What the worker asks: start a command; end its group, after so many seconds (a double) of grace
firmly; forget it, because its end was heard."""

STARTED, REFUSED, EXITED, GONE = b"s", b"r", b"e", b"g"
"""What it is told: the process id; the errno and the file why not; the exit code, negative the
number of the signal; and that no process of a group that was to end is left."""

NUMBER = struct.Struct("!i")
SECONDS = struct.Struct("!d")

_HEADER = struct.Struct("!IcI")
"""Length of the body, what it is, and the command's number."""

_CHUNK = 64 * 1024
_MOST_DESCRIPTORS = 48
"""Descriptors that one piece may bring; a command has three."""

_LOOKS = (0.01, 0.02, 0.05, 0.1)
"""Seconds between two looks at groups that are to end: the kernel does not tell of their end."""

_ENDED = frozenset({b"Z", b"X"})
"""States of a process that has ended (proc(5))."""

_HEEDS_NOT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def frame(kind: bytes, number: int, body: bytes = b"") -> bytes:
    """One message about the command of that number."""
    return _HEADER.pack(len(body), kind, number) + body


class Frames:
    """Puts pieces of a stream together to messages."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, piece: bytes) -> Iterator[tuple[bytes, int, bytes]]:
        """What each message is, the number of its command, and its body."""
        self._rest += piece
        while len(self._rest) >= _HEADER.size:
            length, kind, number = _HEADER.unpack_from(self._rest)
            end = _HEADER.size + length
            if len(self._rest) < end:
                return
            body = bytes(self._rest[_HEADER.size : end])
            del self._rest[:end]
            yield kind, number, body


def pack_command(command: list[bytes], environment: dict[bytes, bytes]) -> bytes:
    """Arguments and environment as one body; neither can have a NUL in it."""
    variables = [name + b"=" + value for name, value in environment.items()]
    return b"\0".join([b"%d" % len(command), *command, *variables])


def _unpack_command(body: bytes) -> tuple[list[bytes], dict[bytes, bytes]]:
    count, *texts = body.split(b"\0")
    variables = (text.partition(b"=") for text in texts[int(count) :])
    return texts[: int(count)], {name: value for name, _, value in variables}


def is_group_gone(group: int) -> bool:
    """Whether no process of a group is left that we could end."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):  # those that are left are not ours to end
        return True
    return False


def is_group_dead(group: int) -> bool:
    """Whether whatever is left of a group has ended, and only waits for a parent to look at it.

    That parent has left the group, and may live for ever. False where nobody can tell.
    """
    try:
        processes = [each for each in Path("/proc").iterdir() if each.name.isdecimal()]
    except OSError:
        return False
    return not any(_is_alive_in(group, process) for process in processes)


def _is_alive_in(group: int, process: Path) -> bool:
    try:
        stat = (process / "stat").read_bytes()
    except OSError:  # it is gone
        return False
    # Behind the name, which is in brackets and may have brackets: state, parent, group.
    state, _, its_group = stat.rpartition(b") ")[2].split()[:3]
    return int(its_group) == group and state not in _ENDED


def signal_group(group: int, number: int) -> None:
    """Send a signal to all of a group, if there is any."""
    # The kernel reserves the number while the group has members.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


class _Group:
    """A command and all that it has started and that did not leave its process group."""

    def __init__(self, number: int, pid: int) -> None:
        self.number = number
        self.pid = pid
        self.has_exited = False
        self.firm_at: float | None = None
        self._is_empty = False
        self._is_killed = False

    def note_exit(self) -> None:
        """The command has ended, and was waited for; what it has started may be there still."""
        self.has_exited = True
        self._is_empty = is_group_gone(self.pid)  # from now on its number may be another's

    def end(self, grace: float) -> None:
        """Politely, and after so many seconds, or those of an earlier call, firmly."""
        at = time.monotonic() + grace
        if self.firm_at is None and not self._is_empty:
            signal_group(self.pid, signal.SIGTERM)
            signal_group(self.pid, signal.SIGCONT)  # a stopped one hears nothing else
        self.firm_at = min(self.firm_at or at, at)

    def look(self) -> bool:
        """Whether it is gone, of a group that is to end; it is ended firmly where it is time."""
        if self.firm_at is None:
            return False
        if self._is_empty or (self.has_exited and is_group_gone(self.pid)):
            return True
        if self._is_killed:
            return self.has_exited and is_group_dead(self.pid)
        if time.monotonic() >= self.firm_at:
            signal_group(self.pid, signal.SIGKILL)
            self._is_killed = True
        return False


class Guardian:
    """Serves the worker at the other end of a socket, and outlives it until all is ended."""

    def __init__(self, worker: socket.socket, wakeups: int, grace: float) -> None:
        """`grace`: seconds that commands have to end when their worker is gone."""
        self._worker = worker
        self._wakeups = wakeups
        self._grace = grace
        self._frames = Frames()
        self._descriptors: list[int] = []
        self._groups: dict[int, _Group] = {}
        self._is_alone = False
        self._looks = 0
        self._end_with_us = _end_with_parent()

    def run(self) -> None:
        """Until the worker is gone, and all groups are."""
        while self._groups or not self._is_alone:
            watched: list[int | socket.socket] = [self._wakeups]
            if not self._is_alone:
                watched.append(self._worker)
            ready, _, _ = select.select(watched, [], [], self._pause())
            if self._wakeups in ready:
                _drain(self._wakeups)
            if self._worker in ready:
                self._hear()
            self._reap()
            self._look()

    def _pause(self) -> float | None:
        """Seconds until the next look, if anything is to end; signals come sooner."""
        firm = [group.firm_at for group in self._groups.values() if group.firm_at is not None]
        if not firm:
            self._looks = 0
            return None
        self._looks += 1
        return _LOOKS[min(self._looks, len(_LOOKS)) - 1]

    def _hear(self) -> None:
        try:
            piece, descriptors, _, _ = socket.recv_fds(self._worker, _CHUNK, _MOST_DESCRIPTORS)
        except ConnectionError:
            piece, descriptors = b"", []
        self._descriptors += descriptors
        if not piece:
            self._is_alone = True
            for group in self._groups.values():
                group.end(self._grace)
        for kind, number, body in self._frames.feed(piece):
            if kind == START:
                self._start(number, body)
            elif number not in self._groups:
                pass  # it never was, or is gone
            elif kind == END:
                self._groups[number].end(SECONDS.unpack(body)[0])
            else:
                del self._groups[number]

    def _start(self, number: int, body: bytes) -> None:
        command, environment = _unpack_command(body)
        given, self._descriptors = self._descriptors[:3], self._descriptors[3:]
        try:
            child = subprocess.Popen(  # noqa: S603 - the command is the user's own
                command,
                stdin=given[0],
                stdout=given[1],
                stderr=given[2],
                env=environment,
                start_new_session=True,
                preexec_fn=partial(self._prepare, number),  # noqa: PLW1509 - there is one thread
            )
        except OSError as error:
            name = os.fsencode(error.filename or b"")
            self._tell(REFUSED, number, NUMBER.pack(error.errno or 0) + name)
            return
        finally:
            for descriptor in given:
                os.close(descriptor)
        child.returncode = 0  # it is `_reap` that waits for it
        self._groups[number] = _Group(number, child.pid)

    def _prepare(self, number: int) -> None:
        """In the child, before it becomes the command: the worker knows of it before it can act."""
        self._tell(STARTED, number, NUMBER.pack(os.getpid()))
        self._end_with_us()

    def _reap(self) -> None:
        """Hear of the children that ended: commands, and what they have left behind."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for group in self._groups.values():
                if group.pid == pid and not group.has_exited:
                    group.note_exit()
                    code = os.waitstatus_to_exitcode(status)
                    self._tell(EXITED, group.number, NUMBER.pack(code))

    def _look(self) -> None:
        for group in [each for each in self._groups.values() if each.look()]:
            del self._groups[group.number]
            self._tell(GONE, group.number)

    def _tell(self, kind: bytes, number: int, body: bytes = b"") -> None:
        with contextlib.suppress(ConnectionError):  # the next read tells that the worker is gone
            self._worker.sendall(frame(kind, number, body))


def _end_with_parent() -> Callable[[], None]:
    """What a child does that is to end with us, where a kernel can see to that (Linux).

    It is also told to give us the orphans of our commands, so that none stays unburied.
    """
    if not sys.platform.startswith("linux"):
        return lambda: None
    control, guardian = ctypes.CDLL(None).prctl, os.getpid()
    control.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)
    control(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def end_with_us() -> None:
        control(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != guardian:  # it ended in between
            os.kill(os.getpid(), signal.SIGKILL)

    return end_with_us


def _drain(descriptor: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while os.read(descriptor, _CHUNK):
            pass


def _wakeups() -> int:
    """What becomes readable with a signal; those that end others do no more than that here."""
    wakeups, told = os.pipe()
    os.set_blocking(wakeups, False)
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in _HEEDS_NOT:
        # A handler, because a command would inherit that a signal is ignored; what is ignored
        # already is so for the command, too.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    return wakeups


if __name__ == "__main__":
    Guardian(socket.socket(fileno=int(sys.argv[1])), _wakeups(), float(sys.argv[2])).run()
