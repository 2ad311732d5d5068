"""Restoring: a verified copy takes the database's place, and what was there is kept aside.

The rule this file keeps: a crash at any moment leaves the old database or the new one, and no WAL
beside a database that it does not belong to, because SQLite would apply it. Hence the order:

1. The copy is made beside the database, verified, and synced.
2. The old database takes its WAL in (`settle`): it is what it was, in one file.
3. It gets its second name, the one it is kept under.
4. Its mark goes with it: it would call the new database's journal too short. A crash now leaves the
   old database without a mark, and the next start makes one.
5. The directory is synced, so that nothing of this reaches the disk after what follows.
6. The copy is renamed over the old name: from here on it is the new one. The directory is synced.

Where SQLite cannot make sense of the old file there is no 2, and its WAL goes aside in 4: before
and after that, no daemon starts on such a file (exit code 5).
"""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from agentd.backup.draft import Draft, draft_of, sync_directory
from agentd.backup.verify import Contents, Progress, verify
from agentd.errors import Failure
from agentd.store.sqlite.copying import bring_up_to_date, copy_untouched, settle
from agentd.store.sqlite.opening import inspect, refuse_foreign

_WAL = ("-wal", "-journal")
_MARKS = (".mark", ".lost")


class Copy:
    """A verified copy that is ready to take the database's place."""

    def __init__(self, draft: Draft, database: Path, contents: Contents) -> None:
        self.contents = contents
        self._draft = draft
        self._database = database

    def put(self, at: int) -> Path | None:
        """Take the database's place. Returns the name that the old one is kept under, if any.

        `at` is the time to keep it under, in Unix milliseconds. Raises `Failure`: then the old one
        is where it was.
        """
        try:
            aside = _put_aside(self._database, at)
        except OSError as error:
            _forget_unfinished(self._database)
            raise Failure(
                f"{self._database} cannot be kept aside: {error.strerror}; "
                "move it away, and restore again"
            ) from error
        sync_directory(self._database.parent)
        self._draft.replace()
        return aside


@contextmanager
def verified_copy(source: Path, database: Path, at: int, progress: Progress) -> Iterator[Copy]:
    """A copy of `source`, made beside `database`, gone at the end of the block if it was not put.

    The home's and the database's locks are held. Raises `Failure`; `source` is never changed.
    """
    database = database.resolve()
    refuse_source(source)
    _refuse_place(source, database)
    before = _state(source)
    with draft_of(database) as draft:
        copy_untouched(source, draft.path, partial(progress, "copying pages"))
        if _state(source) != before:
            raise Failure(f"{source} was written to meanwhile: restore a copy that is not in use")
        contents = verify(draft.path, source, progress)
        bring_up_to_date(draft.path, at)
        draft.sync()
        yield Copy(draft, database, contents)


def refuse_source(source: Path) -> None:
    """Raise `Failure` where there is nothing to restore from."""
    if not source.exists():
        raise Failure(f"there is no file {source}: say which backup to restore")
    if not source.is_file():
        raise Failure(f"{source} is not a file: say which backup to restore")
    inspect(source)


def _refuse_place(source: Path, database: Path) -> None:
    """Raise `Failure` where nothing can be restored to."""
    if not database.exists():
        return
    if source.samefile(database):
        raise Failure(f"{source} is the database itself: say which backup to restore")
    if not database.is_file():
        raise Failure(f"{database} is not a file: move it away, or set AGENTD_DATABASE_URL")
    refuse_foreign(database)


def _state(path: Path) -> list[tuple[int, int, int]]:
    """Changes when the database or its WAL does."""
    files = [path, path.with_name(path.name + "-wal")]
    found = [file.stat() for file in files if file.exists()]
    return [(status.st_ino, status.st_size, status.st_mtime_ns) for status in found]


def _put_aside(database: Path, at: int) -> Path | None:
    """Steps 2 to 4. Returns the name that the old database has then, or None where none was."""
    aside = _free_name(database, at)
    there = database.exists()
    if there:
        settle(database)
        _forget_unfinished(database)
        os.link(database, aside)
    orphans = [end for end in _WAL if database.with_name(database.name + end).exists()]
    if orphans and not there:
        database.touch(mode=0o600, exist_ok=False)  # a start refuses it until the copy is there
    for end in (*_WAL, *_MARKS):
        with contextlib.suppress(FileNotFoundError):
            database.with_name(database.name + end).replace(aside.with_name(aside.name + end))
    database.with_name(database.name + "-shm").unlink(missing_ok=True)
    return aside if there or orphans else None


def _free_name(database: Path, at: int) -> Path:
    moment = datetime.fromtimestamp(at // 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    name = aside = database.with_name(f"{database.name}.before-{moment}")
    number = 1
    while any(aside.with_name(aside.name + end).exists() for end in ("", *_WAL, *_MARKS)):
        number += 1
        aside = name.with_name(f"{name.name}-{number}")
    return aside


def _forget_unfinished(database: Path) -> None:
    """Remove the second names of restores that were cut off after step 3."""
    for name in database.parent.glob(f"{database.name}.before-*"):
        if not name.is_symlink() and name.samefile(database):
            name.unlink()
