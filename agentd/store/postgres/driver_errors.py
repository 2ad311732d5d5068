"""The driver's errors in agentd's words.

The rule this file keeps: callers of the store see no error of psycopg's. What is said of a request
is true: *nothing is recorded* is said only where no commit was sent.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from agentd.errors import Conflict, DatabaseGone, NotKept, StorageError, StorageFull
from agentd.text import printable_start

_FASTER = (
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.UniqueViolation,
)
"""Another writer was there first, in spite of the lock: what was decided is decided again."""

_LATER = (
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.DatabaseDropped,
    errors.IdleInTransactionSessionTimeout,
    errors.InvalidSqlStatementName,
    errors.LockNotAvailable,
    errors.QueryCanceled,
    errors.ReadOnlySqlTransaction,
    errors.TooManyConnections,
)
"""What another try, or another server behind the same name, may not meet."""

_FULL = (
    "the disk of the database's server is full; nothing of this request is recorded: free some "
    "space there, and repeat it"
)
_LONGEST_SHOWN = 300
_PREFIX = "connection failed: "
"""What the driver says before each word of libpq's on a connection, which says it as well."""


def first_line(error: BaseException) -> str:
    """What the driver or the server says, fit to be shown."""
    text = str(error).strip() or type(error).__name__
    told = text.splitlines()[0].removeprefix(_PREFIX)
    return printable_start(told, _LONGEST_SHOWN)


def to_storage_error(error: psycopg.Error, *, is_broken: bool) -> StorageError | Conflict:
    """What is told of it, where no commit was sent. `is_broken`: the connection is of no use."""
    told = first_line(error)
    if isinstance(error, errors.DiskFull):
        return StorageFull(_FULL)
    if (why := _why_not_kept(error)) is not None:
        return NotKept(f"{why}; nothing of this request is recorded")
    if isinstance(error, _FASTER):
        return Conflict(told)
    if isinstance(error, errors.LockNotAvailable):
        told = "the database server let others write for too long"
    elif is_broken or isinstance(error, _LATER):
        told = f"the database server cannot be reached: {told}"
    else:
        return StorageError(f"the database failed: {told}; nothing of this request is recorded")
    return DatabaseGone(f"{told}; nothing of this request is recorded")


def _why_not_kept(error: psycopg.Error) -> str | None:
    """Why a text cannot be kept, where it is that."""
    if isinstance(error, errors.ProgramLimitExceeded):
        return f"a text is too long for an index of PostgreSQL: {first_line(error)}"
    # The driver finds U+0000 by itself in what is bound, and says so without a SQLSTATE.
    is_of_driver = isinstance(error, psycopg.DataError) and error.sqlstate is None
    if is_of_driver or isinstance(error, errors.UntranslatableCharacter):
        return "PostgreSQL keeps no text with the character U+0000"
    return None


def was_undone(error: psycopg.Error) -> bool:
    """Whether a server that was told to commit has surely undone the transaction instead.

    One that ends the connection may have committed before: its last words say nothing of that.
    """
    return error.diag.severity_nonlocalized == "ERROR"


@contextmanager
def raise_storage_errors(connection: psycopg.Connection) -> Iterator[None]:
    """Turn the driver's errors into what a client is told; no commit is sent meanwhile."""
    try:
        yield
    except psycopg.Error as error:
        # The driver, too, may meet the end of a connection before it knows of it.
        is_of_driver = isinstance(error, psycopg.OperationalError) and error.sqlstate is None
        is_broken = connection.broken or is_of_driver
        raise to_storage_error(error, is_broken=is_broken) from error
