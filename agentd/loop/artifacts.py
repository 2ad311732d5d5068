"""Artifacts: files that are there as a whole or not at all.

The rule this file keeps: an artifact is written beside its place, synced and renamed, for its owner
alone (0600, in folders of 0700). One folder per task; the name is the agent's, never the model's.
"""

import hashlib
import os
import tempfile
from pathlib import Path

from agentd.errors import Failure
from agentd.loop.result import Artifact


def check(directory: Path) -> None:
    """Make the directory of all tasks. Raises `Failure` where no file can be written there."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
    except OSError as error:
        raise Failure(_why(directory, error)) from error


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
            raise Failure(_why(path, error)) from error
        return Artifact(str(path), len(content), hashlib.sha256(content).hexdigest())


def flaw(artifact: Artifact) -> str | None:
    """Why the file is not what its node's result says of it, or None."""
    try:
        content = Path(artifact.path).read_bytes()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if hashlib.sha256(content).hexdigest() != artifact.sha256:
        return "was changed since"
    return None


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
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _why(path: Path, error: OSError) -> str:
    return f"{path} cannot be written ({error.strerror}): set AGENTD_ARTIFACT_DIR to another place"
