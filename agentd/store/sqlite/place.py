"""Whether the files of a database that is open are still where the next start will look for them.

The rule this file keeps: nothing is written, copied, cut or removed beside a database before it is
certain that the names there still lead to the files that are open here. Somebody may have moved or
removed them and put others in their place, another daemon's perhaps, or have copied another
database over this one. SQLite goes by name, and sees nothing of it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentd.errors import StorageError
from agentd.store.sqlite.aside import FOREIGN, set_aside
from agentd.store.sqlite.claim import Claim
from agentd.store.sqlite.note import (
    Note,
    Stamp,
    fits,
    identity,
    note_path,
    wal_path,
    write_note,
)


class Place:
    """The place of the database at `path`, which leads to the file itself, not to a link to it."""

    def __init__(self, path: Path, claim: Claim | None = None) -> None:
        self.path = path
        self._claim = claim
        self._files = {str(path): identity(path)}
        self._copied = "", 0  # salts and frames, as they were noted last
        self._lock = threading.Lock()
        self._stamp = self._stamp_now()  # None while we write to the file

    @classmethod
    def claimed(cls, path: Path) -> "Place":
        """The place of a database that this process alone writes to, until `close`.

        Raises `AlreadyRunning` and `DatabaseRefused`.
        """
        return cls(path, Claim(path))

    def settle_in(self) -> None:
        """The WAL and its index are there now, and the database is as it should be."""
        for end in ("-wal", "-shm"):
            file = f"{self.path}{end}"
            self._files[file] = identity(file)
        self._stamp = self._stamp_now()
        self.note(*self._copied)

    def close(self) -> None:
        """Let others have the database. Its connections are closed before."""
        if self._claim is not None:
            self._claim.release()

    def check(self) -> None:
        """Raise `StorageError` where a file is no longer the one that is open here."""
        for name, known in self._files.items():
            if identity(name) != known:
                raise StorageError(self._told(name))
        if self.is_overwritten():
            raise StorageError(
                f"another database was copied over {self.path} under the daemon: stop the daemon, "
                "and start it again on what is there now"
            )

    def is_ours(self) -> bool:
        """Whether `check` finds nothing."""
        try:
            self.check()
        except StorageError:
            return False
        return True

    def is_overwritten(self) -> bool:
        """Whether the file that is open, whatever its name, has become another database."""
        stamp = self._stamp
        found = self._claim.status() if self._claim else None
        if stamp is None or found is None or stamp.is_of(found):
            return False
        with self._lock:
            if self._stamp is not stamp:  # we have written to it since
                return False
            now = self._stamp_now()
            if now is None or not fits(self.path, self._header(), stamp):
                return True
            self._stamp = now  # another program has copied the WAL into it
            self.note(*self._copied)
            return False

    @contextmanager
    def writing(self) -> Iterator[None]:
        """The database's file is written to, by us."""
        with self._lock:
            self._stamp = None
        try:
            yield
        finally:
            self._stamp = self._stamp_now()

    def note(self, salts: str, frames: int, *, lasting: bool = False) -> None:
        """Note how far the WAL was copied. The files are ours."""
        if (file := self._files[str(self.path)]) is not None:
            self._copied = salts, frames
            stamp = self._stamp or Stamp.under_way(file)
            wal = identity(wal_path(self.path))
            write_note(self.path, Note(salts, frames, stamp, wal), lasting=lasting)

    def leave(self, *, ours: bool) -> None:
        """Tidy up behind the last connection; `ours`: as `is_ours` said before it was closed.

        Where another database has the name by now, the WAL is kept from it. Without any, it stays:
        no start makes a new database beside it. Raises `OSError`.
        """
        wal, index = wal_path(self.path), self.path.with_name(self.path.name + "-shm")
        if ours:
            if not wal.exists():
                note_path(self.path).unlink(missing_ok=True)
        elif self._is_replaced() and self._has(wal):
            set_aside(wal, FOREIGN)
            note_path(self.path).unlink(missing_ok=True)
            if self._has(index):
                index.unlink()

    def _is_replaced(self) -> bool:
        """Whether the name leads to another database now."""
        if self._has(self.path):
            return self.is_overwritten()
        return identity(self.path) is not None

    def _has(self, file: Path) -> bool:
        return identity(file) == self._files.get(str(file), ())

    def _told(self, name: str) -> str:
        if name == str(self.path):
            return (
                f"{name} was moved, removed or replaced under the daemon: "
                "put it back, or stop the daemon"
            )
        return (
            f"{name} was moved, removed or replaced under the daemon: stop the daemon, and start "
            "it again; what it has acknowledged is kept"
        )

    def _header(self) -> bytes:
        return self._claim.header() if self._claim else b""

    def _stamp_now(self) -> Stamp | None:
        found = self._claim.status() if self._claim else None
        return Stamp.of(found, self._header()) if found else None
