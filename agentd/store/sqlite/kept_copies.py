"""Copies that stay beside a database, each as it was before a migration.

The rule this file keeps: a copy has its name only when it is whole and on the disk, and only a
person removes it. Of a database that this process has open, nothing is opened by name here.
"""

import os
import re
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

import apsw

from agentd.database_files import KEPT, SQLITE_FILES, beside
from agentd.store.sqlite.driver_errors import raise_failures
from agentd.store.sqlite.mark import Mark
from agentd.store.sqlite.opening import open_another_reader
from agentd.store.sqlite.untouched import open_untouched, wal_size


class KeptCopy(NamedTuple):
    """A copy, by the name that it has, and the schema that its name tells."""

    path: Path
    schema: int


class Moment(NamedTuple):
    """Up to where a database was written: its last event, and the last request it remembers."""

    event: Mark | None
    request: bytes | None


def kept_copies(database: Path) -> list[KeptCopy]:
    """What is beside a database, in the order of the schemas. Raises `OSError`."""
    name = re.compile(rf"{re.escape(database.name + KEPT)}(\d+)(-\d+)?")
    names = [(path, name.fullmatch(path.name)) for path in database.parent.iterdir()]
    return sorted((KeptCopy(path, int(found[1])) for path, found in names if found), key=_order)


def _order(copy: KeptCopy) -> tuple[int, str]:
    return copy.schema, copy.path.name


def free_name(database: Path, schema: int) -> Path:
    """A name for a copy with that schema which no file has, nor one that SQLite lays over it."""
    first = name = beside(database, f"{KEPT}{schema}")
    number = 1
    while any(os.path.lexists(beside(name, end)) for end in ("", *SQLITE_FILES)):
        number += 1
        name = beside(first, f"-{number}")
    return name


def room_for_copy(database: Path) -> int:
    """Bytes that a copy takes until it is verified: a second one is migrated for that, and goes."""
    whole = database.stat().st_size + wal_size(database)
    return 2 * whole + whole // 4


def moment_of_open(database: Path) -> Moment:
    """The moment of a database that this process has open for writing. Raises `Failure`."""
    with (
        raise_failures(database, str(database.parent)),
        closing(open_another_reader(database)) as connection,
    ):
        return _moment(connection)


def is_copy_of(copy: KeptCopy, database: Path, moment: Moment) -> bool:
    """Whether it is what it is called, as far as a quick look tells, and of that moment."""
    with suppress(OSError, apsw.Error):
        if copy.path.is_file() and not copy.path.samefile(database):
            with open_untouched(copy.path) as connection:
                found: int = connection.pragma("user_version")
                return found == copy.schema and _moment(connection) == moment
    return False


def _moment(connection: apsw.Connection) -> Moment:
    event = connection.execute("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1").get
    sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'requests'"
    request = None
    if connection.execute(sql).get:  # the first schemas did not have them
        sql = "SELECT CAST(request_id AS BLOB) FROM requests ORDER BY number DESC LIMIT 1"
        request = connection.execute(sql).get
    return Moment(event and Mark(*event), request)
