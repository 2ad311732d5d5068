"""Whether the files of a database that is open are still where the next start will look for them.

The rule this file keeps: nothing is written, copied, cut or removed beside a database before it is
certain that the names there still lead to the files that are open here. Somebody may have moved or
removed them and put others in their place, another daemon's perhaps, or have copied another
database over this one. SQLite goes by name, and sees nothing of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from agentd.database_files import index_path, note_path, wal_path
from agentd.errors import StorageError
from agentd.store.sqlite.aside import FOREIGN, set_aside
from agentd.store.sqlite.checkpoint_note import (
    CheckpointNote,
    FileStamp,
    file_identity,
    write_note,
)
from agentd.store.sqlite.claim import Claim
from agentd.store.sqlite.contents import FileContents


class DatabasePlace:
    """The place of the database at `path`, which leads to the file itself, not to a link to it.

    `contents` is what is watched of a database that this process has claimed.
    """

    def __init__(self, path: Path, claim: Claim | None = None) -> None:
        self.path = path
        self.contents: FileContents | None = None
        self._claim = claim
        self._files = {str(path): file_identity(path)}
        self._copied = "", 0  # salts and frames, as they were noted last
        self.is_noted = True  # what was copied; not while the names led elsewhere
        if claim is not None and claim.file is not None:
            self.contents = FileContents(path, claim.file, self._note_again)

    @classmethod
    def claimed(cls, path: Path) -> "DatabasePlace":
        """The place of a database that this process alone writes to, until `close`.

        Raises `AlreadyRunning` and `DatabaseRefused`.
        """
        return cls(path, Claim(path))

    @classmethod
    @contextmanager
    def opening(cls, path: Path) -> Iterator["DatabasePlace"]:
        """The same, given back where the block that opens the database fails."""
        place = cls.claimed(path)
        try:
            yield place
        except BaseException:
            place.close()
            raise

    def watch_wal(self) -> None:
        """The WAL and its index are there now, and the database is as it should be.

        Raises `OSError`.
        """
        for file in (wal_path(self.path), index_path(self.path)):
            self._files[str(file)] = file_identity(file)
        if self.contents is not None:
            self.contents.watch_wal()
        self._note_again()

    def close(self) -> None:
        """Let others have the database. Its connections are closed before."""
        if self.contents is not None:
            self.contents.close()
        if self._claim is not None:
            self._claim.release()

    def check(self) -> None:
        """Raise `StorageError` where a file is no longer the one that is open here."""
        for name, known in self._files.items():
            if file_identity(name) != known:
                raise StorageError(self._fault_of_name(name))
        if self.contents is not None and (fault := self.contents.fault()) is not None:
            raise StorageError(f"{fault}: stop the daemon, and start it again")

    def certainly_keeps(self) -> bool:
        """Whether what was just written to the WAL is there: a quicker `check`, of what is open.

        It may be in doubt, and False, where nothing is wrong; `check` knows.
        """
        return self.contents is None or self.contents.certainly_keeps()

    def is_ours(self) -> bool:
        """Whether `check` finds nothing."""
        try:
            self.check()
        except StorageError:
            return False
        return True

    def fault(self) -> str | None:
        """What is wrong with what the files hold that are open, whatever their names."""
        return None if self.contents is None else self.contents.fault()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """The database's file is written to, by us."""
        with self.contents.writing() if self.contents else nullcontext():
            yield

    def note(self, salts: str, frames: int, *, lasting: bool = False) -> None:
        """Note how far the WAL was copied; `lasting`: have the disk keep it. The files are ours."""
        if (file := self._files[str(self.path)]) is not None:
            self._copied = salts, frames
            stamp = (self.contents and self.contents.stamp) or FileStamp.being_copied_into(file)
            wal = file_identity(wal_path(self.path))
            write_note(self.path, CheckpointNote(salts, frames, stamp, wal), lasting=lasting)

    def catch_up(self) -> None:
        """Note what was copied while it could not be noted. The files are ours (again)."""
        if not self.is_noted:
            self._note_again()
            self.is_noted = True

    def tidy_up(self, *, ours: bool) -> None:
        """Tidy up behind the last connection; `ours`: as `is_ours` said before it was closed.

        Where another database has the name by now, the WAL is kept from it. Without any, it stays:
        no start makes a new database beside it. Raises `OSError`.
        """
        wal, index = wal_path(self.path), index_path(self.path)
        if ours:
            if not wal.exists():
                note_path(self.path).unlink(missing_ok=True)
        elif self._is_replaced() and self._is_still(wal) and wal.stat().st_size:
            set_aside(wal, FOREIGN)
            note_path(self.path).unlink(missing_ok=True)
            if self._is_still(index):
                index.unlink()

    def _note_again(self) -> None:
        """Have the disk keep how the files are now, whoever has made them so."""
        self.note(*self._copied, lasting=True)

    def _is_replaced(self) -> bool:
        """Whether the name leads to another database now."""
        if self._is_still(self.path):
            return self.contents is not None and self.contents.overwrite_fault() is not None
        return file_identity(self.path) is not None

    def _is_still(self, file: Path) -> bool:
        return file_identity(file) == self._files.get(str(file), ())

    def _fault_of_name(self, name: str) -> str:
        if name == str(self.path):
            return (
                f"{name} was moved, removed or replaced under the daemon: "
                "put it back, or stop the daemon"
            )
        return (
            f"{name} was moved, removed or replaced under the daemon: stop the daemon, and start "
            "it again; what it has acknowledged is kept"
        )
