"""Backups: a copy of the database that stands alone, made while the daemon works, and verified.

The rule this file keeps: PATH is either what it was or a whole backup, whatever happens. The order:
refuse what can be refused at once; copy into a draft; verify the draft; have the disk keep it; and
only then give it its name.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from agentd.backup.draft import Draft, already_exists, draft_of
from agentd.backup.verify import Contents, verify
from agentd.database_files import ALL_FILES, beside, journal_path, wal_path
from agentd.errors import DatabaseRefused, Failure
from agentd.progress import Progress
from agentd.store.sqlite.aside import files_set_aside
from agentd.store.sqlite.claim import refuse_elsewhere
from agentd.store.sqlite.copying import STEP_PAGES, Report, copy
from agentd.store.sqlite.kept_copies import kept_copies
from agentd.store.sqlite.opening import refuse_unusable

_SYNC_PAGES = 8 * STEP_PAGES


class Backup(Struct, frozen=True):
    """A backup that is done: its size in bytes, and what it holds."""

    path: Path
    size: int
    contents: Contents


def backup(
    database: Path,
    target: Path,
    progress: Progress,
    *,
    force: bool,
    precious: Iterable[Path] = (),
) -> Backup:
    """Copy `database` to `target`, verified; `force` replaces a file that is there.

    It never replaces the database and the files beside it, nor those that are `precious`. Raises
    `Failure`: then `target` is as it was, and nothing is left beside it.
    """
    database, target = database.resolve(), target_file(target)
    if not database.exists():
        raise DatabaseRefused(f"there is no database at {database}: there is nothing to back up")
    refuse_elsewhere(database)
    ours = (beside(database, suffix) for suffix in ALL_FILES)
    copies = (copy.path for copy in kept_copies(database))
    kept = [*ours, *files_set_aside(database), *copies, *precious]
    refuse_unusable(database)
    refuse_target(target, kept, force=force)
    with draft_of(target) as draft:
        copy(database, draft.path, sync_in_pieces(draft, progress))
        contents = verify(draft.path, database, progress)
        draft.sync()
        done = Backup(target, draft.path.stat().st_size, contents)
        refuse_target(target, kept, force=force)  # much can happen during a long copy
        if force:
            draft.replace()
        else:
            draft.put()
    return done


def sync_in_pieces(draft: Draft, progress: Progress) -> Report:
    """Sync while copying: one large fsync at the end would hold up those of the daemon."""

    def report(done: int, pages: int) -> None:
        if done % _SYNC_PAGES == 0:
            draft.sync()
        progress("copying pages", done, pages)

    return report


def target_file(target: Path) -> Path:
    """The file that `target` leads to: a link stays, as it does when one copies to it."""
    try:
        return Path(os.path.realpath(target))
    except FileNotFoundError as error:
        raise Failure(f"{target}: the current directory is gone; give the whole path") from error


def refuse_target(target: Path, kept: Iterable[Path], *, force: bool) -> None:
    """Raise `Failure` where a backup must not be written to."""
    if target.is_dir():
        raise Failure(f"{target} is a directory: say which file in it the backup is to be")
    for ours in kept:
        if target == target_file(ours) or (
            target.exists() and ours.exists() and target.samefile(ours)
        ):
            raise Failure(f"{target} is one of agentd's own files: choose another place")
    if target.exists() and not target.is_file():
        raise Failure(f"{target} is not a regular file: choose another name")
    if target.exists() and not force:
        raise already_exists(target)
    for other in (wal_path(target), journal_path(target)):
        if other.exists() and other.stat().st_size:  # SQLite would take it for the backup's
            raise Failure(f"{other} is in the way: remove it, or choose another name")
