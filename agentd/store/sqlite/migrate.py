"""Bringing a database to this program's schema, one numbered SQL file at a time.

The rule this file keeps: a migration is applied whole, in its own transaction, and recorded with
its name and time. `PRAGMA user_version` holds the number of the last one.
"""

from collections.abc import Callable
from pathlib import Path

import apsw

from agentd.store.sql.migrations import Migration, read_migrations

APPLICATION_ID = 0x61676564
"""`aged` in ASCII: says in the file's header that it is agentd's (https://sqlite.org/pragma.html)."""


BeforeMigration = Callable[[int], None]
"""Is called with the number of the older schema. Where it raises, nothing is migrated."""


MIGRATIONS = read_migrations(Path(__file__).parent)
LATEST = MIGRATIONS[-1].number


def no_preparation(_schema: int) -> None:
    """What is done before a migration where nothing is."""


def migrate(
    connection: apsw.Connection, at: int, before: BeforeMigration = no_preparation
) -> list[Migration]:
    """Apply what is missing and return it. `at` is the time to record, in Unix milliseconds."""
    current = schema_version(connection)
    missing = [migration for migration in MIGRATIONS if migration.number > current]
    if missing:
        before(current)
    for migration in missing:
        with connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS migrations "
                "(number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) "
                "STRICT"
            )
            connection.execute(migration.sql)
            connection.execute(
                "INSERT INTO migrations VALUES (?, ?, ?)", (migration.number, migration.name, at)
            )
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", migration.number)
    return missing


def schema_version(connection: apsw.Connection) -> int:
    """The number of the last migration applied, 0 in a new file."""
    version: int = connection.pragma("user_version")
    return version
