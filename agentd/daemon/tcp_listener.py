"""The socket for TCP.

The rule this file keeps: it is bound to an address of this machine alone, and what the kernel keeps
for one connection is bounded as it is for a Unix socket's.
"""

import errno
import socket
import sys

from agentd.errors import Failure
from agentd.loopback import Loopback

BACKLOG = 1_024

_KERNEL_BYTES = 131_072
"""Bytes of each direction that the kernel keeps for a connection; Linux doubles them."""

_IDLE_SECONDS, _BETWEEN_SECONDS, _UNANSWERED = 30, 10, 3
"""A client that vanished with its container is found out after a minute of silence."""

_IDLE: int = getattr(socket, "TCP_KEEPALIVE" if sys.platform == "darwin" else "TCP_KEEPIDLE")


class TcpListener:
    """A listening socket, `at` which address, and the `secret` that clients have to know."""

    def __init__(self, at: Loopback, secret: bytes) -> None:
        """Bind; port 0 takes any that is free. Raises `Failure`."""
        self.secret = secret
        self.socket = listen_on(at)
        self.at = Loopback(*self.socket.getsockname()[:2])


def listen_on(at: Loopback) -> socket.socket:
    """A socket that listens there; port 0 takes any that is free. Raises `Failure`."""
    try:
        made = socket.socket(socket.AF_INET6 if ":" in at.host else socket.AF_INET)
    except OSError as error:
        raise Failure(f"cannot make a socket for {at}: {error.strerror or error}") from error
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a restart waits for nobody
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            made.setsockopt(socket.SOL_SOCKET, option, _KERNEL_BYTES)
        made.bind(at)
        made.listen(BACKLOG)
    except OSError as error:
        made.close()
        what = f"cannot listen on {at}: {error.strerror or error}"
        if error.errno == errno.EADDRINUSE:
            what = f"another program listens on {at}: stop it, or take another port (0: any)"
        raise Failure(what) from error
    made.settimeout(0)
    return made


def set_up_connection(client: socket.socket) -> None:
    """Answers go out at once, and who is gone without a word is found out. Raises `OSError`."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    client.setsockopt(socket.IPPROTO_TCP, _IDLE, _IDLE_SECONDS)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _BETWEEN_SECONDS)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _UNANSWERED)
