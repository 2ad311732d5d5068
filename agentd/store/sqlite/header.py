"""What a database file's header tells: is it a database, whole, and ours?

The rule this file keeps: a file is judged before SQLite opens it, and not changed by one byte.
"""

import struct
from pathlib import Path

import apsw

from agentd.errors import DatabaseRefused
from agentd.store.sqlite.checkpoint_note import has_foreign_wal
from agentd.store.sqlite.migrate import APPLICATION_ID
from agentd.store.sqlite.untouched import open_untouched, wal_size

ANEW = "`agentd restore` a backup, or move it away to start anew"
"""What to do about a database that is corrupt."""

_HEADER_SIZE = 100
_MAGIC = b"SQLite format 3\0"
EARLIER_TABLES = frozenset({"global_tasks", "dag_nodes", "event_journal"})
"""What every database of the earlier agentd has."""


def read_header(path: Path, advice: str = ANEW) -> bytes:
    """How a file begins that is a SQLite database. Raises `DatabaseRefused` of any other."""
    try:
        header = _read(path)
    except OSError as error:
        raise DatabaseRefused(f"{path} cannot be read: {error.strerror}") from error
    if not header:
        raise DatabaseRefused(f"{path} is empty (0 bytes) where a database is expected: {advice}")
    if not _is_whole(header):
        told = f"{path} is not a SQLite database, or its header is corrupt"
        raise DatabaseRefused(f"{told}; if it is the file that is meant, {advice}")
    return header


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEADER_SIZE)


def _is_whole(header: bytes) -> bool:
    return len(header) == _HEADER_SIZE and header.startswith(_MAGIC)


def application_of(header: bytes) -> int:
    """Whose database it is: https://sqlite.org/fileformat.html#the_database_header."""
    found: int = struct.unpack_from(">I", header, 68)[0]
    return found


def refuse_header(path: Path, advice: str = ANEW) -> None:
    """As `refuse_unusable`, as far as the header tells: that needs nobody's leave."""
    header = read_header(path, advice)
    refuse_foreign(path)
    refuse_truncated(path, header, advice)


def refuse_foreign(path: Path) -> None:
    """Raise `DatabaseRefused` where `path` is a SQLite database of another program's."""
    header = _read(path)
    if _is_whole(header) and application_of(header) != APPLICATION_ID:
        raise DatabaseRefused(_foreign_message(path))


def refuse_truncated(path: Path, header: bytes, advice: str) -> None:
    """Raise `DatabaseRefused` where the file has fewer bytes than its header says."""
    (page_size,) = struct.unpack_from(">H", header, 16)
    (pages,) = struct.unpack_from(">I", header, 28)
    expected = (65_536 if page_size == 1 else page_size) * pages
    size = path.stat().st_size
    if size >= expected:
        return
    if not wal_size(path) or has_foreign_wal(path):  # else the WAL may have them
        raise DatabaseRefused(
            f"{path} is corrupt: {size:,} bytes where its header says {expected:,}; {advice}"
        )


def _foreign_message(path: Path) -> str:
    try:
        with open_untouched(path) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    except apsw.Error as error:
        return f"{path} is not agentd's database, or corrupt: {error}; {ANEW}"
    if tables >= EARLIER_TABLES:
        return (
            f"{path} belongs to the earlier agentd written in Rust, and is left as it is: move it "
            "to another place, with what is beside it, and take over what it holds with "
            "`agentd import-database PATH`"
        )
    return (
        f"{path} is a SQLite database, but not agentd's: set AGENTD_DATABASE_URL to another place"
    )
