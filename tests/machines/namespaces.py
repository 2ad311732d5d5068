"""Networks of the system's own: a host in a namespace, with a cable to the server that is pulled.

The rule this file keeps: nothing says that the cable is pulled. Packets are lost, both ways, and
neither side hears of it. Only root may do so, and where it may not the test is skipped by name.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres_server import PostgresServer

NETWORK = "10.213"
"""Private, and hopefully nobody else's here."""


def ip(*arguments: str) -> None:
    """Run `ip`. Raises `CalledProcessError`."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True)  # noqa: S607


class Namespace:
    """Where a program runs whose `prefix` this is: it reaches the server and nothing else."""

    def __init__(self, number: int, port: int) -> None:
        self._name = f"agentd-{os.getpid()}-{number}"
        self._cable = f"ag{os.getpid() % 100_000}.{number}"
        self._port = port
        self._server, self._own = (f"{NETWORK}.{number}.{last}" for last in (1, 2))
        self.prefix = ["ip", "netns", "exec", self._name]

    def make(self) -> None:
        """Lay the cable."""
        ip("netns", "add", self._name)
        ends = ("type", "veth", "peer", "name", "server", "netns", self._name)
        ip("link", "add", self._cable, *ends)
        ip("addr", "add", f"{self._server}/24", "dev", self._cable)
        ip("-n", self._name, "addr", "add", f"{self._own}/24", "dev", "server")
        ip("-n", self._name, "link", "set", "server", "up")
        self.calm()

    def remove(self) -> None:
        """The cable goes with it."""
        subprocess.run(["ip", "netns", "del", self._name], check=False, capture_output=True)  # noqa: S607

    def url(self, url: str) -> str:
        """The same, as it is reached from there."""
        parts = urlsplit(url)
        who, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{who}{at}{self._server}:{self._port}"))

    def stall(self) -> None:
        """Pull the cable."""
        ip("link", "set", self._cable, "down")

    def calm(self) -> None:
        """Plug it in again."""
        ip("link", "set", self._cable, "up")


@contextmanager
def namespace(server: PostgresServer, number: int) -> Iterator[Namespace]:
    """Give one with a cable to that server. Skips where that is not allowed."""
    made = Namespace(number, server.port)
    try:
        made.make()
    except (OSError, subprocess.CalledProcessError) as error:
        made.remove()
        pytest.skip(f"no network namespace can be made here: {error}")
    try:
        yield made
    finally:
        made.remove()


def skip_without_namespaces() -> None:
    """Before a server is started for nothing."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces are root's, by `ip` of iproute2")


def let_in(server: PostgresServer) -> None:
    """Have a server that listens everywhere let those in that come over a cable."""
    rules = server.data / "pg_hba.conf"
    rules.write_text(f"host all all {NETWORK}.0.0/16 scram-sha-256\n{rules.read_text()}")
    os.kill(server.pid, signal.SIGHUP)
