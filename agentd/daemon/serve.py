"""Start and stop.

The rule this file keeps: the order. Settings, home, locks, database, migrations, socket, ready
line; and backwards: stop accepting, answer what was read, remove the socket, checkpoint and close,
release the locks. Whoever fails on the way undoes only what is its own.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from agentd import __version__
from agentd.api import rfc3339
from agentd.config import Settings
from agentd.daemon.clock import Clock, wall
from agentd.daemon.connection import Connection
from agentd.daemon.listener import Listener
from agentd.daemon.lock import database_lock, home_lock, socket_lock
from agentd.daemon.log import logger, set_up
from agentd.daemon.service import Service
from agentd.errors import Failure
from agentd.store.sqlite import SqliteStore

_OURS = ("agentd", "agent_state", "artifacts", ".env")
"""How the names of files in a home begin."""

_STOPS = (signal.SIGTERM, signal.SIGINT)

DRAIN_SECONDS = 3.0
"""How long clients may take to read their last answers; the whole stop stays under 5 s."""


def serve(settings: Settings) -> None:
    """Run the daemon in the foreground until SIGTERM or SIGINT. Raises `Failure` instead."""
    set_up(settings.log_level)
    for number in _STOPS:  # until the loop takes over
        signal.signal(number, lambda _number, _frame: sys.exit(0))
    os.umask(0o077)  # database, WAL, lock and socket are for this user only
    with ExitStack() as held:
        _make_private(settings.home)
        for directory in (settings.database.parent, settings.socket_path.parent):
            _make(directory)
        held.enter_context(home_lock(settings.home))
        held.enter_context(database_lock(settings.database))
        for warning in settings.warnings:
            logger.warning("%s", warning)
        store = SqliteStore.open(settings.database, wall())
        held.callback(store.close)
        held.enter_context(socket_lock(settings.socket_path))
        listener = Listener(settings.socket_path)
        held.callback(listener.remove)
        _run(_main(settings, store, listener))
        for number in _STOPS:  # stopping is under way, and is not to be cut short
            signal.signal(number, signal.SIG_IGN)


def _run(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop  # noqa: PLC0415 - faster where it is installed; the standard loop elsewhere
    except ImportError:
        asyncio.run(main)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main)


async def _main(settings: Settings, store: SqliteStore, listener: Listener) -> None:
    loop = asyncio.get_running_loop()
    with store.read() as reader:
        last_at = reader.last_at()
    clock = Clock(not_before=last_at)
    if last_at > wall():
        logger.warning("the journal ends at %s, later than the wall clock says", rfc3339(last_at))
    stopped = asyncio.Event()
    service = Service(
        store,
        clock,
        settings.node_timeout_secs * 1000,
        settings.context_event_limit,
        give_up=stopped.set,
    )
    for number in _STOPS:
        loop.add_signal_handler(number, stopped.set)
    # Not the loop's handler: this one runs before the requests that arrived while stopped.
    signal.signal(signal.SIGCONT, lambda _number, _frame: service.grace.came_back(clock.now()))
    server = await loop.create_unix_server(lambda: Connection(service), sock=listener.socket)
    service.sweeper.look()
    logger.info(
        "agentd %s ready: pid %d, socket %s, database %s",
        __version__,
        os.getpid(),
        settings.socket_path,
        settings.database,
    )
    await stopped.wait()
    logger.info("stopping")
    server.close()
    await service.drain(DRAIN_SECONDS)
    logger.info("stopped")


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"cannot make the directory {directory}: {error.strerror}") from error


def _make_private(home: Path) -> None:
    """Make the home, for this user only."""
    _make(home)
    found = home.stat()
    if found.st_mode & 0o077 == 0:
        return
    strangers = {entry.name for entry in home.iterdir() if not entry.name.startswith(_OURS)}
    if found.st_uid != os.getuid() or strangers:  # somebody else's, or no home of agentd's at all
        raise Failure(
            f"{home} is open to other users and holds more than agentd's files: "
            f"run `chmod 700` on it, or set AGENTD_HOME elsewhere"
        )
    home.chmod(0o700)
    logger.warning("%s was open to other users: its mode is 0700 now", home)
