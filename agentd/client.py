"""A connection to the daemon: one request, one response, and plain words when that fails.

The rule this file keeps: `call` sends a request once. Whether a lost answer may be asked for again
is the caller's decision, because only the caller knows whether the method is safe to repeat.
"""

import errno
import itertools
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from agentd.errors import WIRE_ERRORS, DaemonUnreachable, RequestRefused, RequestTooLarge
from agentd.protocol import LINE_LIMIT

_BY_KIND = {error.kind: error for error in WIRE_ERRORS}
_READ_SIZE = 64 * 1024
_UNKNOWN = "Whether the request was recorded is unknown: repeat it, under the same request_id"


class _Error(msgspec.Struct):
    code: int
    message: str
    data: dict[str, Any] = {}


class _Response(msgspec.Struct):
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _Error | None = None


_decode_response = msgspec.json.Decoder(_Response).decode


class Client:
    """A blocking client. Connects at the first call and again after a broken connection.

    `timeout` is in seconds and bounds each wait for the daemon. Not thread-safe: one per thread.
    """

    def __init__(self, socket_path: str | Path, timeout: float = 30.0) -> None:
        self._path = str(socket_path)
        self._timeout = timeout
        self._socket: socket.socket | None = None
        self._buffer = bytearray()
        self._ids = itertools.count(1)

    def call(self, method: str, params: Mapping[str, Any] | msgspec.Struct | None = None) -> Any:
        """The decoded result of one request.

        Raises the `RequestRefused` of the answer's `data.kind`, or `DaemonUnreachable` when there
        is no answer: then nobody knows whether the daemon took the request.
        """
        return msgspec.json.decode(self.raw_call(method, params))

    def raw_call(
        self, method: str, params: Mapping[str, Any] | msgspec.Struct | None = None
    ) -> bytes:
        """As `call`, but the result is JSON as the daemon wrote it."""
        request = {"id": next(self._ids), "method": method, "params": params or {}}
        line = msgspec.json.encode(request)
        if b"\n" in line:  # Raw values may be spread over several lines; a request may not
            line = msgspec.json.format(line, indent=-1)
        answer = self.exchange(line)
        try:
            response = _decode_response(answer)
        except msgspec.MsgspecError as error:
            self.close()
            raise DaemonUnreachable(
                f"what answers on {self._path} does not speak the protocol: {error}"
            ) from error
        if response.error is not None:
            raise _refusal(response.error)
        return bytes(response.result)

    def exchange(self, line: bytes) -> bytes:
        """Send one line and return the line that answers it, without its newline."""
        if len(line) >= LINE_LIMIT:
            raise RequestTooLarge(
                f"the request has {len(line)} bytes, one line may have {LINE_LIMIT} in all: "
                "keep large data in files and send their paths"
            )
        connection = self._socket or self._connect()
        try:
            connection.sendall(line + b"\n")
            return self._read_line(connection)
        except BlockingIOError as error:  # how the kernel says that the time is over
            self.close()
            raise DaemonUnreachable(
                f"no answer on {self._path} in {self._timeout:g} s: the daemon is busy or stopped. "
                + _UNKNOWN
            ) from error
        except OSError as error:
            self.close()
            raise DaemonUnreachable(
                f"the connection to {self._path} broke: {error}. {_UNKNOWN}"
            ) from error
        except BaseException:
            self.close()  # else the next call would read the answer to this one
            raise

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._buffer.clear()

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Not settimeout(): with it Python polls before every call, and does not wait at all where
        # the daemon's queue of connections is full.
        seconds, micros = divmod(max(round(self._timeout * 1e6), 1), 1_000_000)  # 0 is for ever
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            connection.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", seconds, micros))
        try:
            connection.connect(self._path)
        except OSError as error:
            connection.close()
            raise DaemonUnreachable(_why_unreachable(self._path, error)) from error
        self._socket = connection
        return connection

    def _read_line(self, connection: socket.socket) -> bytes:
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            chunk = connection.recv(_READ_SIZE)
            if not chunk:
                raise ConnectionResetError(
                    errno.ECONNRESET, "the daemon closed it before it answered"
                )
            self._buffer += chunk
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _refusal(error: _Error) -> RequestRefused:
    """The exception that the daemon raised, raised again on this side."""
    data = dict(error.data)
    kind = data.pop("kind", "")
    return _BY_KIND.get(kind, RequestRefused)(error.message, **data)


def _why_unreachable(path: str, error: OSError) -> str:
    """One line that tells the usual reasons apart, each with what to do next."""
    if isinstance(error, FileNotFoundError):
        return (
            f"no socket at {path}: start the daemon with `agentd serve`, or set AGENTD_SOCKET_PATH"
        )
    if isinstance(error, ConnectionRefusedError):
        return f"nobody listens on {path}: the daemon is not running; start it with `agentd serve`"
    if isinstance(error, BlockingIOError):
        return f"no daemon let us in on {path} in time: it is busy or stopped; try again"
    if isinstance(error, PermissionError):
        return f"permission denied on {path}: the daemon is another user's, or a sandbox forbids it"
    return f"cannot connect to {path}: {error.strerror or error}"
