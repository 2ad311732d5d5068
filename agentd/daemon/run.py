"""Run, under the locks, and stop.

The rule this file keeps: the order. Database, its copy, migrations, socket, readiness; and
backwards: stop accepting, answer what was read, remove the socket, checkpoint and close. Whoever
fails on the way undoes only what is its own.
"""

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from agentd import __version__
from agentd.config import Settings
from agentd.daemon.acceptor import Acceptor, connection_limit
from agentd.daemon.clock import Clock
from agentd.daemon.database import Database, open_database
from agentd.daemon.hook import Hook
from agentd.daemon.inherited_socket import inherited_socket
from agentd.daemon.listener import Listener
from agentd.daemon.log import logger
from agentd.daemon.notifier import VARIABLE, Notifier
from agentd.daemon.service import Service
from agentd.daemon.socket_watch import SocketWatch
from agentd.daemon.start_extension import extended_start
from agentd.daemon.stop_signals import stop_signals
from agentd.daemon.supervision import Supervision
from agentd.daemon.tcp_acceptor import TcpAcceptor
from agentd.daemon.tcp_listener import TcpListener, listen_on
from agentd.daemon.unproved import MOST as MOST_UNPROVED
from agentd.daemon.watchdog import Watchdog
from agentd.errors import Failure
from agentd.loopback import Loopback, Ports
from agentd.secret_file import make_secret
from agentd.store import ServedStore

if TYPE_CHECKING:
    from agentd.figures.endpoint import Endpoint

GARBAGE = 50_000
"""Objects between two collections: 700, Python's own number, costs some 5 % (benchmarks)."""

MOST_SCRAPERS = 24
"""Descriptors of the endpoint that tells the figures: its connections, its loop, its own client."""

DRAIN_SECONDS = 3.0
"""How long clients may take to read their last answers; the whole stop stays under 5 s."""


class Doors(NamedTuple):
    """Where clients come in: the socket, perhaps TCP, and how many of them there may be.

    At `metrics` nobody is a client: there the figures are told.
    """

    listener: Listener
    tcp: TcpListener | None
    most: int
    metrics: socket.socket | None


def run(settings: Settings, *, backup: bool, ports: Ports, supervision: Supervision) -> None:
    """Serve until one of the signals that stop it; `backup`: with a copy before a migration.

    `ports` are where to listen besides the socket. Raises `Failure` where the database or a socket
    is refused, `DiskFailed` after a failed fsync.
    """
    unproved = 0 if ports.tcp is None else MOST_UNPROVED
    scrapers = 0 if ports.metrics is None else MOST_SCRAPERS
    most = connection_limit(unproved + scrapers)  # before the database opens its files
    inherited = inherited_socket(supervision.sockets, settings.socket_path)
    with extended_start(supervision.manager):
        database = open_database(settings, supervision.manager, backup=backup)
    try:
        listener = Listener(settings.socket_path, inherited)
        try:
            _serve(settings, database, _doors(settings, listener, ports, most), supervision)
        finally:
            listener.remove()
    finally:
        database.close()
    database.raise_failure()


def _doors(settings: Settings, listener: Listener, ports: Ports, most: int) -> Doors:
    """Listen where else it was asked for. Raises `Failure`."""
    metrics = None if ports.metrics is None else listen_on(ports.metrics)
    if ports.tcp is None:
        return Doors(listener, None, most, metrics)
    return Doors(listener, TcpListener(ports.tcp, make_secret(settings.secret_file)), most, metrics)


def _serve(settings: Settings, database: Database, doors: Doors, supervision: Supervision) -> None:
    _run_loop(_main(settings, database, doors, supervision))
    for number in stop_signals():  # stopping is under way, and is not to be cut short
        signal.signal(number, signal.SIG_IGN)


def _run_loop(main: Coroutine[Any, Any, None]) -> None:
    try:
        for end in socket.socketpair():  # what a loop needs, and says no more of than a traceback
            end.close()
        runner = asyncio.Runner(loop_factory=_loop_factory())
        runner.get_loop()
    except OSError as error:
        main.close()
        raise Failure(
            f"cannot make an event loop: {error.strerror or error}: does a sandbox forbid sockets?"
        ) from error
    with runner:
        runner.run(main)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - faster where it is installed; the standard loop elsewhere
    except ImportError:
        return None
    return uvloop.new_event_loop


def _make_service(
    settings: Settings, store: ServedStore, clock: Clock, give_up: Callable[[], None]
) -> Service:
    service = Service(
        store,
        clock,
        settings.node_timeout_secs * 1000,
        settings.context_event_limit,
        give_up,
        context_bytes=settings.context_bytes,
        wait_secs=settings.database_wait_secs,
    )
    if settings.notify is not None:
        service.notifier = Notifier(
            Hook(VARIABLE, settings.notify), store, clock, is_shared=store.is_remote
        )
    return service


def _collect_seldom() -> None:
    gc.freeze()  # what is there now stays: no collection need look at it again
    gc.set_threshold(GARBAGE)


async def _main(
    settings: Settings, database: Database, doors: Doors, supervision: Supervision
) -> None:
    clock, stopped = database.make_clock(), asyncio.Event()
    service = _make_service(settings, database.store, clock, stopped.set)
    for number in stop_signals():
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    # Not the loop's handler: this one runs before the requests that arrived while stopped.
    signal.signal(signal.SIGCONT, lambda _number, _frame: service.grace.came_back(clock.now()))
    acceptor = Acceptor(doors.listener.socket, service, doors.most)
    acceptor.open()
    over_tcp = _open_tcp(doors, service, settings.secret_file)
    endpoint = _open_endpoint(doors, settings.socket_path)
    watches = (
        SocketWatch(settings.home, doors.listener, acceptor),
        *database.watches(),
        Watchdog(supervision.manager, service.writer),
    )
    for watch in watches:
        watch.start()
    service.sweeper.sweep()
    _collect_seldom()
    _tell_ready(settings, database, supervision)
    await stopped.wait()
    logger.info("stopping")
    supervision.tell_stopping()
    for watch in watches:
        watch.stop()
    acceptor.close()
    for door in (over_tcp, endpoint):
        if door is not None:
            door.close()
    await service.drain(DRAIN_SECONDS)
    logger.info("stopped")


def _tell_ready(settings: Settings, database: Database, supervision: Supervision) -> None:
    logger.info(
        "agentd %s ready: pid %d, socket %s, database %s",
        __version__,
        os.getpid(),
        settings.socket_path,
        database.shown,
    )
    supervision.tell_ready(f"serving clients on {settings.socket_path}")


def _open_tcp(doors: Doors, service: Service, secret_file: Path) -> TcpAcceptor | None:
    """Let those in who know the secret, and say how they find us."""
    if doors.tcp is None:
        return None
    acceptor = TcpAcceptor(doors.tcp, service, doors.most)
    acceptor.open()
    logger.info(
        "also on AGENTD_ADDRESS=tcp://%s, for clients that have the secret %s",
        doors.tcp.at,
        secret_file,
    )
    return acceptor


def _open_endpoint(doors: Doors, socket_path: Path) -> "Endpoint | None":
    """Tell the figures to those who scrape them, and say where."""
    if doors.metrics is None:
        return None
    from agentd.figures.endpoint import Endpoint  # noqa: PLC0415 - it needs an extra

    at = Loopback(*doors.metrics.getsockname()[:2])
    endpoint = Endpoint(doors.metrics, socket_path)
    endpoint.start()
    logger.info("figures at http://%s/metrics", at)
    return endpoint
