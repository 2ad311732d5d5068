"""The driver's errors in agentd's words.

The rule this file keeps: callers of the store see no error of apsw's.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from agentd.errors import DatabaseRefused, DiskFailed, Failure, StorageError, StorageFull

_FAILED_SYNCS = (apsw.SQLITE_IOERR_FSYNC, apsw.SQLITE_IOERR_DIR_FSYNC)


def is_failed_sync(error: Exception) -> bool:
    """Whether the disk failed to keep what was written to it, as SQLite or the system says."""
    system = isinstance(error, OSError) and error.errno == errno.EIO
    return system or getattr(error, "extendedresult", None) in _FAILED_SYNCS


def to_storage_error(error: apsw.Error) -> StorageError:
    """What a client is told of it."""
    match error:
        case apsw.BusyError():
            return StorageError("another program has locked the database; repeat the request")
        case apsw.FullError():
            return StorageFull()
    return StorageError(f"the database failed: {error}; nothing of this request is recorded")


@contextmanager
def raise_storage_errors() -> Iterator[None]:
    """Turn the driver's errors into what a client is told."""
    try:
        yield
    except apsw.Error as error:
        raise to_storage_error(error) from error


@contextmanager
def raise_failures(path: Path, room: str) -> Iterator[None]:
    """Turn the driver's errors into what a person is told who copies or checks `path`.

    `room` says where something is written meanwhile.
    """
    try:
        yield
    except apsw.FullError as error:
        raise Failure(f"the disk is full: no room in {room}; free some and repeat") from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise DatabaseRefused(
            f"{path} is corrupt: {error}; `agentd restore` a good backup"
        ) from error
    except apsw.BusyError as error:
        raise Failure(f"another program has locked {path}: repeat when it is done") from error
    except (apsw.Error, OSError) as error:
        if is_failed_sync(error):
            raise DiskFailed(f"the disk failed to keep what was written to {room}") from error
        raise Failure(f"{path} cannot be read or copied: {error}") from error
