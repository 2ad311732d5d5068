"""The store in SQLite, through APSW; the only room that imports apsw.

The rule this file keeps: one connection writes, and what `write` returned from is on disk. Readers
have connections of their own, so a long read holds nobody up. The driver's errors become agentd's
here.
"""

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from agentd.errors import StorageError, StorageFull
from agentd.store.sqlite.kept import Kept
from agentd.store.sqlite.opening import (
    BUSY_MS,
    another_reader,
    open_for_reading,
    open_for_writing,
)
from agentd.store.sqlite.reader import SqliteReader
from agentd.store.sqlite.shadow import SqliteShadow
from agentd.store.sqlite.tx import SqliteTx

CHECKPOINT_PAGES = 1_000
"""WAL length, in pages of 4 KiB, at which it is copied into the database."""

TRUNCATE_BYTES = 32 * 1024 * 1024
"""WAL file size at which its space is given back; half of the 64 MiB it may reach."""

TURN_SECONDS = 1.0
"""How long a reader waits for the WAL to be truncated; another program's reader may prevent it."""


class SqliteStore:
    """A database file. `write` belongs to one thread; every `read` uses a connection of its own."""

    def __init__(self, path: Path, connection: apsw.Connection) -> None:
        self._path = path
        self._connection = connection
        self._identity = _identity(path)
        self._idle_readers: list[apsw.Connection] = []
        self._kept = Kept(connection)
        self._wal_pages = 0
        self._readers_may_begin = threading.Event()
        self._readers_may_begin.set()
        self._lock = threading.Lock()
        self._reading = 0  # reads of this process that are under way
        connection.set_wal_hook(self._grown)

    @classmethod
    def open(cls, path: Path, at: int) -> "SqliteStore":
        """The database at `path` for writing, created or migrated where due (`at`: Unix ms)."""
        path = path.resolve()  # SQLite keeps the WAL beside the file, not beside a link to it
        return cls(path, open_for_writing(path, at))

    @classmethod
    def open_existing(cls, path: Path) -> "SqliteStore":
        """The database at `path` for writing, as it is: neither created nor migrated."""
        path = path.resolve()
        open_for_reading(path).close()
        return cls(path, open_for_writing(path, at=0))

    @classmethod
    def open_read_only(cls, path: Path) -> "SqliteStore":
        """The database at `path` for reading beside its daemon."""
        path = path.resolve()
        return cls(path, open_for_reading(path))

    @contextmanager
    def write(self) -> Iterator[SqliteTx]:
        """See `Store.write`."""
        execute = self._connection.execute
        self._check_place()
        with _translated():
            execute("BEGIN IMMEDIATE")
            try:
                tx = SqliteTx(self._connection, self._kept)
                yield tx
                tx.flush()
                execute("COMMIT")
                self._kept.prune()
            except BaseException:
                self._kept.clear()
                if self._connection.in_transaction:
                    execute("ROLLBACK")
                raise

    @contextmanager
    def read(self) -> Iterator[SqliteReader]:
        """See `Store.read`."""
        self._check_place()
        with _translated(), self._counted():
            connection = self._idle_reader() or another_reader(self._path)
            connection.execute("BEGIN")
            try:
                yield SqliteReader(connection)
            finally:
                connection.execute("COMMIT")
                self._idle_readers.append(connection)

    @contextmanager
    def shadow(self) -> Iterator[SqliteShadow]:
        """See `Store.shadow`."""
        with _translated():
            yield SqliteShadow(self._connection)
        self._kept.clear()  # a swap changes rows behind its back

    def checkpoint(self) -> bool:
        """Copy the WAL into the database when it has grown; call it between transactions.

        False when readers are in the way of giving its space back: then new ones are held until
        another call succeeds (`wait_for_turn`), because readers that overlap would let it grow.
        """
        if self._wal_pages < CHECKPOINT_PAGES:
            return True
        wal = self._path.with_name(self._path.name + "-wal")
        truncate = wal.stat().st_size >= TRUNCATE_BYTES
        mode = apsw.SQLITE_CHECKPOINT_TRUNCATE if truncate else apsw.SQLITE_CHECKPOINT_PASSIVE
        self._connection.set_busy_timeout(0)
        in_the_way = False
        try:
            with _translated(), contextlib.suppress(apsw.BusyError):
                self._connection.wal_checkpoint(mode=mode)
                self._wal_pages = 0
            in_the_way = bool(truncate and self._wal_pages and self._reading)
        finally:
            self._connection.set_busy_timeout(BUSY_MS)
            if in_the_way:
                self._readers_may_begin.clear()
            else:
                self._readers_may_begin.set()
        return not in_the_way

    def wait_for_turn(self) -> None:
        """Wait until new readers may begin, but no longer than `TURN_SECONDS`."""
        self._readers_may_begin.wait(TURN_SECONDS)

    def close(self) -> None:
        """See `Store.close`: the last connection checkpoints and removes the WAL."""
        for reader in self._idle_readers:
            reader.close()
        self._connection.close()

    def _check_place(self) -> None:
        """Raise `StorageError` when the file is no longer where the next start will look for it."""
        if _identity(self._path) != self._identity:
            raise StorageError(
                f"{self._path} was moved, removed or replaced under the daemon: "
                "put it back, or stop the daemon"
            )

    def _idle_reader(self) -> apsw.Connection | None:
        try:
            return self._idle_readers.pop()
        except IndexError:
            return None

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self._reading += 1
        try:
            yield
        finally:
            with self._lock:
                self._reading -= 1

    def _grown(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK


def _identity(path: Path) -> tuple[int, int] | None:
    # By name, never through a descriptor: closing one would drop SQLite's locks on the file.
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except apsw.BusyError as error:
        raise StorageError("another program has locked the database; repeat the request") from error
    except apsw.FullError as error:
        raise StorageFull from error
    except apsw.Error as error:
        raise StorageError(
            f"the database failed: {error}; nothing of this request is recorded"
        ) from error


__all__ = ["SqliteStore"]
