"""Artifacts: files that are there as a whole or not at all.

The rule this file keeps: an artifact is written beside its place, synced and renamed, for its owner
alone (0600, in folders of 0700). One folder per task; the name is the agent's, never the model's.
What is looked at later is below the directory of all tasks, whatever path a result names.
"""

import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from agentd.durable import sync_directory
from agentd.errors import Failure
from agentd.loop.result import Artifact

LARGEST = 16 * 1024 * 1024
"""Bytes of an artifact that are read: four times what the longest answer has."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY


def check_directory(directory: Path) -> None:
    """Make the directory of all tasks. Raises `Failure` where no file can be written there."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
    except OSError as error:
        raise Failure(_write_error(directory, error)) from error


class Artifacts:
    """The artifacts of one task."""

    def __init__(self, directory: Path, task_id: str) -> None:
        self.folder = directory / task_id

    def write(self, name: str, text: str) -> Artifact:
        """Write one artifact, in the place of an earlier one. Raises `Failure`."""
        path = self.folder / name
        content = text.encode(errors="replace")  # a lone surrogate is no reason to stop
        try:
            self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700, exist_ok=True)
            _replace(path, content)
        except OSError as error:
            raise Failure(_write_error(path, error)) from error
        return Artifact(str(path), len(content), hashlib.sha256(content).hexdigest())


def artifact_problem(artifact: Artifact, directory: Path) -> str | None:
    """Why the file is not what its node's result says of it, or None.

    A result may name any path. Only a regular file below the directory of all tasks is opened, by
    no symbolic link on the way, and no more of it is read than the result says that it has.
    """
    parts = _parts_below(directory, artifact.path)
    if parts is None:
        return f"is not below {directory}: it was not looked at"
    if not 0 <= artifact.bytes <= LARGEST:
        return f"would have {artifact.bytes} bytes, as no artifact has: it was not looked at"
    try:
        with _open_file(directory, parts) as file:
            content = file.read(artifact.bytes + 1)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None if hashlib.sha256(content).hexdigest() == artifact.sha256 else "was changed since"


def _parts_below(directory: Path, path: str) -> tuple[str, ...] | None:
    """The names on the way from the directory to that path, if it is below by its name."""
    whole = Path(path)
    if "\0" in path or not whole.is_relative_to(directory):
        return None
    parts = whole.relative_to(directory).parts
    return parts if parts and ".." not in parts else None


@contextmanager
def _open_file(directory: Path, parts: tuple[str, ...]) -> Iterator[IO[bytes]]:
    """A regular file below the directory. Raises `OSError` where there is none, and never waits."""
    with ExitStack() as stack:
        folder = _close_at_end(stack, os.open(directory, _FOLDER))
        for part in parts[:-1]:
            folder = _close_at_end(stack, os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=folder))
        # Before it is opened: that alone may do something to a device.
        _check_regular(os.stat(parts[-1], dir_fd=folder, follow_symlinks=False))
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # a FIFO would wait for a writer
        descriptor = os.open(parts[-1], flags, dir_fd=folder)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
            _check_regular(os.fstat(descriptor))
            yield file


def _close_at_end(stack: ExitStack, folder: int) -> int:
    stack.callback(os.close, folder)
    return folder


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")


def _replace(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def _write_error(path: Path, error: OSError) -> str:
    return f"{path} cannot be written ({error.strerror}): set AGENTD_ARTIFACT_DIR to another place"
