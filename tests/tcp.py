"""A daemon on TCP, and the proof as another language would write it: stdlib only.

The rule this file keeps: nothing is shared with agentd, as in `daemon_process`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.daemon_process import PATIENCE_SECONDS, SERVE, Connection, DaemonProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "agentd-proof-v1"


def mac(secret: bytes, role: str, client: str, daemon: str) -> str:
    """What the protocol's page says that one side has to know."""
    said = f"{NAME} {role} {client} {daemon}".encode()
    return hmac.new(secret, said, hashlib.sha256).hexdigest()


def new_nonce() -> str:
    """64 hexadecimal digits."""
    return os.urandom(32).hex()


class TcpConnection(Connection):
    """A raw connection to a port, nothing proved yet."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._received = bytearray()
        self._ids = iter(range(1, 1_000_000))  # type: ignore[assignment] # as good as a count
        self._socket = socket.create_connection((host, port), PATIENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def greet(self, nonce: str) -> dict[str, Any]:
        """Say the first line, and return what the daemon answers."""
        said: dict[str, Any] = json.loads(self.ask(json.dumps({"hello": NAME, "nonce": nonce})))
        return said

    def say_proof(self, proof: str) -> dict[str, Any]:
        """Say the second line, and return what the daemon answers."""
        said: dict[str, Any] = json.loads(self.ask(json.dumps({"proof": proof})))
        return said

    def prove(self, secret: bytes) -> None:
        """All of it, both ways."""
        nonce = new_nonce()
        greeting = self.greet(nonce)
        assert greeting["proof"] == mac(secret, "daemon", nonce, greeting["nonce"])
        assert self.say_proof(mac(secret, "client", nonce, greeting["nonce"])) == {"proved": True}

    def local_address(self) -> tuple[str, int]:
        """What the daemon sees of us."""
        host, port = self._socket.getsockname()[:2]
        return host, port

    def wait_for_end(self) -> bytes:
        """What comes until the daemon closes, or resets."""
        found = bytearray(self._received)
        try:
            while piece := self._socket.recv(65_536):
                found += piece
        except ConnectionResetError:
            pass
        return bytes(found)


class TcpDaemon(DaemonProcess):
    """`agentd serve --tcp`, on any port of `host`."""

    host = "127.0.0.1"

    def __init__(self, home: Path, **env: str | None) -> None:
        self.command = [*SERVE, "--tcp", f"{self._shown_host}:0"]
        super().__init__(home, **env)

    @property
    def _shown_host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def port(self) -> int:
        """The port that it took last."""
        return int(re.findall(r"tcp://[^ ]*:(\d+), for clients", self.stderr())[-1])

    @property
    def address(self) -> str:
        """What clients are told."""
        return f"tcp://{self._shown_host}:{self.port}"

    @property
    def secret(self) -> bytes:
        """What both sides know."""
        return bytes.fromhex((self.home / "tcp.secret").read_text().strip())

    def stranger(self) -> TcpConnection:
        """A connection that has proved nothing."""
        return TcpConnection(self.port, self.host)

    def proved(self) -> TcpConnection:
        """A connection that is served."""
        made = self.stranger()
        made.prove(self.secret)
        return made

    def keep_port(self) -> None:
        """Take the same port at the next start."""
        self.command = [*SERVE, "--tcp", f"{self._shown_host}:{self.port}"]


@contextmanager
def listening_port() -> Iterator[tuple[socket.socket, int]]:
    """A listening socket on a port of 127.0.0.1, and which."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server, server.getsockname()[1]
