"""Where a daemon is, and what is particular to the way there.

The rule this file keeps: who sends requests does not ask which way they go. Before the first one it
is known whose program listens: of a Unix socket the kernel says it (`trust`), over TCP that program
proves it (`tcp_proof`).
"""

import errno
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from agentd import config
from agentd.client import trust
from agentd.client.starting import start_pauses
from agentd.client.unreachable import connect_error, no_unix_sockets_error, tcp_connect_error
from agentd.errors import BadSetting, DaemonUnreachable
from agentd.loopback import Loopback

if TYPE_CHECKING:
    import asyncio

    from agentd.client.tcp_proof import Proof

Protocol = TypeVar("Protocol", bound="asyncio.Protocol")

_RETRY_SECONDS = 2.0
"""How long it is tried again where a program lets a client in and closes without a word."""

_PAUSE_SECONDS = 0.05


class UnixAddress(NamedTuple):
    """A socket in the file system."""

    path: str

    def __str__(self) -> str:
        return self.path

    @property
    def target(self) -> str:
        """What a socket is connected to."""
        return self.path

    def new_socket(self) -> socket.socket:
        """One that is not connected. Raises `NotPermitted` where there may be none."""
        try:
            return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        except OSError as error:
            raise no_unix_sockets_error(self.path, error) from error

    async def open(
        self, loop: "asyncio.AbstractEventLoop", make: Callable[[], Protocol]
    ) -> "tuple[asyncio.Transport, Protocol]":
        """A connection of an event loop. Raises `OSError`."""
        self.new_socket().close()  # that there may be none is told apart from who does not listen
        return await loop.create_unix_connection(make, self.path)

    def pauses(self, seconds: float) -> Iterator[float]:
        """Seconds to wait before each further attempt to connect, while a daemon starts."""
        return start_pauses(self.path, seconds)

    def retries(self, _seconds: float) -> Iterator[float]:
        """See `TcpAddress`: who listens says so here without being asked."""
        return iter(())

    def connect_error(self, error: OSError) -> DaemonUnreachable:
        """Why there is no connection."""
        return connect_error(self.path, error)

    def check(self, connection: socket.socket) -> None:
        """Ask the kernel who listens. Raises `ForeignDaemon`, `NotSent`, `BadSetting`."""
        trust.check(self.path, connection)

    def begin_proof(self) -> "Proof | None":
        """What there is to prove: nothing, the kernel tells."""
        return None

    def environment(self) -> dict[str, str]:
        """What a program that we start has to know to find the same daemon."""
        path = os.path.abspath(self.path)  # noqa: PTH100 - keep symlinks
        told = {"AGENTD_SOCKET_PATH": path}
        if config.load().address is not None:  # which would win
            told["AGENTD_ADDRESS"] = f"unix:{path}"
        return told


class TcpAddress(NamedTuple):
    """A port of this machine, and the file with the secret."""

    at: Loopback
    secret_file: Path

    def __str__(self) -> str:
        return f"tcp://{self.at}"

    @property
    def target(self) -> Loopback:
        """What a socket is connected to."""
        return self.at

    def new_socket(self) -> socket.socket:
        """One that is not connected; a request goes out at once. Raises `DaemonUnreachable`."""
        try:
            made = socket.socket(socket.AF_INET6 if ":" in self.at.host else socket.AF_INET)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise self.connect_error(error) from error
        return made

    async def open(
        self, loop: "asyncio.AbstractEventLoop", make: Callable[[], Protocol]
    ) -> "tuple[asyncio.Transport, Protocol]":
        """A connection of an event loop, which sends at once. Raises `OSError`."""
        transport, protocol = await loop.create_connection(make, *self.at)
        if transport.get_extra_info("peername") is None:
            transport.abort()
            raise ConnectionResetError(errno.ECONNRESET, "closed at once")
        return transport, protocol

    def pauses(self, _seconds: float) -> Iterator[float]:
        """Nothing tells from here that a daemon starts."""
        return iter(())

    def retries(self, seconds: float) -> Iterator[float]:
        """Seconds to wait before each further attempt, where we were let in and closed at once.

        A forwarder does so that finds no daemon behind it, and a daemon to which many come at once
        that do not know the secret.
        """
        for _ in range(int(min(seconds, _RETRY_SECONDS) / _PAUSE_SECONDS)):
            yield _PAUSE_SECONDS

    def connect_error(self, error: OSError) -> DaemonUnreachable:
        """Why there is no connection."""
        return tcp_connect_error(str(self), error)

    def check(self, connection: socket.socket) -> None:
        """The kernel says nothing of who listens: see `begin_proof`."""

    def begin_proof(self) -> "Proof | None":
        """The proof that both know the secret. Raises `BadSetting` where there is none."""
        from agentd.client.tcp_proof import prove  # noqa: PLC0415 - late: hashes are for TCP alone
        from agentd.secret_file import load_secret  # noqa: PLC0415 - the same

        return prove(str(self), self.secret_file, load_secret(self.secret_file))

    def environment(self) -> dict[str, str]:
        """What a program that we start has to know to find the same daemon."""
        return {"AGENTD_ADDRESS": str(self), "AGENTD_SECRET_FILE": str(self.secret_file)}


Address = UnixAddress | TcpAddress


def address_of(where: "str | Path | Address | None") -> Address:
    """Where the daemon is: a socket's path, `tcp://…` or `unix:PATH`, or what the settings say.

    Raises `BadSetting`.
    """
    if isinstance(where, UnixAddress | TcpAddress):
        return where
    if not where:
        settings = config.load()
        return _to_address(settings.address or settings.socket_path, settings)
    if isinstance(where, str) and where.startswith(("tcp://", "unix:")):
        try:
            return _to_address(config.parse_address(where), None)
        except ValueError as error:
            raise BadSetting(f"the address {where!r}: {error}") from error
    return UnixAddress(str(where))


def _to_address(found: Path | Loopback, settings: config.Settings | None) -> Address:
    if isinstance(found, Path):
        return UnixAddress(str(found))
    return TcpAddress(found, (settings or config.load()).secret_file)
