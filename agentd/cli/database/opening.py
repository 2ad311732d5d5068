"""The database as a verb needs it: the file, or that on the server."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from agentd.cli.postgres_driver import require_driver
from agentd.config import Settings
from agentd.daemon.lock import database_lock
from agentd.errors import AlreadyRunning, DatabaseRefused
from agentd.server_url import ServerUrl
from agentd.store import Store
from agentd.store.sqlite import SqliteStore
from agentd.store.sqlite.header import refuse_header

if TYPE_CHECKING:
    from agentd.store.postgres import PostgresStore


@contextmanager
def opened_to_read(settings: Settings) -> Iterator[Store]:
    """The database beside its daemons. Raises `Failure`, `DatabaseGone`."""
    if settings.server is not None:
        store: Store = open_server(settings.server)
    else:
        _refuse_absent(settings.database)
        store = SqliteStore.open_read_only(settings.database)
    with closing(store):
        yield store


@contextmanager
def opened_to_fold(settings: Settings) -> Iterator[Store]:
    """The same, for who folds it anew: a file for itself, a server beside its daemons."""
    with ExitStack() as held:
        if settings.server is not None:
            store: Store = open_server(settings.server)
        else:
            _refuse_absent(settings.database)
            refuse_header(settings.database)  # before a lock is made beside what is not agentd's
            _lock(held, settings.database)
            store = SqliteStore.open_existing(settings.database)
        yield held.enter_context(closing(store))


def open_server(server: ServerUrl) -> "PostgresStore":
    """The database on a server, for a tool. Raises `Failure`, `DatabaseGone`."""
    require_driver("a database on a server")
    from agentd.store.postgres import PostgresStore

    return PostgresStore.open_existing(server.conninfo)


def _refuse_absent(database: Path) -> None:
    if not database.exists():
        raise DatabaseRefused(f"there is no database at {database}: start the daemon to create it")


def _lock(held: ExitStack, database: Path) -> None:
    try:
        held.enter_context(database_lock(database))
    except AlreadyRunning as error:
        raise AlreadyRunning(
            f"{error}; a rebuild needs the database for itself, --check does not"
        ) from error
