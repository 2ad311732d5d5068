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


def replace_file(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Have a file hold that, whole or not at all, whenever this is killed. Raises `OSError`.

    `mode` is that of a new file, less the umask.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    try:
        with open(draft, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(content)
            file.flush()
            sync_file(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_directory(path.parent)
