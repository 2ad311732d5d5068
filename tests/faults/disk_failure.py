"""A disk that fails at one operation, once or from there on until it is repaired.

The rule this file keeps: it fails as a disk does. A write breaks off half way (`vfs`), and what is
read is read.
"""

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

import apsw

from tests.faults.vfs import Kind, Operation

WORKING: frozenset[Kind] = frozenset({"write", "sync", "truncate"})
"""The operations of a store that is open."""

ALL: frozenset[Kind] = WORKING | {"open", "delete", "rename", "sync directory"}
"""And those of its beginning and its end."""

_CODES: dict[Kind, int] = {
    "open": apsw.SQLITE_CANTOPEN,
    "write": apsw.SQLITE_IOERR_WRITE,
    "sync": apsw.SQLITE_IOERR_FSYNC,
    "truncate": apsw.SQLITE_IOERR_TRUNCATE,
    "delete": apsw.SQLITE_IOERR_DELETE,
    "rename": apsw.SQLITE_IOERR,
    "sync directory": apsw.SQLITE_IOERR_DIR_FSYNC,
}


class Fault(NamedTuple):
    """What goes wrong: at which operation of those kinds, counted from 1, and how.

    A disk that is `full` fails at writes only; any other fails at everything.
    """

    point: int
    full: bool
    sticky: bool


class FailingDisk:
    """The witness that makes a disk fail.

    `seen` counts the operations by kind and file; `failed` is the first that was refused.
    """

    def __init__(self, kinds: Collection[Kind] = WORKING) -> None:
        self.seen: Counter[tuple[Kind, str]] = Counter()
        self.failed: Operation | None = None
        self._kinds = kinds
        self._fault: Fault | None = None
        self._done = 0

    def begin(self, fault: Fault) -> None:
        """Count from here to the fault."""
        self._fault = fault
        self._done = 0

    def repair(self) -> None:
        """Work from here on."""
        self._fault = None

    def __call__(self, operation: Operation) -> None:
        """Take the operation, or raise what SQLite's own VFS would answer."""
        if operation.kind not in self._kinds:
            return
        self.seen[operation.kind, operation.path.rpartition("/")[2]] += 1
        fault = self._fault
        if fault is None or (fault.full and operation.kind != "write"):
            return
        self._done += 1
        if self._done == fault.point or (fault.sticky and self._done > fault.point):
            self.failed = self.failed or operation
            raise apsw.exception_for(apsw.SQLITE_FULL if fault.full else _CODES[operation.kind])
