"""Having the disk keep what was written.

The rule this file keeps: a new name is on the disk only after its directory was synced, too.
"""

import fcntl
import os
from pathlib import Path


def sync_file(file: int) -> None:
    """Have the disk keep what was written to the descriptor `file`. Raises `OSError`."""
    if hasattr(fcntl, "F_FULLFSYNC"):  # macOS: fsync alone does not reach the disk there
        fcntl.fcntl(file, fcntl.F_FULLFSYNC)
    else:
        os.fsync(file)


def sync_directory(directory: Path) -> None:
    """Have the disk keep the names in a directory. Raises `OSError`."""
    file = os.open(directory, os.O_RDONLY)
    try:
        sync_file(file)
    finally:
        os.close(file)
