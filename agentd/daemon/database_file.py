"""A database in a file: what a daemon does about it that serves one.

The rule this file keeps: what was lost is told at the start, and a disk that failed ends the
daemon.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from agentd.api import rfc3339
from agentd.daemon.clock import Clock, wall
from agentd.daemon.database_watch import DatabaseWatch
from agentd.daemon.log import logger
from agentd.daemon.migration import prepare_migration
from agentd.database_files import lost_path
from agentd.errors import DiskFailed
from agentd.store.sqlite import SqliteStore
from agentd.store.sqlite.aside import files_set_aside
from agentd.store.sqlite.mark import Mark


class DatabaseFile:
    """See `Database`."""

    def __init__(self, path: Path, *, backup: bool) -> None:
        """Open it; `backup`: with a copy before a migration. Raises `Failure`."""
        prepare = partial(prepare_migration, path.resolve(), backup=backup)
        self.store = SqliteStore.open(path, wall(), prepare)
        self.shown = str(path)
        _report_losses(path, self.store.lost)

    def make_clock(self) -> Clock:
        """See `Database.make_clock`."""
        with self.store.read() as reader:
            last_at = reader.last_at()
        if last_at > wall():
            told = rfc3339(last_at)
            logger.warning("the journal ends at %s, later than the wall clock says", told)
        return Clock(not_before=last_at)

    def watches(self) -> Sequence[DatabaseWatch]:
        """See `Database.watches`."""
        return (DatabaseWatch(self.store),)

    def close(self) -> None:
        """See `Database.close`."""
        self.store.close()

    def raise_failure(self) -> None:
        """See `Database.raise_failure`."""
        if self.store.failure is not None:
            raise DiskFailed(
                f"the disk failed to keep what was written to {self.shown}: check the disk, "
                "then start agentd again, and repeat the requests whose outcome is unknown"
            ) from self.store.failure


def _report_losses(database: Path, lost: Mark | None) -> None:
    real = database.resolve()  # the files beside it are beside the file, not beside a link to it
    if lost is not None:
        logger.error(
            "recorded events are missing: the journal of %s no longer has event %d, the last that "
            "was recorded; restore a backup, or go on without them: `agentd doctor` says more",
            database,
            lost.seq,
        )
    elif lost_path(real).exists():
        logger.warning("events were lost before an earlier start: `agentd doctor` says which")
    for file in files_set_aside(real):
        logger.warning("%s was set aside: `agentd doctor` says what it is", file)
