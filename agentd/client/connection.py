"""One blocking connection to the daemon: a line out, a line in.

The rule this file keeps: what is not answered in time, or interrupted, closes the connection, else
the next request would read the answer to this one. Waiting is left to the kernel (SO_RCVTIMEO,
socket(7)): with `settimeout` Python polls before every call, and does not wait at all where the
daemon's queue of connections is full.
"""

import errno
import socket
import struct
import time

from agentd.client.unreachable import NotSent, cannot_connect, lost, no_answer

_READ_SIZE = 64 * 1024


class Connection:
    """Connected from the start. `seconds` bounds every wait of the call that it is given to."""

    def __init__(self, path: str, seconds: float) -> None:
        """Raises `DaemonUnreachable`: then nothing was sent."""
        self._path = path
        self._seconds = 0.0
        self._buffer = bytearray()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._limit(seconds)
            self._socket.connect(path)
        except OSError as error:
            self.close()
            raise cannot_connect(path, error) from error
        except BaseException:
            self.close()
            raise

    @property
    def is_open(self) -> bool:
        """Whether it can be used for another call."""
        return self._socket.fileno() >= 0

    def exchange(self, line: bytes, seconds: float) -> bytes:
        """Send one line and return the line that answers it, without its newline.

        Raises `NotSent`, `ConnectionLost` or `NoAnswer`.
        """
        try:
            if seconds != self._seconds:
                self._limit(seconds)
            self._send(line)
            return self._receive(time.monotonic() + seconds)
        except BlockingIOError as error:  # how the kernel says that the time is over
            self.close()
            raise no_answer(self._path, seconds) from error
        except OSError as error:
            self.close()
            raise lost(self._path, error) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close it for good."""
        self._socket.close()

    def _limit(self, seconds: float) -> None:
        whole, micros = divmod(max(round(seconds * 1e6), 1), 1_000_000)  # 0 is for ever
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self._socket.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", whole, micros))
        self._seconds = seconds

    def _send(self, line: bytes) -> None:
        try:
            self._socket.sendall(line)
        except BlockingIOError:
            raise
        except OSError as error:  # a part of a line is no request
            self.close()
            raise NotSent(f"the connection to {self._path} broke: {error}") from error

    def _receive(self, deadline: float) -> bytes:
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            if searched and time.monotonic() > deadline:  # it comes, but too slowly
                raise BlockingIOError
            searched = len(self._buffer)
            chunk = self._socket.recv(_READ_SIZE)
            if not chunk:
                raise ConnectionResetError(
                    errno.ECONNRESET, "the daemon closed it before it answered"
                )
            self._buffer += chunk
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line
