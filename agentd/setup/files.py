"""Settings files on the disk: read, and written all together or not at all.

The rule this file keeps: a file is replaced whole, under its own mode, and where a link leads; what
was there before is kept beside it; and one that changed since it was read is not written.
"""

import contextlib
import itertools
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from agentd.durable import sync_file
from agentd.setup.refusal import CannotSetUp, writing

_BOM = b"\xef\xbb\xbf"
_KEPT = ".before-agentd"


class Change(Struct, frozen=True):
    """A file as it is (`before`: None where there is none) and as it is to be (`after`: gone).

    `copy`: what is there is kept beside it. `private`: where it is new it is for its user alone.
    """

    path: Path
    before: bytes | None
    after: bytes | None
    copy: bool = False
    private: bool = False


class Written(Struct, frozen=True):
    """What came of a change: the copy that was kept, and the folders that were made."""

    copy: Path | None = None
    folders: tuple[Path, ...] = ()


def read(path: Path) -> bytes | None:
    """What a file holds, None where there is none. Raises `CannotSetUp`."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            what = "a directory" if stat.S_ISDIR(mode) else "no file"
            raise CannotSetUp(f"{path} is {what}, and its harness reads a file there: move it away")
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CannotSetUp(f"{path} cannot be read: {error.strerror}") from error


def decode(path: Path, content: bytes | None) -> str:
    """The text of a file. Raises `CannotSetUp`."""
    try:
        return (content or b"").removeprefix(_BOM).decode()
    except UnicodeDecodeError as error:
        told = f"{path} is not UTF-8 (byte {error.start:,}), and left as it is: save it as UTF-8"
        raise CannotSetUp(told) from error


def encode(text: str, before: bytes | None) -> bytes:
    """The bytes of a text, with the byte order mark that the file had."""
    return (_BOM if (before or b"").startswith(_BOM) else b"") + text.encode()


def write_all(changes: Sequence[Change]) -> list[Written]:
    """Write all of them, or none. Raises `CannotSetUp`."""
    for change in changes:
        _check_writable(change.path)
    written: list[Written] = []
    drafts: list[Path | None] = []
    done: list[Change] = []
    try:
        for change in changes:
            with writing(change.path):
                written.append(Written(folders=_make_folders(_target(change.path).parent)))
                drafts.append(_draft(change))
        for number, change in enumerate(changes):
            _check_unchanged(change)
            with writing(change.path):
                written[number] = Written(_keep(change), written[number].folders)
        for change, draft in zip(changes, drafts, strict=True):
            with writing(change.path):
                _put(change, draft)
            done.append(change)
    except BaseException:
        _restore(done)
        _clean_up(drafts, written)
        raise
    return written


def remove_folders(folders: Sequence[Path]) -> None:
    """Remove those that are empty, the deepest first."""
    for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        try:
            folder.rmdir()
        except OSError:  # somebody put something into it, or it is gone
            continue


def _target(path: Path) -> Path:
    """The file itself, where the path is a link to it."""
    return Path(os.path.realpath(path))


def _check_writable(path: Path) -> None:
    target = _target(path)
    folder = next(each for each in target.parents if each.exists())
    if not folder.is_dir():
        raise CannotSetUp(f"{folder} is a file, and has to be a directory: move it away")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CannotSetUp(f"{folder} cannot be written to by this user: change its owner or mode")
    if target.exists() and not (
        target.stat().st_mode & stat.S_IWUSR and os.access(target, os.W_OK)
    ):
        raise CannotSetUp(f"{target} is read-only: `chmod u+w` it first")


def _check_unchanged(change: Change) -> None:
    if read(change.path) != change.before:
        raise CannotSetUp(f"{change.path} changed meanwhile: run it again")


def _make_folders(folder: Path) -> tuple[Path, ...]:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(missing)


def _draft(change: Change) -> Path | None:
    """The new content beside the file, under the mode and owner that it has or is to have."""
    if change.after is None:
        return None
    target = _target(change.path)
    draft = target.with_name(f".{target.name}.agentd-draft")
    draft.unlink(missing_ok=True)  # of one that was killed; the record's lock is ours
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if change.private else 0o666)
    try:
        with os.fdopen(file, "wb") as stream:
            if target.exists():
                _copy_owner_and_mode(target, file)
            stream.write(change.after)
            stream.flush()
            sync_file(file)
    except BaseException:
        draft.unlink()
        raise
    return draft


def _copy_owner_and_mode(source: Path, file: int) -> None:
    there, here = source.stat(), os.fstat(file)
    if (there.st_uid, there.st_gid) != (here.st_uid, here.st_gid):
        with contextlib.suppress(PermissionError):  # a group that this user is not in
            os.fchown(file, there.st_uid, there.st_gid)
    os.fchmod(file, stat.S_IMODE(there.st_mode))


def _keep(change: Change) -> Path | None:
    """A copy of what is there, under a name that is free, or has the very same already."""
    if not change.copy or change.before is None:
        return None
    target = _target(change.path)
    for number in itertools.count(1):
        kept = target.with_name(f"{target.name}{_KEPT}{'' if number == 1 else number}")
        if not os.path.lexists(kept):
            file = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(file, "wb") as stream:
                _copy_owner_and_mode(target, file)
                stream.write(change.before)
            return kept
        if kept.is_file() and not kept.is_symlink() and kept.read_bytes() == change.before:
            return kept
    raise AssertionError


def _put(change: Change, draft: Path | None) -> None:
    if draft is None:
        _target(change.path).unlink(missing_ok=True)
    else:
        draft.replace(_target(change.path))


def _restore(done: Sequence[Change]) -> None:
    """Put back what was there before, after a later one could not be written."""
    for change in done:
        if change.before is None:
            _target(change.path).unlink(missing_ok=True)
        else:
            _target(change.path).write_bytes(change.before)


def _clean_up(drafts: Sequence[Path | None], written: Sequence[Written]) -> None:
    for draft in drafts:
        if draft is not None:
            draft.unlink(missing_ok=True)
    remove_folders([folder for each in written for folder in each.folders])
