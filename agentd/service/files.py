"""The files of a service: which are ours, what changes, and having the disk keep them.

The rule this file keeps: a file without our mark is never written over or removed, and one that is
replaced is replaced whole. A link is followed: whoever made it wants the file where it is.
"""

import difflib
import os
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from agentd.durable import replace_file
from agentd.service.failures import ForeignFile


class What(StrEnum):
    """What becomes of a file."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REMOVED = "removed"


class Change(NamedTuple):
    """One file, before and after; `None` where there is none."""

    path: Path
    before: str | None
    after: str | None

    @property
    def what(self) -> What:
        """What becomes of it."""
        if self.before == self.after:
            return What.UNCHANGED
        if self.before is None:
            return What.NEW
        return What.REMOVED if self.after is None else What.CHANGED

    def difference(self) -> list[str]:
        """Its lines that come and go, as `diff -u` shows them."""
        before, after = ((text or "").splitlines() for text in (self.before, self.after))
        return list(difflib.unified_diff(before, after, "before", "after", lineterm=""))


def changes(wanted: Mapping[Path, str], ours: Mapping[Path, str], mark: str) -> list[Change]:
    """What becomes of every file. Raises `ForeignFile` before anything was touched."""
    found = []
    for path, text in wanted.items():
        before = read_ours(path, mark)
        if before is None and os.path.lexists(path):
            raise ForeignFile(f"{path} is there, and agentd did not write it: move it away")
        found.append(Change(path, before, text))
    gone = (path for path in ours if path not in wanted)
    return found + [Change(path, ours[path], None) for path in gone]


def read_ours(path: Path, mark: str) -> str | None:
    """The text of a file of ours; None where there is none, or one of others."""
    try:
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return None
    return text if mark in text else None


def ours_below(folder: Path, patterns: Iterable[str], mark: str) -> dict[Path, str]:
    """The files of ours in a folder, with their texts."""
    paths = sorted(path for pattern in patterns for path in folder.glob(pattern))
    texts = {path: read_ours(path, mark) for path in paths}
    return {path: text for path, text in texts.items() if text is not None}


def write(change: Change) -> None:
    """Have a file be as it is wanted. Raises `OSError`."""
    if change.what is What.UNCHANGED:
        return
    if change.after is None:
        change.path.unlink(missing_ok=True)
        return
    path = change.path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, change.after.encode())
