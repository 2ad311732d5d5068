"""Restoring: a verified copy takes the database's place, and what was there is kept aside.

The rule this file keeps: a crash at any moment leaves the old database or the new one, and no WAL
beside a database that it does not belong to, because SQLite would apply it. Hence the order:

1. The copy is made beside the database, verified, and synced.
2. The old database takes its WAL in (`settle_wal`): it is what it was, in one file.
3. It gets its second name, the one it is kept under.
4. Its mark goes with it: it would call the new database's journal too short. A crash now leaves the
   old database without a mark, and the next start makes one.
5. The directory is synced, so that nothing of this reaches the disk after what follows.
6. The copy is renamed over the old name: from here on it is the new one. The directory is synced.

An old database that no daemon starts on (exit code 5) is kept as it is. In the place of 2, its WAL
gets a second name as well; an empty file, on which no daemon starts either, takes the database's
place; and then the WAL's first name goes. The same is done where there is a WAL and no database.
"""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from agentd.backup.draft import Draft, draft_of, sync_names
from agentd.backup.verify import Contents, verify
from agentd.database_files import BEFORE, JOURNAL, LOST, MARK, NOTE, WAL, beside, index_path
from agentd.errors import DatabaseRefused, Failure
from agentd.progress import Progress
from agentd.store.sqlite.aside import files_set_aside
from agentd.store.sqlite.claim import refuse_elsewhere
from agentd.store.sqlite.copying import copy_untouched, migrate_copy, settle_wal
from agentd.store.sqlite.header import refuse_foreign
from agentd.store.sqlite.opening import refuse_unusable
from agentd.store.sqlite.untouched import file_state

_LOGS = (WAL, JOURNAL)
_MARKS = (MARK, LOST, NOTE)


class Copy:
    """A verified copy that is ready to take the database's place."""

    def __init__(self, draft: Draft, database: Path, contents: Contents) -> None:
        self.contents = contents
        self._draft = draft
        self._database = database

    @property
    def path(self) -> Path:
        """Where it is until it was put in place, or the block ends."""
        return self._draft.path

    def put(self, at: int) -> Path | None:
        """Take the database's place. Returns the name that the old one is kept under, if any.

        `at` is the time to keep it under, in Unix milliseconds. Raises `Failure`: then the old one
        is where it was.
        """
        try:
            aside = _put_aside(self._database, at)
        except OSError as error:
            raise Failure(
                f"{self._database} cannot be kept aside: {error.strerror}; "
                "move it away, and restore again"
            ) from error
        try:
            self._draft.replace()
        except Failure as error:
            raise Failure(f"{error}; the old database is kept as {aside}") from error
        return aside


@contextmanager
def verified_copy(source: Path, database: Path, at: int, progress: Progress) -> Iterator[Copy]:
    """A copy of `source`, made beside `database`, gone at the end of the block if it was not put.

    The home's and the database's locks are held. Raises `Failure`; `source` is never changed.
    """
    database = database.resolve()
    source = Path(os.path.realpath(source))  # its WAL is beside the file, not beside a link to it
    refuse_source(source)
    _refuse_place(source, database)
    before = file_state(source)
    with draft_of(database) as draft:
        copy_untouched(source, draft.path, partial(progress, "copying pages"))
        if file_state(source) != before:
            raise Failure(f"{source} was written to meanwhile: restore a copy that is not in use")
        contents = verify(draft.path, source, progress)
        migrate_copy(draft.path, at)
        draft.sync()
        yield Copy(draft, database, contents)


def refuse_source(source: Path) -> None:
    """Raise `Failure` where there is nothing to restore from."""
    if not source.exists():
        raise Failure(f"there is no file {source}: say which backup to restore")
    if not source.is_file():
        raise Failure(f"{source} is not a file: say which backup to restore")
    refuse_elsewhere(source)
    refuse_unusable(source, "choose another backup")


def _refuse_place(source: Path, database: Path) -> None:
    """Raise `Failure` where nothing can be restored to."""
    if not database.exists():
        return
    if source.samefile(database):
        raise Failure(f"{source} is the database itself: say which backup to restore")
    if not database.is_file():
        raise Failure(f"{database} is not a file: move it away, or set AGENTD_DATABASE_URL")
    refuse_foreign(database)


def _put_aside(database: Path, at: int) -> Path | None:
    """Steps 2 to 5. Returns the name that the old database has then, or None where none was."""
    aside = _name_to_keep(database, at)
    whole = database.exists() and _is_whole(database)
    if database.exists() and database.stat().st_size:
        _link(database, aside)
    if not whole and any(beside(database, end).exists() for end in ("", *_LOGS)):
        _refuse_starts(database, aside)
    index_path(database).unlink(missing_ok=True)
    for end in (
        *_MARKS,
        *(file.name.removeprefix(database.name) for file in files_set_aside(database)),
    ):
        with contextlib.suppress(FileNotFoundError):
            beside(database, end).replace(beside(aside, end))
    sync_names(database.parent)
    kept = any(beside(aside, end).exists() for end in ("", *_LOGS))
    return aside if kept else None


def _refuse_starts(database: Path, aside: Path) -> None:
    """Keep the WAL, and have every start refuse the database until the copy is in its place."""
    for end in _LOGS:
        with contextlib.suppress(FileNotFoundError):
            _link(beside(database, end), beside(aside, end))
    sync_names(database.parent)
    with draft_of(database) as nothing:
        nothing.replace()
    for end in _LOGS:
        beside(database, end).unlink(missing_ok=True)


def _is_whole(database: Path) -> bool:
    """Whether a daemon would start on it; then its WAL is in it."""
    try:
        refuse_unusable(database)
        settle_wal(database)
    except DatabaseRefused:
        return False
    return True


def _name_to_keep(database: Path, at: int) -> Path:
    """A free name; or the one that a restore gave that was cut off before its last step."""
    for name in database.parent.glob(f"{database.name}{BEFORE}*"):
        if not name.is_symlink() and database.exists() and name.samefile(database):
            return name
    moment = datetime.fromtimestamp(at // 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    name = aside = beside(database, f"{BEFORE}{moment}")
    number = 1
    while any(beside(aside, end).exists() for end in ("", *_LOGS, *_MARKS)):
        number += 1
        aside = beside(name, f"-{number}")
    return aside


def _link(path: Path, name: Path) -> None:
    with contextlib.suppress(FileExistsError):  # a restore that was cut off has done so
        os.link(path, name)
