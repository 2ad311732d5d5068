"""How far the WAL was copied into the database, so that a damaged WAL is never laid over it.

The rule this file keeps: where the copying ended, the database is whole by itself. SQLite lays
what it can read of a WAL over the database, however much of it was copied before; of a WAL that was
damaged since, that is an older part, and the pages would be of two times. So the place is noted
beside the database, and a WAL that does not reach it any more is set aside.

The note is written without an fsync: the WAL was synced before it was copied, so after a power cut
an older note is as true as the newest.
"""

import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import apsw

_HEADER, _FRAME_HEADER = 32, 24
"""Bytes."""

_SALTS = slice(16, 24)
"""Where the WAL's header has its salts, new in every round: https://sqlite.org/fileformat2.html."""


class Note(NamedTuple):
    """So many frames of the WAL with these salts were copied."""

    salts: str
    frames: int


def copy_wal(path: Path, connection: apsw.Connection, mode: int) -> None:
    """Copy the WAL of the database at `path` into it, as far as readers let it."""
    salts = _salts(path)
    _write(path, Note(salts, 0))  # until it ends, the database is at no moment by itself
    try:
        _, copied = connection.wal_checkpoint(mode=mode)
    except apsw.BusyError:  # readers are in the way of giving its space back, not of copying it
        _, copied = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        _write(path, Note(salts, copied))
        raise
    _write(path, Note(salts, copied))


def set_aside_damaged(path: Path) -> None:
    """Move a WAL out of the way that ends before the place up to which it was copied.

    Raises `OSError`.
    """
    note = _read(path)
    if note is None or _salts(path) != note.salts or _frames(path, note.frames) >= note.frames:
        return
    path.with_name(path.name + "-wal").replace(damaged_path(path))
    path.with_name(path.name + "-shm").unlink(missing_ok=True)


def damaged_path(path: Path) -> Path:
    """Where a damaged WAL is kept."""
    return path.with_name(path.name + "-wal.damaged")


def forget(path: Path) -> None:
    """Remove the note, where the WAL is gone."""
    if not path.with_name(path.name + "-wal").exists():
        with suppress(OSError):
            _note_path(path).unlink(missing_ok=True)


def _frames(path: Path, most: int) -> int:
    """How many frames of the WAL are as they were written, by its chain of checksums, up to `most`.

    SQLite is not asked: it would read the pages that may not fit together.
    """
    wal = path.with_name(path.name + "-wal").read_bytes()
    if len(wal) < _HEADER:
        return 0
    order = ">" if wal[3] & 1 else "<"
    size = int.from_bytes(wal[8:12])
    check, length = _sum(order, wal[:24], (0, 0)), _FRAME_HEADER + size
    if check != struct.unpack_from(">2I", wal, 24):
        return 0
    there = min((len(wal) - _HEADER) // length, most)
    for number, at in enumerate(range(_HEADER, _HEADER + there * length, length)):
        check = _sum(order, wal[at : at + 8] + wal[at + _FRAME_HEADER : at + length], check)
        if wal[at + 8 : at + 16] != wal[_SALTS] or check != struct.unpack_from(">2I", wal, at + 16):
            return number
    return there


def _sum(order: str, data: bytes, check: tuple[int, int]) -> tuple[int, int]:
    """SQLite's checksum: https://sqlite.org/fileformat2.html#checksum_algorithm."""
    first, second = check
    for even, odd in struct.iter_unpack(f"{order}2I", data):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second


def _salts(path: Path) -> str:
    try:
        with path.with_name(path.name + "-wal").open("rb") as wal:  # SQLite's locks are elsewhere
            return wal.read(_SALTS.stop)[_SALTS].hex()
    except FileNotFoundError:
        return ""


def _note_path(path: Path) -> Path:
    return path.with_name(path.name + ".copied")


def _write(path: Path, note: Note) -> None:
    text = f"{note.salts or '-':16} {note.frames:020d}\n"
    # The copy is what counts: an older note tells less, and must not turn it into a failure.
    with suppress(OSError):
        file = os.open(_note_path(path), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(file, text.encode(), 0)
        finally:
            os.close(file)


def _read(path: Path) -> Note | None:
    try:
        salts, frames = _note_path(path).read_text(encoding="ascii").split()
        return Note(salts, int(frames))
    except (OSError, ValueError):
        return None
