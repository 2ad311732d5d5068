"""The secret that a daemon and its clients share over TCP, in a file.

The rule this file keeps: it is for one user's eyes. A file that others can read is refused, not
mended: who has read it knows it already. The text is shown nowhere.
"""

import os
import stat
from pathlib import Path

from agentd.durable import sync_directory, sync_file
from agentd.errors import BadSetting, Failure
from agentd.proof import SECRET_BYTES, read_secret

_LONGEST = 256
"""Bytes that are read of it."""

_OTHERS = 0o077
_VARIABLE = "AGENTD_SECRET_FILE"


def load_secret(path: Path) -> bytes:
    """The secret. Raises `BadSetting`, which says what is wrong with the file."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise BadSetting(
            f"there is no secret at {path}: the daemon makes it at `agentd serve --tcp`; copy it "
            f"here with mode 0600, or set {_VARIABLE}"
        ) from None
    except OSError as error:
        raise BadSetting(f"the secret {path} cannot be read: {error.strerror}") from error
    try:
        _check(path, os.fstat(file))
        text = os.read(file, _LONGEST)
    except OSError as error:
        raise BadSetting(f"the secret {path} cannot be read: {error.strerror}") from error
    finally:
        os.close(file)
    if (secret := read_secret(text)) is None:
        raise BadSetting(
            f"{path} has no secret in it: expected {2 * SECRET_BYTES} hexadecimal digits; copy it "
            "again, or remove it and start the daemon again for a new one"
        )
    return secret


def _check(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise BadSetting(f"{path} is not a file: set {_VARIABLE} to the secret's")
    if found.st_uid not in (os.geteuid(), 0):
        raise BadSetting(
            f"the secret {path} belongs to user {found.st_uid}: nobody else's is trusted; copy it "
            f"to a file of your own, mode 0600, and set {_VARIABLE}"
        )
    if found.st_mode & _OTHERS:
        mode = stat.S_IMODE(found.st_mode)
        raise BadSetting(
            f"others can read the secret {path} (mode {mode:04o}): if they cannot have done so "
            "yet, `chmod 600` it; else remove it and start the daemon again for a new one"
        )


def make_secret(path: Path) -> bytes:
    """The secret; a new one where there is no file yet. For who holds the lock of the home.

    The file comes whole and with its mode, whenever this is killed. Raises `Failure`.
    """
    if path.exists() or path.is_symlink():
        return load_secret(path)
    draft = path.with_name(f"{path.name}.new")
    try:
        draft.unlink(missing_ok=True)
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, f"{os.urandom(SECRET_BYTES).hex()}\n".encode())
            sync_file(file)
        finally:
            os.close(file)
        draft.rename(path)
        sync_directory(path.parent)
    except OSError as error:
        raise Failure(f"cannot make the secret {path}: {error.strerror}") from error
    return load_secret(path)
