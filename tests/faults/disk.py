"""A disk as a power cut finds it: what was synced is there, the rest perhaps, in any order.

The rule this file keeps: it promises what SQLite asks of a disk and nothing more
(https://sqlite.org/atomiccommit.html, section 2). A sync makes everything durable that was done to
that file before it; a sync of the directory makes names durable. Of what came later each write may
be there, missing or torn at sectors of 512 bytes; a file may have grown and hold anything where its
bytes are missing; a file may be back that was deleted. Bytes beside those written stay as they were
(power-safe overwrite, which SQLite takes for granted: https://sqlite.org/psow.html). What a failed
sync did not write is on no disk, and no later sync writes it, though every reader still sees it
(https://wiki.postgresql.org/wiki/Fsync_Errors).
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import NamedTuple

from tests.faults.vfs import Operation

SECTOR = 512
INDEX_SIZE = 32_768

Image = dict[str, bytes]
"""What is on the disk, by file name."""


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
        if operation.kind == "failed sync":
            self._pending.clear()
        elif operation.kind == "sync":
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
        found = {name: file.after_the_cut(random, odds) for name, file in names.items() if file}
        indexes = [name.removesuffix("-wal") + "-shm" for name in found if name.endswith("-wal")]
        for name in random.choice([indexes, []]):  # never synced, nor missed
            found[name] = _leftovers(INDEX_SIZE, random)
        return found

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
    contents.extend(_leftovers(missing, random))


def _leftovers(size: int, random: Random) -> bytes:
    """What stands where nothing of ours was written."""
    return random.randbytes(size) if random.random() < 0.5 else bytes(size)
