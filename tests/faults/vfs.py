"""A shim between SQLite and the disk: it sees every change of a file before it is made.

The rule this file keeps: the shim changes nothing by itself. A witness is told of each operation;
it may write it down, or raise what the disk is to answer instead. Everything else, locks and the
shared memory of the WAL too, goes to SQLite's own VFS.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

import apsw

NAME = "witnessed"

_SYNCS_ITS_DIRECTORY = (
    apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL
)
"""Files of these kinds: their first sync through each descriptor syncs the directory, too."""

_KEPT = _SYNCS_ITS_DIRECTORY | apsw.SQLITE_OPEN_MAIN_DB
"""Files that are there after a crash; the others are temporary."""

Kind = Literal[
    "open", "write", "sync", "failed sync", "truncate", "delete", "rename", "sync directory"
]


class Operation(NamedTuple):
    """One call that changes a file, or opens it.

    `data` is written at `offset`; of a truncation `offset` is the new size in bytes; `target` is
    the new name of what is renamed.
    """

    kind: Kind
    path: str
    offset: int = 0
    data: bytes = b""
    target: str = ""


Witness = Callable[[Operation], None]
"""Is told of an operation just before it is made. Raises an `apsw.Error` in its place."""


class _File(apsw.VFSFile):
    def __init__(
        self, base: str, name: str | apsw.URIFilename | None, flags: list[int], witness: Witness
    ) -> None:
        super().__init__(base, name, flags)
        self._path = _path(name)
        self._witness = witness
        self._syncs_directory = bool(flags[0] & _SYNCS_ITS_DIRECTORY)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        try:
            self._witness(Operation("write", self._path, offset, data))
        except apsw.Error:
            super().xWrite(data[: len(data) // 2], offset)  # a write that fails may be half done
            raise
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._witness(Operation("sync", self._path))
        super().xSync(flags)
        if self._syncs_directory:
            self._syncs_directory = False
            self._witness(Operation("sync directory", self._path))

    def xLock(self, level: int) -> None:  # noqa: N802
        try:
            super().xLock(level)
        except apsw.IOError:
            # A file that is open for reading cannot be locked for writing, which SQLite tries at
            # the end and ignores. APSW would raise the error all the same, but not this one.
            raise apsw.BusyError from None

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._witness(Operation("truncate", self._path, newsize))
        super().xTruncate(newsize)


class _Shim(apsw.VFS):
    def __init__(self, base: str, witness: Witness) -> None:
        super().__init__(NAME, base, makedefault=True)
        self._base = base
        self._witness = witness

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        if not flags[0] & _KEPT:
            return apsw.VFSFile(self._base, name, flags)
        self._witness(Operation("open", _path(name)))
        return _File(self._base, name, flags, self._witness)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: FBT001, N802
        self._witness(Operation("delete", filename))
        super().xDelete(filename, syncdir)


@contextmanager
def witnessed(witness: Witness) -> Iterator[None]:
    """Put the shim under every connection that is opened inside the block."""
    usual = apsw.vfs_names()[0]
    shim = _Shim(usual, witness)
    try:
        yield
    finally:
        apsw.set_default_vfs(usual)
        shim.unregister()


def _path(name: str | apsw.URIFilename | None) -> str:
    return str(name.filename() if isinstance(name, apsw.URIFilename) else name)
