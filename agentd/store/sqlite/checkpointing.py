"""Copying the WAL into the database, and never laying one over it that does not fit.

The rule this file keeps: where the copying ended, the database is whole by itself. SQLite lays
what it can read of a WAL over the database, however much of it was copied before; of a WAL that was
damaged since, that is an older part, and the pages would be of two times. So the place is noted
beside the database, and a WAL that does not reach it any more is set aside, as is one that belongs
to another database (see `checkpoint_note`).
"""

from pathlib import Path

import apsw

from agentd.database_files import index_path, mark_path, note_path, wal_path
from agentd.store.sqlite.aside import DAMAGED, FOREIGN, set_aside
from agentd.store.sqlite.checkpoint_note import has_foreign_wal, read_note, wal_salts
from agentd.store.sqlite.mark import read_mark
from agentd.store.sqlite.place import DatabasePlace
from agentd.store.sqlite.untouched import count_whole_frames


def copy_wal(place: DatabasePlace, connection: apsw.Connection, mode: int) -> None:
    """Copy the WAL of the database into it, as far as readers let it.

    Where its files are no longer ours, it goes from file to file that are open, and by no name.
    """
    ours = place.is_ours()
    salts = wal_salts(place.path) if ours else ""
    with place.writing():
        if ours:
            # Until it ends, the database is at no moment by itself. A power cut may leave pages
            # that are like nothing that was ever written; the WAL has to be laid over them.
            place.note(salts, 0, lasting=True)
        busy: apsw.BusyError | None = None
        try:
            frames, copied = connection.wal_checkpoint(mode=mode)
        except apsw.BusyError as error:  # readers prevent giving its space back, not copying it
            busy = error
            frames, copied = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    if ours:
        place.note(salts, copied, lasting=copied == frames)
    else:
        place.is_noted = False
    if busy is not None:
        raise busy


def set_aside_damaged(path: Path) -> None:
    """Move a WAL out of the way that is damaged. Raises `OSError`."""
    if not has_foreign_wal(path) and _is_damaged(path):
        _set_aside(path, DAMAGED)


def set_aside_foreign(path: Path) -> None:
    """Move a WAL out of the way that belongs to another database. Raises `OSError`.

    Only where the one that has its place is taken: else that other one may come back to its WAL.
    """
    if has_foreign_wal(path):
        _set_aside(path, FOREIGN)
        note_path(path).unlink(missing_ok=True)


def _set_aside(path: Path, why: str) -> None:
    set_aside(wal_path(path), why)
    index_path(path).unlink(missing_ok=True)


def set_aside_unreadable(path: Path) -> None:
    """Move out of the way what has the name of the note or the mark, and cannot be read as such.

    It may be somebody else's file. Raises `OSError`.
    """
    mark = mark_path(path)
    for file, found in ((note_path(path), read_note(path)), (mark, read_mark(mark))):
        if found is None and (file.is_symlink() or (file.is_file() and file.stat().st_size)):
            set_aside(file, DAMAGED)


def _is_damaged(path: Path) -> bool:
    """Whether the WAL ends before the place up to which it was copied, which was a commit's end."""
    note = read_note(path)
    if note is None or not note.frames or wal_salts(path) != note.salts:
        return False
    try:
        return 0 <= count_whole_frames(path) < note.frames
    except apsw.Error:  # then it is the database that cannot be read, and a look says so
        return False
