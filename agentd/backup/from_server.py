"""Backups of a database on a server: the same file as of one that is a file.

The rule this file keeps: there is one form of backup. It is verified here, without a second server;
any agentd reads it, whatever is on the server by then; and it can be restored to either engine.
`pg_dump` would need a program that fits the server's version, and a server to look into what it
made. Whoever runs the server may have dumps and archives of its log besides.
"""

from collections.abc import Iterable
from contextlib import closing
from functools import partial
from pathlib import Path

from agentd.backup import Backup, refuse_target, target_file
from agentd.backup.draft import draft_of
from agentd.backup.verify import Contents
from agentd.errors import DatabaseRefused
from agentd.move import move
from agentd.progress import Progress
from agentd.store import Reader
from agentd.store.sqlite.intake import SqliteIntake
from agentd.store.sqlite.viewing import View


def backup_server(
    source: Reader,
    target: Path,
    at: int,
    progress: Progress,
    *,
    force: bool,
    precious: Iterable[Path] = (),
) -> Backup:
    """Copy all that `source` shows to the file `target`, verified; see `backup`.

    `at` is the time to record in it, in Unix milliseconds. Raises `Failure`, `StorageError`: then
    `target` is as it was, and nothing is left beside it.
    """
    target, kept = target_file(target), list(precious)
    refuse_target(target, kept, force=force)
    with draft_of(target) as draft:
        with closing(SqliteIntake.open(draft.path, at)) as intake:
            moved = move(source, intake, progress)
        pulse = partial(progress, "checking pages", 0, 0)
        pulse()
        for found in View(draft.path, target).integrity(pulse):
            raise DatabaseRefused(f"{target} is corrupt: {found}; is the disk failing?")
        draft.sync()
        contents = Contents(moved.tasks, moved.last_seq)
        done = Backup(target, draft.path.stat().st_size, contents)
        refuse_target(target, kept, force=force)  # much can happen during a long copy
        if force:
            draft.replace()
        else:
            draft.put()
    return done
