"""The files beside a database, by what each adds to the database's name.

The rule this file keeps: these names are spelled here and nowhere else. A database is named by its
file, never by a link to it: SQLite keeps the WAL beside the file.
"""

from pathlib import Path

WAL, INDEX, JOURNAL = "-wal", "-shm", "-journal"
"""SQLite's own: the write-ahead log, the index of it, and the rollback journal of other modes."""

SQLITE_FILES = (WAL, INDEX, JOURNAL)
NOTE, MARK, LOST, LOCK = ".copied", ".mark", ".lost", ".lock"
"""agentd's: how far the WAL was copied, the high-water mark, a mark not reached, the lock."""

DRAFT = ".new"
"""A database that is being made."""

BEFORE = ".before-"
"""A database that a restore has replaced; the moment follows."""

KEPT = ".backup-schema-"
"""A copy of the database as it was before a migration; the number of its schema follows."""

FILLED = ".filled"
"""A database that is being filled from another one."""

ALL_FILES = ("", *SQLITE_FILES, NOTE, MARK, LOST, LOCK, DRAFT, FILLED)
"""What the names of a database's files add to its own; nothing else may be written to them."""


def beside(database: Path, suffix: str) -> Path:
    """The file beside the database whose name adds `suffix` to it."""
    return database.with_name(database.name + suffix)


def wal_path(database: Path) -> Path:
    """Where SQLite keeps the WAL."""
    return beside(database, WAL)


def index_path(database: Path) -> Path:
    """Where SQLite keeps the index of the WAL."""
    return beside(database, INDEX)


def journal_path(database: Path) -> Path:
    """Where SQLite keeps the rollback journal of a database that has no WAL."""
    return beside(database, JOURNAL)


def note_path(database: Path) -> Path:
    """Where it is noted how far the WAL was copied."""
    return beside(database, NOTE)


def mark_path(database: Path) -> Path:
    """Where the high-water mark is."""
    return beside(database, MARK)


def lost_path(database: Path) -> Path:
    """Where the mark is kept that the journal no longer reached, until a person removes it."""
    return beside(database, LOST)


def lock_path(database: Path) -> Path:
    """Where the lock is that a daemon or a restore holds."""
    return beside(database, LOCK)
