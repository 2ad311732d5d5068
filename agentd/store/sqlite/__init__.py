"""The store in SQLite, through APSW; the only room that imports apsw.

The rule this file keeps: one connection writes, and what `write` returned from is on disk. Readers
have connections of their own, so a long read holds nobody up. The driver's errors become agentd's
here. After a failed fsync nothing more is written: the kernel may have dropped what it could not
write, and a second fsync would succeed without it (https://wiki.postgresql.org/wiki/Fsync_Errors).
"""

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from agentd.database_files import wal_path
from agentd.errors import StorageError, SyncFailed
from agentd.store.sql.cache import Cache
from agentd.store.sqlite.checkpointing import copy_wal
from agentd.store.sqlite.creating import create_where_missing
from agentd.store.sqlite.driver_errors import is_failed_sync, raise_storage_errors, to_storage_error
from agentd.store.sqlite.mark import Mark, MarkFile
from agentd.store.sqlite.migrate import BeforeMigration, no_preparation
from agentd.store.sqlite.opening import (
    BUSY_MS,
    open_another_reader,
    open_for_reading,
    open_for_writing,
)
from agentd.store.sqlite.place import DatabasePlace
from agentd.store.sqlite.reader import SqliteReader
from agentd.store.sqlite.shadow import SqliteShadow
from agentd.store.sqlite.tx import SqliteTx

CHECKPOINT_PAGES = 1_000
"""WAL length, in pages of 4 KiB, at which it is copied into the database."""

TRUNCATE_BYTES = 32 * 1024 * 1024
"""WAL file size at which its space is given back; half of the 64 MiB it may reach."""

TURN_SECONDS = 1.0
"""How long a reader waits for the WAL to be truncated; another program's reader may prevent it."""


_NOT_COPIED = (
    "the disk failed to keep what was copied from the WAL into the database; the WAL still has it"
)


class SqliteStore:
    """A database file. `write` belongs to one thread; every `read` uses a connection of its own.

    `lost` is the high-water mark that the journal did not reach when it was opened: records up to
    there were acknowledged, and some are gone. `failure` is the failed fsync after which nothing is
    written any more.
    """

    is_remote = False

    def __init__(self, place: DatabasePlace, connection: apsw.Connection) -> None:
        self._path = path = place.path
        self._place = place
        self._connection = connection
        self._idle_readers: list[apsw.Connection] = []
        self._cache = Cache(connection)
        self._mark = MarkFile(path)
        self.lost: Mark | None = None
        self.failure: SyncFailed | None = None
        self._wal_pages = 0
        self._readers_may_begin = threading.Event()
        self._readers_may_begin.set()
        self._lock = threading.Lock()
        self._reading = 0  # reads of this process that are under way
        connection.set_wal_hook(self._note_wal_pages)

    @classmethod
    def open(
        cls, path: Path, at: int, before_migration: BeforeMigration = no_preparation
    ) -> "SqliteStore":
        """The database at `path` for writing, created or migrated where due (`at`: Unix ms)."""
        path = path.resolve()  # SQLite keeps the WAL beside the file, not beside a link to it
        create_where_missing(path, at)
        with DatabasePlace.opening(path) as place:
            store = cls(place, open_for_writing(place, at, before_migration))
            store.lost = store._mark.mark_end(store._connection, path)
            return store

    @classmethod
    def open_existing(cls, path: Path) -> "SqliteStore":
        """The database at `path` for writing, as it is: neither created nor migrated."""
        path = path.resolve()
        open_for_reading(path).close()
        with DatabasePlace.opening(path) as place:
            return cls(place, open_for_writing(place, at=0))

    @classmethod
    def open_read_only(cls, path: Path) -> "SqliteStore":
        """The database at `path` for reading beside its daemon."""
        path = path.resolve()
        return cls(DatabasePlace(path), open_for_reading(path))

    @contextmanager
    def write(self) -> Iterator[SqliteTx]:
        """See `Store.write`."""
        execute = self._connection.execute
        self._check_place()
        self._check_disk()
        with self._remember_failed_sync():
            execute("BEGIN IMMEDIATE")
            try:
                tx = SqliteTx(self._connection, self._cache)
                yield tx
                tx.flush()
                self._commit()
                self._cache.drop_if_too_large()
            except BaseException:
                self._cache.clear()
                if self._connection.in_transaction:
                    execute("ROLLBACK")
                raise
            if tx.last is not None:
                self._check_recorded()
                self._mark.write(Mark(tx.last.seq, tx.last.hash))

    @contextmanager
    def read(self) -> Iterator[SqliteReader]:
        """See `Store.read`."""
        self._place.check()
        with raise_storage_errors(), self._count_reading():
            connection = self._idle_reader() or open_another_reader(self._path)
            connection.execute("BEGIN")
            try:
                yield SqliteReader(connection)
            finally:
                connection.execute("COMMIT")
                self._idle_readers.append(connection)

    @contextmanager
    def shadow(self) -> Iterator[SqliteShadow]:
        """See `Store.shadow`."""
        with self._remember_failed_sync("the disk failed to keep the projections"):
            yield SqliteShadow(self._connection)
        self._cache.clear()  # a swap changes rows behind its back

    def checkpoint(self) -> bool:
        """Copy the WAL into the database when it has grown; call it between transactions.

        False when readers are in the way of giving its space back: then new ones are held until
        another call succeeds (`wait_for_turn`), because readers that overlap would let it grow.
        """
        if self._wal_pages < CHECKPOINT_PAGES:
            return True
        self._check_place()
        truncate = wal_path(self._path).stat().st_size >= TRUNCATE_BYTES
        mode = apsw.SQLITE_CHECKPOINT_TRUNCATE if truncate else apsw.SQLITE_CHECKPOINT_PASSIVE
        self._connection.set_busy_timeout(0)
        in_the_way = False
        try:
            if self._copy_wal(mode):
                self._wal_pages = 0
            in_the_way = bool(truncate and self._wal_pages and self._reading)
        finally:
            self._connection.set_busy_timeout(BUSY_MS)
            if in_the_way:
                self._readers_may_begin.clear()
            else:
                self._readers_may_begin.set()
        return not in_the_way

    def check_files(self) -> None:
        """Raise `StorageError` where the files are no longer ours; call it between transactions.

        What was acknowledged is in the database then, as far as that can be done.
        """
        self._check_place()

    def interrupt(self) -> None:
        """See `ServedStore.interrupt`: nothing waits for another machine."""

    def follow(self) -> None:
        """See `ServedStore.follow`: one daemon has the file."""

    def wait_for_turn(self) -> None:
        """Wait until new readers may begin, but no longer than `TURN_SECONDS`."""
        self._readers_may_begin.wait(TURN_SECONDS)

    def close(self) -> None:
        """See `Store.close`: the last connection removes the WAL, if it is copied and on disk.

        It does so by name: where that leads to the file of another by now, nothing is removed.
        """
        for reader in self._idle_readers:
            reader.close()
        self._idle_readers.clear()
        try:
            with contextlib.suppress(apsw.ConnectionClosedError):
                if not self._connection.readonly("main"):
                    self._close_writer()
            self._connection.close()
        finally:
            self._mark.close()
            self._place.close()

    def _close_writer(self) -> None:
        self._save_wal()
        ours = self._place.is_ours()
        if self.failure is not None or not ours:
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        self._connection.close()
        with contextlib.suppress(OSError):
            self._place.tidy_up(ours=ours)

    def _commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except apsw.IOError as error:
            if is_failed_sync(error):
                raise
            # It may have come after the fsync: then a crash before the next write would bring it.
            raise StorageError(
                f"the database failed to commit: {error}; whether this request is recorded is "
                "unknown: repeat it"
            ) from error

    def _copy_wal(self, mode: int) -> bool:
        """Copy the WAL into the database; False when somebody was in the way."""
        self._check_disk()
        with self._remember_failed_sync(_NOT_COPIED), contextlib.suppress(apsw.BusyError):
            copy_wal(self._place, self._connection, mode)
            return True
        return False

    def _check_place(self) -> None:
        """Raise `StorageError` where the next start would not find what is written now.

        What was acknowledged goes into the database, as long as the WAL is open.
        """
        try:
            self._place.check()
        except StorageError:
            self._save_wal()
            raise
        self._place.catch_up()

    def _check_recorded(self) -> None:
        if self._place.certainly_keeps():
            return
        try:
            self._check_place()
        except StorageError as error:
            told = f"{error}; whether this request is recorded is unknown: repeat it then"
            raise StorageError(told) from error

    def _save_wal(self) -> None:
        """Copy what the WAL holds into the database that is open, whatever their names by now."""
        with contextlib.suppress(StorageError):
            if self._place.fault() is None:
                self._copy_wal(apsw.SQLITE_CHECKPOINT_PASSIVE)

    def _check_disk(self) -> None:
        if self.failure is not None:
            raise SyncFailed(
                "the disk failed to keep an earlier write: nothing more is written until the "
                "daemon is started again; repeat the request then"
            ) from self.failure

    @contextmanager
    def _remember_failed_sync(self, what: str | None = None) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            if not is_failed_sync(error):
                raise to_storage_error(error) from error
            self.failure = SyncFailed(what)
            raise self.failure from error

    def _idle_reader(self) -> apsw.Connection | None:
        try:
            return self._idle_readers.pop()
        except IndexError:
            return None

    @contextmanager
    def _count_reading(self) -> Iterator[None]:
        with self._lock:
            self._reading += 1
        try:
            yield
        finally:
            with self._lock:
                self._reading -= 1

    def _note_wal_pages(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK


__all__ = ["SqliteStore"]
