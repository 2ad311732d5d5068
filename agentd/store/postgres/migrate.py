"""Bringing a database on a server to this program's schema, one numbered SQL file at a time.

The rule this file keeps: whoever migrates holds an advisory lock meanwhile, so daemons that start
together do it once; what is missing is applied in one transaction, and recorded with its name.
"""

from collections.abc import Iterable
from pathlib import Path

import psycopg
from psycopg import errors

from agentd.errors import DatabaseRefused
from agentd.store.postgres.connecting import SCHEMA
from agentd.store.postgres.driver_errors import first_line
from agentd.store.postgres.grants import NEEDED
from agentd.store.postgres.session import Session
from agentd.store.sql.migrations import Migration, read_migrations

_LOCK = 0x61676564
"""`aged` in ASCII: the number of the advisory lock."""

_PATIENCE_MINUTES = 30

# Of the tables, not of `to_regclass`: that may answer from memory what was so before the lock.
_ARE_THERE = """
SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = $1 AND relname = ANY ($2)
"""
_FIRST = {"migrations", "journal_end"}
"""Tables that any schema of agentd's has."""

NUMBER = f"SELECT coalesce(max(number), 0) FROM {SCHEMA}.migrations"
_HAS_ROOM = "SELECT 1 FROM pg_namespace WHERE nspname = $1"
_CREATE = f"""
CREATE TABLE IF NOT EXISTS {SCHEMA}.migrations (
    number bigint PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
);
"""


MIGRATIONS = read_migrations(Path(__file__).parent)
LATEST = MIGRATIONS[-1].number


def schema_version(session: Session) -> int:
    """The number of the last migration applied, 0 where there is no schema of agentd's.

    Raises `DatabaseRefused` where the role may not look, or it is somebody else's.
    """
    there = session.connection.execute(_ARE_THERE, (SCHEMA, list(NEEDED))).fetchall()
    if not is_ours(name for (name,) in there):
        return 0
    try:
        found = session.connection.execute(NUMBER).fetchone()
    except errors.InsufficientPrivilege as error:
        raise DatabaseRefused(
            f"the role may not use agentd's schema: {first_line(error)}; `agentd database "
            "grant-sql ROLE` prints what the schema's owner runs for it"
        ) from error
    return int(found[0]) if found else 0


def is_ours(tables: Iterable[str]) -> bool:
    """Whether a schema with these tables is agentd's: it is not where it has none of them.

    Raises `DatabaseRefused` where it has others of the same names.
    """
    found = NEEDED.keys() & set(tables)
    if found and not found >= _FIRST:
        named = ", ".join(sorted(found))
        raise DatabaseRefused(
            f"the schema named {SCHEMA} in the database is not agentd's, and has tables that "
            f"agentd's own would have ({named}): name another database"
        )
    return bool(found)


def migrate(session: Session) -> list[Migration]:
    """Apply what is missing and return it. Raises `DatabaseRefused`, of a newer schema too."""
    connection = session.connection
    there = 0
    try:
        with connection.transaction():
            # Whoever comes second waits for the first, however long that takes.
            connection.execute(f"SET LOCAL lock_timeout = '{_PATIENCE_MINUTES}min'")
            connection.execute("SELECT pg_advisory_xact_lock($1)", (_LOCK,))
            there = schema_version(session)
            if there > LATEST:
                refuse_schema(session)
            missing = [each for each in MIGRATIONS if each.number > there]
            if missing:
                _apply(connection, missing)
    except errors.InsufficientPrivilege as error:
        raise DatabaseRefused(
            f"the role may not make agentd's schema: {first_line(error)}; have a role that may run "
            f"`agentd database {'migrate' if there else 'init'}`"
        ) from error
    except psycopg.Error as error:
        if connection.broken or isinstance(error, errors.LockNotAvailable):
            raise  # it may be had later
        raise DatabaseRefused(f"the schema cannot be made: {first_line(error)}") from error
    return missing


def _apply(connection: "psycopg.Connection", missing: Iterable[Migration]) -> None:
    # Who was given the schema may have no right to make one.
    if connection.execute(_HAS_ROOM, (SCHEMA,)).fetchone() is None:
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
    connection.execute(_CREATE)
    for each in missing:
        connection.execute(each.sql)
        connection.execute(
            f"INSERT INTO {SCHEMA}.migrations (number, name) VALUES ($1, $2)",
            (each.number, each.name),
        )
    # A daemon that is older and runs writes no more.
    connection.execute(f"UPDATE {SCHEMA}.journal_end SET schema = $1", (LATEST,))


def refuse_schema(session: Session) -> None:
    """Raise `DatabaseRefused` where the schema is not the one that this program's questions fit."""
    found = schema_version(session)
    if found > LATEST:
        raise DatabaseRefused(
            f"the database has schema {found}, this agentd knows {LATEST}: use the newer agentd"
        )
    if found == 0:
        raise DatabaseRefused(
            "there is no schema of agentd's in the database: `agentd database init` makes one"
        )
    if found < LATEST:
        raise DatabaseRefused(
            f"the database has schema {found}, this agentd needs {LATEST}: `agentd database "
            "migrate`"
        )


def refuse_unfinished(session: Session) -> None:
    """Raise `DatabaseRefused` where the database was not filled to its end from another one."""
    found = session.connection.execute("SELECT folds FROM journal_end").fetchone()
    if found is not None and found[0] < 0:
        raise DatabaseRefused(
            "the database was being filled from another one, and is not whole: repeat what was "
            "cut off (`agentd database move` or `agentd restore`), or name an empty database"
        )
