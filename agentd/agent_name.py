"""What an agent calls itself where it holds something: which program, in which folder, which run.

The rule this file keeps: the name tells by itself whose folder it is, so that the next run there
can be told what the one before it held.
"""

import hashlib
import re
from pathlib import PurePath

_MARK = 4
"""Hexadecimal digits that tell folders of one name apart."""

_LONGEST = 48
"""Characters of a program's or a folder's own name."""


def agent_name(program: str, folder: PurePath, run: str) -> str:
    """`claude-code/shop-3f2a/4711`: `folder` is absolute, `run` a process or a session."""
    return f"{_word(program)}/{folder_name(folder)}/{_word(run)}"


def folder_name(folder: PurePath) -> str:
    """A folder's part of the name: its own name, and a mark of where it is."""
    mark = hashlib.sha256(str(folder).encode(errors="surrogateescape")).hexdigest()[:_MARK]
    return f"{_word(folder.name)}-{mark}"


def is_in_folder(owner: str, folder: PurePath) -> bool:
    """Whether an owner is an agent of that folder."""
    parts = owner.split("/")
    return len(parts) == 3 and parts[1] == folder_name(folder)  # noqa: PLR2004 - as above


def _word(text: str) -> str:
    """A name as one word, which neither a shell nor a terminal obeys."""
    return re.sub(r"[^\w.-]+", "-", text)[:_LONGEST].strip("-") or "agent"
