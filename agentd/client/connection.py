"""One blocking connection to the daemon: a line out, a line in; several out, as many in.

The rule this file keeps: what is not answered in time, or interrupted, closes the connection, else
the next request would read the answer to this one. Waiting is left to the kernel (SO_RCVTIMEO,
socket(7)): with `settimeout` Python polls before every call, and does not wait at all where the
daemon's queue of connections is full.
"""

import contextlib
import errno
import socket
import struct
import time
from typing import TYPE_CHECKING

from agentd.client.address import Address
from agentd.client.starting import NOT_THERE
from agentd.client.unreachable import (
    NotSent,
    connection_lost_error,
    no_answer_error,
    other_user_error,
)

if TYPE_CHECKING:
    from agentd.client.tcp_proof import Proof

LONGEST_PROOF_LINE = 512
"""Bytes of a line of a proof, its newline counted."""

_PIECE = 64 * 1024
"""Bytes that are sent or received at once."""


class Connection:
    """Connected from the start. `seconds` bounds the call that it is given to, as a whole."""

    def __init__(self, address: Address, seconds: float) -> None:
        """Raises `DaemonUnreachable`, also where it is a stranger's: then nothing was sent."""
        self._address = address
        self._path = str(address)
        self._seconds = 0.0
        self.is_open = True
        deadline, retries = time.monotonic() + seconds, address.retries(seconds)
        while True:
            self._socket = address.new_socket()
            try:
                self._open(deadline)
            except ConnectionError as error:
                self._socket.close()
                if isinstance(error, NOT_THERE) or (pause := next(retries, None)) is None:
                    self.is_open = False
                    raise address.connect_error(error) from error
                time.sleep(pause)
            except OSError as error:
                self.close()
                raise address.connect_error(error) from error
            except BaseException:
                self.close()
                raise
            else:
                return

    def exchange(self, lines: bytes, seconds: float) -> bytes:
        """Send a line, or several, and return those that answer them, without the last newline.

        Raises `NotSent`, `ConnectionLost` or `NoAnswer`.
        """
        try:
            if seconds != self._seconds:
                self._set_timeout(seconds)
            deadline = time.monotonic() + seconds
            try:
                self._send(lines, deadline)
            except NotSent as unsent:
                return self._receive_refusal(unsent)
            return self._receive(deadline, lines.count(b"\n"))
        except BlockingIOError as error:  # how the kernel says that the time is over
            self.close()
            raise no_answer_error(self._path, seconds) from error
        except OSError as error:
            reason = other_user_error(self._path, self._socket) or connection_lost_error(
                self._path, error
            )
            self.close()
            raise reason from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close it for good; it cannot be used for another call."""
        self.is_open = False
        self._socket.close()

    def _open(self, deadline: float) -> None:
        """Raises `OSError`, or the reason why this is not our daemon."""
        seconds = max(deadline - time.monotonic(), 0)
        self._set_timeout(seconds)
        self._connect(seconds)
        self._address.check(self._socket)
        if (steps := self._address.begin_proof()) is not None:
            self._prove(steps, deadline)

    def _connect(self, seconds: float) -> None:
        later = self._address.pauses(seconds)
        while True:
            try:
                self._socket.connect(self._address.target)
            except NOT_THERE:
                if (pause := next(later, None)) is None:
                    raise
                time.sleep(pause)
            else:
                return

    def _prove(self, steps: "Proof", deadline: float) -> None:
        """Say each line of the proof, and hear what is answered."""
        line = next(steps)
        with contextlib.suppress(StopIteration):
            while True:
                self._socket.sendall(line)
                line = steps.send(self._hear(deadline))

    def _hear(self, deadline: float) -> bytes:
        """A line of a proof: a stranger cannot have us read more than that, nor we what follows."""
        heard = b""
        while not heard.endswith(b"\n") and len(heard) < LONGEST_PROOF_LINE:
            self._set_timeout_until(deadline)
            seen = self._socket.recv(LONGEST_PROOF_LINE, socket.MSG_PEEK)
            if not seen:
                raise ConnectionResetError(errno.ECONNRESET, "closed before the proof")
            heard += self._socket.recv(seen.find(b"\n") + 1 or len(seen))
        return heard

    def _set_timeout(self, seconds: float) -> None:
        whole, micros = divmod(max(round(seconds * 1e6), 1), 1_000_000)  # 0 is for ever
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self._socket.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", whole, micros))
        self._seconds = seconds

    def _set_timeout_until(self, deadline: float) -> None:
        """The kernel bounds each piece by itself, so it is told anew what is left."""
        left = deadline - time.monotonic()
        if left <= 0:  # it goes on, but too slowly
            raise BlockingIOError
        self._set_timeout(left)

    def _send(self, lines: bytes, deadline: float) -> None:
        try:
            sent = self._socket.send(lines[:_PIECE])
            while sent < len(lines):
                self._set_timeout_until(deadline)
                sent += self._socket.send(lines[sent : sent + _PIECE])
        except BlockingIOError:
            raise
        except OSError as error:  # a part of a line is no request
            raise NotSent(f"the connection to {self._path} broke: {error}") from error

    def _receive_refusal(self, unsent: NotSent) -> bytes:
        """What the daemon said before it closed: why it takes no request. Else raises `unsent`."""
        try:
            with contextlib.suppress(OSError):
                return self._receive(0.0)
            raise other_user_error(self._path, self._socket) or unsent
        finally:
            self.close()

    def _receive(self, deadline: float, number: int = 1) -> bytes:
        received = self._receive_piece()
        end = received.find(b"\n")
        if end < 0 or number > 1:
            received, end = self._receive_more(received, deadline, number)
        if end + 1 != len(received):  # nobody asked for more: it would be the next answer
            self.close()
        return received[:end]

    def _receive_more(self, first: bytes, deadline: float, number: int) -> tuple[bytes, int]:
        """All that came up to the piece that ends so many lines, and where in it the last ends."""
        received, searched, end = bytearray(first), 0, -1
        for _ in range(number):
            while (end := received.find(b"\n", searched)) < 0:
                self._set_timeout_until(deadline)
                searched = len(received)
                received += self._receive_piece()
            searched = end + 1
        return bytes(received), end

    def _receive_piece(self) -> bytes:
        piece = self._socket.recv(_PIECE)
        if not piece:
            raise ConnectionResetError(errno.ECONNRESET, "the daemon closed it before it answered")
        return piece
