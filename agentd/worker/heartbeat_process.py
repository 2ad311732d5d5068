"""Leases that are kept from a process of its own, while a handler holds the worker's interpreter.

The rule this file keeps: a lease is never without somebody who keeps it. Where the process cannot
be started, or ends, or does not listen, a thread of the worker goes on with all leases, and one
warning says so. What is said to it is said without waiting. After a fork the process is the
parent's: a child keeps its own leases, from a thread.
"""

import contextlib
import itertools
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable

import msgspec

from agentd.client.address import Address
from agentd.client.heartbeats import Heartbeats, HeldLease, boot_clock
from agentd.client.thread_signals import leave_signals_to_main_thread
from agentd.worker.heartbeat_child import Keep, Lost, Release
from agentd.worker.import_path import import_path

logger = logging.getLogger("agentd.worker")

_PIECE = 64 * 1024
# A program may want to be ended by SIGPIPE, but not because of this one.
_FLAGS = socket.MSG_DONTWAIT | getattr(socket, "MSG_NOSIGNAL", 0)

_decode = msgspec.json.Decoder(Lost).decode
_encode = msgspec.json.Encoder().encode


class KeptLease:
    """One lease that the process keeps, or, where there is `beside`, the thread."""

    def __init__(self, keep: Keep, lose: Callable[[str], None]) -> None:
        self.keep = keep
        self.lose = lose
        self.beside: HeldLease | None = None


class HeartbeatProcess:
    """Keeps leases as `Heartbeats` does. To be closed."""

    def __init__(self, address: Address, thread: Heartbeats) -> None:
        """`thread` keeps them where no process does."""
        self._address = address
        self._thread = thread
        self._keys = itertools.count()
        self._was_started = False
        self._process: subprocess.Popen[bytes] | None = None
        self._listener: threading.Thread | None = None
        self._reset()

    def _reset(self) -> None:
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._kept: dict[int, KeptLease] = {}
        self._connection: socket.socket | None = None

    def start(self) -> None:
        """Start the process, if that was not done; nothing waits for it to listen."""
        if self._was_started:
            return
        self._was_started = True
        try:
            self._connection, self._process = self._spawn()
        except (OSError, ValueError) as error:
            _warn(f"their own process cannot be started: {error}")
            return
        self._listener = threading.Thread(
            target=self._listen,
            args=(self._connection, self._process),
            name="agentd-lost-leases",
            daemon=True,
        )
        self._listener.start()

    def keep(
        self,
        lease: tuple[str, str, str],
        seconds: float,
        lose: Callable[[str], None],
        age: float = 0.0,
    ) -> KeptLease:
        """As `Heartbeats.keep`."""
        kept = KeptLease(Keep(next(self._keys), lease, seconds, age, boot_clock()), lose)
        if self._owner != os.getpid():
            self._forget_parents()
        with self._lock:
            if self._connection is None:
                self._keep_beside(kept)
                return kept
            self._kept[kept.keep.key] = kept
            is_told = _tell(self._connection, kept.keep)
        if not is_told:
            self._fall_back("their own process does not listen")
        return kept

    def release(self, kept: KeptLease) -> None:
        """As `Heartbeats.release`."""
        if self._owner != os.getpid():
            self._forget_parents()
        is_told = True
        with self._lock:
            if kept.beside is not None:
                self._thread.release(kept.beside)
            elif self._kept.pop(kept.keep.key, None) is not None and self._connection is not None:
                is_told = _tell(self._connection, Release(kept.keep.key))
        if not is_told:
            self._fall_back("their own process does not listen")

    def close(self) -> None:
        """End the process. What is kept after that is kept from the thread."""
        if self._owner != os.getpid():
            self._forget_parents()
        with self._lock:
            connection, self._connection = self._connection, None
            self._kept.clear()
        if connection is not None and self._process is not None and self._listener is not None:
            self._process.kill()  # it has nothing to finish, and may be starting yet
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # a program that was forked may hold its end
            self._listener.join()

    def _spawn(self) -> tuple[socket.socket, "subprocess.Popen[bytes]"]:
        if getattr(sys, "frozen", False) or not sys.executable:
            raise OSError("this program has no Python interpreter beside it")
        module = ("-P", "-S", "-m", "agentd.worker.heartbeat_child")
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                return ours, subprocess.Popen(  # noqa: S603 - our own interpreter
                    (sys.executable, *module, str(os.getpid()), str(self._address)),
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    env={
                        **os.environ,
                        **self._address.environment(),
                        "PYTHONPATH": import_path(),
                    },
                    start_new_session=True,  # Ctrl-C and Ctrl-Z are for the worker
                )
            except BaseException:
                ours.close()
                raise

    def _listen(self, connection: socket.socket, process: "subprocess.Popen[bytes]") -> None:
        """Tell of lost leases until the process ends."""
        leave_signals_to_main_thread()
        unread = b""
        with connection, contextlib.suppress(OSError):
            while piece := connection.recv(_PIECE):
                *lines, unread = (unread + piece).split(b"\n")
                for line in lines:
                    self._lose(_decode(line))
        self._fall_back(f"their own process has ended with exit code {process.wait()}")

    def _lose(self, lost: Lost) -> None:
        with self._lock:
            kept = self._kept.pop(lost.key, None)
        if kept is not None:
            kept.lose(lost.why)

    def _fall_back(self, why: str) -> None:
        """From now on the thread keeps all leases. Nothing happens where it does so already."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is None:
                return
            for kept in self._kept.values():
                self._keep_beside(kept)
            self._kept.clear()
        if self._process is not None:
            self._process.kill()  # no lease has two who keep it
        _warn(why)

    def _keep_beside(self, kept: KeptLease) -> None:
        keep = kept.keep
        age = keep.age + boot_clock() - keep.at
        kept.beside = self._thread.keep(keep.lease, keep.seconds, kept.lose, age)

    def _forget_parents(self) -> None:
        connection = self._connection
        self._reset()
        if connection is not None:
            connection.close()  # our copy of it


def _tell(connection: socket.socket, said: Keep | Release) -> bool:
    line = _encode(said) + b"\n"
    try:
        return connection.send(line, _FLAGS) == len(line)
    except OSError:  # also where it would have to wait
        return False


def _warn(why: str) -> None:
    logger.warning(
        "heartbeats go out from a thread, so a handler that holds the interpreter for longer than "
        "its lease loses its node: %s",
        why,
    )
