"""Hosts that share one database: on each a daemon in a home of its own, and a network of its own.

The rule this file keeps: each can be cut off alone. Its network is a proxy, or the system's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from tests.daemon_process import SERVE, DaemonProcess, temporary_home
from tests.faults.client import Clients
from tests.faults.proxy import Proxy, proxied
from tests.machines.namespaces import Namespace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tests.postgres_server import PostgresServer

WAIT_SECONDS = "120"
"""For how long a request waits for the server, where nobody is to see that it gives up."""


NO_SETTINGS: Mapping[str, str | None] = MappingProxyType({})


def at_once(doings: Iterable[Callable[[], object]]) -> None:
    """Do all of it side by side. Raises what the first of those raises that raise."""
    failed: list[BaseException] = []

    def carry_out(doing: Callable[[], object]) -> None:
        try:
            doing()
        except BaseException as error:  # noqa: BLE001 - told by whoever waits
            failed.append(error)

    threads = [threading.Thread(target=carry_out, args=(each,)) for each in doings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


Network = Proxy | Namespace
MakeNetwork = Callable[["PostgresServer", int], AbstractContextManager[Network]]


class Host(NamedTuple):
    """One of them."""

    name: str
    daemon: DaemonProcess
    network: Network


def proxied_network(server: PostgresServer, _number: int) -> AbstractContextManager[Proxy]:
    """A network of a host's own."""
    return proxied("127.0.0.1", server.port)


def running(program: list[str]) -> type[DaemonProcess]:
    """A daemon that is another program."""
    return type("OtherProcess", (DaemonProcess,), {"command": program})


@contextmanager
def hosts(
    server: PostgresServer,
    url: str,
    count: int,
    env: Mapping[str, str | None] = NO_SETTINGS,
    commands: Sequence[list[str]] = (),
    make_network: MakeNetwork = proxied_network,
) -> Iterator[tuple[list[Host], Path]]:
    """So many, whose daemons start at once; and the folder of their accounts.

    `commands` are what is run in the place of `agentd serve`, if there are any.
    """
    with ExitStack() as ending:
        place = ending.enter_context(temporary_home()).parent
        made: list[Host] = []

        def start(number: int) -> None:
            network = ending.enter_context(make_network(server, number))
            name = f"host{number}"
            settings = {"AGENTD_DATABASE_URL": network.url(url), **env}
            program = commands[number] if commands else SERVE
            if isinstance(network, Namespace):
                program = [*network.prefix, *program]
            daemon = running(program)(place / name, **settings)
            made.append(Host(name, ending.enter_context(daemon), network))

        at_once([lambda number=number: start(number) for number in range(count)])  # type: ignore[misc]
        yield sorted(made), place


@contextmanager
def at_work(there: Iterable[Host], folder: Path, each: int, seed: int) -> Iterator[None]:
    """So many clients at work on each host, for the length of the block."""
    with ExitStack() as stack:
        for host in there:
            socket_path = host.daemon.socket_path
            stack.enter_context(Clients(each, socket_path, folder, seed, host.name))
        yield
