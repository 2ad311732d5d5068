"""Everything that is done to the files of one directory, through SQLite and past it.

The rule this file keeps: it records what was asked of the operating system, in its order, and
nothing that it concluded. What agentd does by itself, `os.open`, `os.pwrite`, `os.fsync` and
`Path.rename`, is recorded as what SQLite does.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import apsw

from tests.faults.vfs import Operation, Witness, witnessed


class Recording:
    """The operations so far; `len` is the moment.

    A witness is told of each operation before it is recorded and done, and may raise instead.
    """

    def __init__(self, directory: Path, witness: Witness = lambda _operation: None) -> None:
        self.operations: list[Operation] = []
        self._directory = directory
        self._witness = witness
        self._paths: dict[int, str] = {}  # of the files that agentd opened by itself

    def __len__(self) -> int:
        return len(self.operations)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Record what happens in the block."""
        with ExitStack() as patches:
            for module, name, make in (
                (os, "open", self._opening),
                (os, "pwrite", self._writing),
                (os, "fsync", self._syncing),
                (Path, "rename", self._renaming),
            ):
                patches.enter_context(patch.object(module, name, make(getattr(module, name))))
            patches.enter_context(witnessed(self._take))
            yield

    def without_syncs(self, name: str) -> list[Operation]:
        """The operations as a disk does them that lies about the syncs of the file of that name."""
        lies = {("sync", name)}
        return [
            operation._replace(kind="open")
            if (operation.kind, Path(operation.path).name) in lies
            else operation
            for operation in self.operations
        ]

    def _take(self, operation: Operation) -> None:
        try:
            self._witness(operation)
        except BaseException:
            if operation.kind == "sync":
                self.operations.append(operation._replace(kind="failed sync"))
            raise
        self.operations.append(operation)

    def _take_from_system(self, operation: Operation) -> None:
        """Take an operation that SQLite has no part in: it fails in the system's words."""
        try:
            self._take(operation)
        except apsw.Error as error:
            number = errno.ENOSPC if isinstance(error, apsw.FullError) else errno.EIO
            raise OSError(number, os.strerror(number)) from None

    def _opening(self, usual: Any) -> Any:
        def opened(path: Any, *arguments: Any, **more: Any) -> int:
            ours = isinstance(path, Path) and path.parent == self._directory
            if ours:
                self._take_from_system(Operation("open", str(path)))
            file: int = usual(path, *arguments, **more)
            self._paths.pop(file, None)
            if ours:
                self._paths[file] = str(path)
            return file

        return opened

    def _writing(self, usual: Any) -> Any:
        def written(file: int, data: bytes, offset: int) -> int:
            self._take_from_system(Operation("write", self._paths[file], offset, bytes(data)))
            count: int = usual(file, data, offset)
            return count

        return written

    def _syncing(self, usual: Any) -> Any:
        def synced(file: int) -> None:
            if stat.S_ISDIR(os.fstat(file).st_mode):
                self._take_from_system(Operation("sync directory", ""))
            else:
                self._take_from_system(Operation("sync", self._paths[file]))
            usual(file)

        return synced

    def _renaming(self, usual: Any) -> Any:
        def renamed(path: Path, target: Path) -> Path:
            self._take_from_system(Operation("rename", str(path), target=str(target)))
            result: Path = usual(path, target)
            return result

        return renamed
