"""What was set up where: a small file in agentd's home.

The rule this file keeps: it says which files and containers were made, so that undoing removes
those and no others; two that write it at once lose nothing. Without it, undoing takes out what is
known as agentd's by itself.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import MsgspecError, Struct, json, structs

from agentd.durable import replace_file
from agentd.setup.harness import HARNESSES, Scope
from agentd.setup.json_text import Place
from agentd.setup.refusal import CannotSetUp, writing

NAME = "agentd.set-up.json"


class FileRecord(Struct, frozen=True, omit_defaults=True):
    """What was done to a file: `sha256` is of what was written, where all of it is ours."""

    made: tuple[Place, ...] = ()
    is_new: bool = False
    copy: str | None = None
    folders: tuple[str, ...] = ()
    sha256: str | None = None

    def merged(self, later: "FileRecord") -> "FileRecord":
        """What was done first, and later: what was made once stays made."""
        return FileRecord(
            tuple(dict.fromkeys(self.made + later.made)),
            self.is_new or later.is_new,
            self.copy or later.copy,
            tuple(dict.fromkeys(self.folders + later.folders)),
            later.sha256 or self.sha256,
        )


class SetUp(Struct, frozen=True, omit_defaults=True):
    """One harness, set up for a folder or for the user; `files` by their paths.

    `environment` and `at_first` are as in `Wanted`, `moved` the variables that moved its files.
    """

    harness: str
    scope: Scope
    folder: str
    program: str
    socket: str
    environment: dict[str, str] = {}
    at_first: dict[str, str] = {}
    moved: dict[str, str] = {}
    files: dict[str, FileRecord] = {}

    @property
    def is_there(self) -> bool:
        """Whether anybody can work there, as far as this agentd knows.

        A project's folder may be gone, and a later agentd may have set up what this one cannot.
        """
        is_known = self.harness in HARNESSES
        return is_known and (self.scope is Scope.USER or Path(self.folder).is_dir())

    @property
    def key(self) -> tuple[str, str, str]:
        """What there is one of: for the user, wherever it was done."""
        return self.harness, self.scope, self.folder if self.scope is Scope.PROJECT else ""


class Record(Struct, frozen=True, omit_defaults=True):
    """All of them, in the order in which they were first done."""

    setups: tuple[SetUp, ...] = ()

    def find(self, key: tuple[str, str, str]) -> SetUp | None:
        """The one of that key."""
        return next((each for each in self.setups if each.key == key), None)

    def with_setup(self, done: SetUp) -> "Record":
        """The record with one more, or what was done to more files of one."""
        before = self.find(done.key)
        if before is None:
            return Record((*self.setups, done))
        files = {p: before.files.get(p, FileRecord()).merged(f) for p, f in done.files.items()}
        merged = structs.replace(done, files=before.files | files)
        return Record(tuple(merged if each is before else each for each in self.setups))

    def without(self, key: tuple[str, str, str]) -> "Record":
        """The record after it was undone."""
        return Record(tuple(each for each in self.setups if each.key != key))


def read_record(home: Path) -> Record:
    """What was set up. Raises `CannotSetUp` of a record that does not parse."""
    path = home / NAME
    try:
        return json.decode(path.read_bytes(), type=Record)
    except (FileNotFoundError, NotADirectoryError):
        return Record()
    except OSError as error:
        raise CannotSetUp(f"{path} cannot be read: {error.strerror}") from error
    except (MsgspecError, UnicodeDecodeError) as error:
        told = f"{path} is no record of set-ups ({error}): move it away, and set up again"
        raise CannotSetUp(told) from error


@contextlib.contextmanager
def locked(home: Path) -> Iterator[None]:
    """While nobody else changes the record; the home is made where it is missing.

    Raises `CannotSetUp`.
    """
    with writing(home / NAME):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def write_record(home: Path, record: Record) -> None:
    """Replace it; one without set-ups is removed. Raises `CannotSetUp`."""
    path = home / NAME
    with writing(path):
        if not record.setups:
            path.unlink(missing_ok=True)
            return
        replace_file(path, json.format(json.encode(record), indent=1) + b"\n", mode=0o600)
