"""The steps of a schema, one numbered SQL file each, of any engine."""

from pathlib import Path
from typing import NamedTuple


class Migration(NamedTuple):
    """One step of the schema."""

    number: int
    name: str
    sql: str


def read_migrations(folder: Path) -> tuple[Migration, ...]:
    """Those in the folder `migrations` of an engine, `0001_journal.sql` and so on, in order."""
    found = []
    for path in sorted((folder / "migrations").glob("*.sql")):
        number, _, name = path.stem.partition("_")
        found.append(Migration(int(number), name, path.read_text(encoding="utf-8")))
    return tuple(found)
