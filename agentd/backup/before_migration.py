"""The copy that stays beside a database when it is migrated, so that there is a way back.

The rule this file keeps: before the first page of a migration is written, a copy has its name on
the disk that is as good as a backup. A start that was cut off leaves it to the next one, which
makes no second copy of what is the same.
"""

import os
from pathlib import Path

from agentd.backup import sync_in_pieces
from agentd.backup.draft import draft_of
from agentd.backup.verify import verify
from agentd.errors import DatabaseRefused, Failure
from agentd.progress import Progress
from agentd.store.sqlite.copying import copy_open
from agentd.store.sqlite.kept_copies import (
    Moment,
    free_name,
    is_copy_of,
    kept_copies,
    moment_of_open,
    room_for_copy,
)

_MIB = 2**20


def keep_copy(database: Path, schema: int, progress: Progress) -> Path | None:
    """The verified copy of a database with that schema; None where no event could be lost.

    For the process that has the database open for writing. Raises `Failure`: then nothing new is
    left beside the database.
    """
    moment = moment_of_open(database)
    if moment.event is None:
        return None
    copy = free_name(database, schema)
    try:
        return _find(database, schema, moment, progress) or _make(database, copy, progress)
    except Failure as error:
        told = f"{database} is not migrated: its copy {copy} cannot be made: {error}"
        if not isinstance(error, DatabaseRefused):
            told += (
                f"; it takes {_size(room_for_copy(database))} in {database.parent} until it is "
                "verified, and less than half of that from then on"
            )
        without = (
            "set that right, or start `agentd serve --no-backup`, which migrates without a copy"
        )
        raise type(error)(f"{told}; {without}") from error


def _find(database: Path, schema: int, moment: Moment, progress: Progress) -> Path | None:
    """The copy that a start has left which was cut off; its migrations may have begun."""
    for copy in reversed(kept_copies(database)):
        if copy.schema <= schema and is_copy_of(copy, database, moment):
            try:
                verify(copy.path, copy.path, progress)
            except DatabaseRefused:  # it was damaged since
                continue
            return copy.path
    return None


def _make(database: Path, copy: Path, progress: Progress) -> Path:
    _refuse_too_little_room(database)
    with draft_of(copy) as draft:
        copy_open(database, draft.path, sync_in_pieces(draft, progress))
        verify(draft.path, database, progress)
        draft.sync()
        draft.put()
    return copy


def _refuse_too_little_room(database: Path) -> None:
    """Raise `Failure` at once where the disk would only be filled up."""
    found = os.statvfs(database.parent)
    free = found.f_bavail * found.f_frsize
    if free < room_for_copy(database):
        raise Failure(f"the disk is full: {_size(free)} are free")


def _size(number: int) -> str:
    return f"{number / _MIB:,.1f} MiB"
