"""What a start does and says before it migrates the database of an earlier agentd.

The rule this file keeps: one line says what happens to the database, and where it is kept as it
was. That a copy cannot be made ends the start, unless none is asked for.
"""

from pathlib import Path

from agentd.daemon.log import logger
from agentd.daemon.slow_start import said_when_slow
from agentd.store.sqlite.migrate import LATEST


def prepare_migration(database: Path, schema: int, *, backup: bool) -> None:
    """Leave a verified copy beside a database that is open and has that schema; or none.

    Raises `Failure`.
    """
    # Nearly every start does without these.
    from agentd.backup.before_migration import keep_copy  # noqa: PLC0415
    from agentd.backup.draft import remove_abandoned  # noqa: PLC0415

    if backup:
        with said_when_slow(f"keeping {database} before it is migrated") as progress:
            copy = keep_copy(database, schema, progress)
        kept = f"kept as it was, verified, in {copy}" if copy else "it has no events to keep"
    else:
        remove_abandoned(database.parent)  # what a start has left that was killed over its copy
        kept = "no copy is kept"
    logger.info("migrating %s from schema %d to %d; %s", database, schema, LATEST, kept)
