"""A disk as a power cut finds it: what was synced is there, the rest perhaps, in any order.

The rule this file keeps: it promises what SQLite asks of a disk and nothing more
(https://sqlite.org/atomiccommit.html, section 2). A sync makes everything durable that was done to
that file before it; a sync of the directory makes names durable. Of what came later each write may
be there, missing or torn at sectors of 512 bytes; a file may have grown and hold anything where its
bytes are missing; a file may be back that was deleted. Bytes beside those written stay as they were
(power-safe overwrite, which SQLite takes for granted: https://sqlite.org/psow.html).
"""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any, NamedTuple
from unittest.mock import patch

from tests.faults.vfs import Operation, witnessed

SECTOR = 512

Image = dict[str, bytes]
"""What is on the disk, by file name."""


class Recording:
    """All operations on the files of SQLite, in their order; `len` is the moment."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []

    def __len__(self) -> int:
        return len(self.operations)

    def note(self, path: Path) -> None:
        """Take down a small file as it is now: one that is written beside SQLite, without a sync.

        Call it after every write to the file, which has to be whole each time.
        """
        if path.exists():
            self.operations.append(Operation("open", str(path)))
            self.operations.append(Operation("write", str(path), 0, path.read_bytes()))

    def without_syncs(self, name: str) -> list[Operation]:
        """The operations as a disk does them that lies about the syncs of the file of that name."""
        lies = {("sync", name)}
        return [
            operation._replace(kind="open")
            if (operation.kind, Path(operation.path).name) in lies
            else operation
            for operation in self.operations
        ]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Record what happens in the block; what agentd itself does to names, too."""
        with ExitStack() as patches:
            patches.enter_context(patch.object(Path, "rename", self._renaming(Path.rename)))
            patches.enter_context(patch.object(os, "fsync", self._syncing(os.fsync)))
            patches.enter_context(witnessed(self.operations.append))
            yield

    def _renaming(self, rename: Any) -> Any:
        def renamed(path: Path, target: Path) -> Path:
            result: Path = rename(path, target)
            self.operations.append(Operation("rename", str(path), target=str(target)))
            return result

        return renamed

    def _syncing(self, fsync: Any) -> Any:
        def synced(file: int) -> None:
            fsync(file)
            assert stat.S_ISDIR(os.fstat(file).st_mode), "SQLite syncs the files"
            self.operations.append(Operation("sync directory", ""))

        return synced


class Odds(NamedTuple):
    """How likely it is that what was not synced is kept, and that what is kept is torn."""

    keep: float
    tear: float


class File:
    """A file's contents: what is durable, and what was done since the last sync."""

    def __init__(self, durable: bytes = b"") -> None:
        self._durable = bytearray(durable)
        self._pending: list[Operation] = []

    def do(self, operation: Operation) -> None:
        """Write, truncate or sync."""
        if operation.kind == "sync":
            for earlier in self._pending:
                _apply(self._durable, earlier)
            self._pending.clear()
        else:
            self._pending.append(operation)

    def after_the_cut(self, random: Random, odds: Odds) -> bytes:
        """What is found of it."""
        found = bytearray(self._durable)
        for operation in self._pending:
            if random.random() < odds.keep:
                for part in _torn(operation, random, odds):
                    _apply(found, part)
            elif operation.kind == "write" and random.random() < odds.keep:
                _grow(found, operation.offset + len(operation.data), random)
        return bytes(found)


Names = dict[str, File | None]
"""Which file has which name; None where no file has it any more."""


class Disk:
    """The files and their names, moment by moment."""

    def __init__(self, found: Mapping[str, bytes]) -> None:
        self._names: Names = {name: File(contents) for name, contents in found.items()}
        self._durable_names = dict(self._names)
        self._renamings: list[Names] = []

    def do(self, operation: Operation) -> None:
        """Take the next operation of a recording."""
        name = Path(operation.path).name
        match operation.kind:
            case "open":
                if self._names.get(name) is None:
                    self._rename({name: File()})
            case "delete":
                self._rename({name: None})
            case "rename":  # both names change, or none
                self._rename({name: None, Path(operation.target).name: self._names[name]})
            case "sync directory":
                self._durable_names = dict(self._names)
                self._renamings.clear()
            case _:
                file = self._names[name]
                assert file is not None, operation
                file.do(operation)

    def after_the_cut(self, random: Random, odds: Odds) -> Image:
        """What is found on it when the power comes back."""
        names = self._durable_names | {}
        for renaming in self._renamings:
            if random.random() < odds.keep:
                names |= renaming
        return {name: file.after_the_cut(random, odds) for name, file in names.items() if file}

    def _rename(self, renaming: Names) -> None:
        self._renamings.append(renaming)
        self._names |= renaming


def images(
    operations: Iterable[Operation],
    cuts: Iterable[int],
    random: Random,
    found: Mapping[str, bytes] = MappingProxyType({}),
) -> Iterator[tuple[int, Image]]:
    """For each moment in `cuts`, ascending, what a cut there may leave on a disk of `found`."""
    disk, done, remaining = Disk(found), 0, iter(operations)
    for cut in cuts:
        while done < cut:
            disk.do(next(remaining))
            done += 1
        odds = Odds(keep=random.choice([0, 0.1, 0.5, 0.9, 1]), tear=random.choice([0, 0.2, 1]))
        yield cut, disk.after_the_cut(random, odds)


def _apply(contents: bytearray, operation: Operation) -> None:
    if operation.kind == "truncate":
        del contents[operation.offset :]
        return
    end = operation.offset + len(operation.data)
    contents.extend(bytes(max(0, operation.offset - len(contents))))
    contents[operation.offset : end] = operation.data


def _torn(operation: Operation, random: Random, odds: Odds) -> Iterator[Operation]:
    """The write, or those of its sectors that reached the disk."""
    if operation.kind == "truncate" or random.random() >= odds.tear:
        yield operation
        return
    start, data = operation.offset, operation.data
    edges = [start, *range(start // SECTOR * SECTOR + SECTOR, start + len(data), SECTOR)]
    for begin, end in zip(edges, [*edges[1:], start + len(data)], strict=True):
        if random.random() < odds.keep:
            piece = data[begin - start : end - start]
            yield operation._replace(offset=begin, data=piece)


def _grow(contents: bytearray, size: int, random: Random) -> None:
    """Make the file longer, and fill it with nothing or with what was on the disk before."""
    missing = max(0, size - len(contents))
    contents.extend(random.choice([bytes, random.randbytes])(missing))
