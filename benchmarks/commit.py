"""Rule: a commit's code is what git recorded, and nothing of it outlives the measurement.

Which commit was meant, and its package as files in a temporary folder. The repository is only
read: a work tree would be noted in it, and the note would stay when this process is killed.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import msgspec

PACKAGE = "agentd"


class Commit(msgspec.Struct, frozen=True):
    """A commit of a repository, by its whole id and the first line of its message."""

    repository: Path
    id: str
    subject: str

    @property
    def short(self) -> str:
        """The beginning of its id, as people write it."""
        return self.id[:8]


class NotFound(Exception):
    """There is no such commit, or no git to ask for it; the message is one line."""


def find_commit(repository: Path, name: str) -> Commit:
    """Return the commit that git knows by that name; raises NotFound."""
    # No commit's name begins like that, and git would take it for an option.
    if name.startswith("-"):
        raise NotFound(f"{name!r} is no commit")
    asked = ["rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"]
    found = _git(repository, *asked, failure=f"{name!r} is no commit of {repository}")
    # What is not one commit ('^HEAD': all but that one) is not answered with one id.
    if not re.fullmatch(r"[0-9a-f]{40,64}", commit_id := found.decode().strip()):
        raise NotFound(f"{name!r} is not one commit")
    subject = _git(repository, "log", "-1", "--format=%s", commit_id)
    return Commit(repository, commit_id, subject.decode(errors="replace").strip())


@contextmanager
def code_of(commit: Commit) -> Iterator[Path]:
    """Yield a folder that holds the commit's package, and remove it afterwards; raises NotFound."""
    archive = _git(commit.repository, "archive", "--format=zip", commit.id, PACKAGE)
    with tempfile.TemporaryDirectory(prefix="agentd-bench-code-") as name:
        with ZipFile(BytesIO(archive)) as files:
            files.extractall(name)
        yield Path(name)


def _git(repository: Path, *arguments: str, failure: str = "git failed") -> bytes:
    """What git prints; raises NotFound with its first word on what is wrong, or with `failure`."""
    if (git := shutil.which("git")) is None:
        raise NotFound("git is not installed, and without it no commit can be read")
    done = subprocess.run(
        [git, "-C", str(repository), *arguments], capture_output=True, check=False
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise NotFound(said or failure)
    return done.stdout
