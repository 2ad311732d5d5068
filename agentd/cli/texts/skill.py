"""`agentd skill`: what an agent has to know to use agentd, printed or put where agents look.

The rule this file keeps: a skill is in place whole or not at all, and one that differs, an earlier
one or one that somebody edited, is kept beside it.
"""

import argparse
import itertools
import os
import sys
from pathlib import Path

from agentd.errors import BadSetting
from agentd.setup.skill import skill_text
from agentd.text import printable


def run(options: argparse.Namespace) -> int:
    """Print the skill, or install it. Raises `Failure`, or the `OSError` that names the file."""
    text = skill_text()
    if options.install is None:
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
        return 0
    path = _make_folder(options.install) / "SKILL.md"
    before = path.read_bytes() if path.exists() else None
    if before == text:
        print(f"already there: {printable(path)}")
        return 0
    if before is not None:
        kept = _free_name(path)
        _write(kept, before)
        print(f"what was there before is kept: {printable(kept)}")
    _write(path, text)
    print(f"installed: {printable(path)}")
    return 0


def _make_folder(folder: Path) -> Path:
    """The skill's own folder under that one. Raises `BadSetting` where a file is in the way."""
    place = folder.expanduser() / "agentd"
    try:
        place.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise BadSetting(
            f"{place}: a file is in the way; give a folder of skills, such as ~/.claude/skills"
        ) from error
    return place


def _free_name(path: Path) -> Path:
    names = (path.with_name(f"{path.name}.old{number or ''}") for number in itertools.count())
    return next(name for name in names if not os.path.lexists(name))


def _write(path: Path, text: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(text)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
