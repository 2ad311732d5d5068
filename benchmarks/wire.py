"""Rule: the client costs as little as a client can, and the same for every daemon.

A blocking socket, one request at a time, the response decoded in full. It is used instead
of agentd's own client so that the floor and agentd meet exactly the same load.
"""

import socket
import struct
from pathlib import Path
from typing import Any, Self

import msgspec

# Any is the honest type here: a response is whatever the method returns.
Json = Any

MOST_IN_FLIGHT = 400
_CHUNK_BYTES = 262_144
_PATIENCE_SECONDS = 60
_TIMEVAL = struct.pack("@ll", _PATIENCE_SECONDS, 0)


class Refused(Exception):
    """The daemon answered with an error instead of a result."""


class Wire:
    """One connection to a daemon."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Not settimeout(): that makes Python poll before every read, one system call more.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEVAL)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._rest = b""
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder().decode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def call(self, method: str, params: Json) -> Json:
        """Send one request and return its result; raises Refused."""
        self.send(self.line(method, params))
        return self.receive()

    def line(self, method: str, params: Json) -> bytes:
        """Return the request as the bytes that go over the wire."""
        return self._encode({"id": 1, "method": method, "params": params}) + b"\n"

    def send(self, lines: bytes) -> None:
        """Send bytes, one line or many."""
        self._socket.sendall(lines)

    def receive(self) -> Json:
        """Return the result of the next response; raises Refused."""
        response = self._decode(self.receive_line())
        if "error" in response:
            raise Refused(response["error"])
        return response["result"]

    def pipeline(self, lines: list[bytes]) -> list[Json]:
        """Send up to 400 requests at once and return their results in order; raises Refused."""
        # More answers than the socket's buffers hold would stop a daemon that waits for its
        # reader, while this side still waits for it to read: neither would go on.
        if len(lines) > MOST_IN_FLIGHT:
            raise ValueError(f"{len(lines)} requests at once, the most is {MOST_IN_FLIGHT}")
        self.send(b"".join(lines))
        return [self.receive() for _ in lines]

    def receive_line(self) -> bytes:
        """Return the next response as it came, without its newline."""
        head, newline, rest = self._rest.partition(b"\n")
        if newline:
            self._rest = rest
            return head
        # Joined once at the end: a response of some MB must not be copied at every chunk.
        chunks = [self._rest]
        while True:
            chunk = self._receive_some()
            head, newline, rest = chunk.partition(b"\n")
            chunks.append(head)
            if newline:
                self._rest = rest
                return b"".join(chunks)

    def _receive_some(self) -> bytes:
        try:
            chunk = self._socket.recv(_CHUNK_BYTES)
        except BlockingIOError:
            raise TimeoutError(f"no answer within {_PATIENCE_SECONDS} s") from None
        if not chunk:
            raise ConnectionError("the daemon closed the connection")
        return chunk
