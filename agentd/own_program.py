"""Which program this agentd is, how it is started once more, and whether it stays where it is.

The rule this file keeps: a program is named by an absolute path, as whoever started it found it: a
link that an installer made stays when what it leads to is replaced.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

NAME = "agentd"

ONE_FILE = "agentd_one_file"
"""What the one file begins with (release/one_file.py), and no other agentd has loaded."""

_CACHES = frozenset({".cache", "Caches"})
"""Folders whose content may be thrown away: uvx and `pipx run` keep their environments there."""

_CLEARED = ("/tmp", "/var/tmp", "/var/folders")  # noqa: S108 - nothing is made there
_TEMPORARY = (*_CLEARED, *(f"/private{each}" for each in _CLEARED), "/dev/shm", "/run/user")  # noqa: S108
"""macOS has them below /private, too."""

_MOVED = ("UV_CACHE_DIR", "XDG_CACHE_HOME", "TMPDIR", "TEMP", "TMP")


def own_words() -> tuple[str, ...]:
    """The words that start this agentd once more, by the same Python and from the same files.

    `-P`: a folder `agentd` in the current directory must not be taken for it. In the one file the
    modules are reached through that file alone.
    """
    if is_one_file():
        return sys.executable, os.path.abspath(sys.argv[0])  # noqa: PTH100 - as it was found
    return sys.executable, "-P", "-m", NAME


def is_one_file() -> bool:
    """Whether this agentd is the one file for machines without pip."""
    return ONE_FILE in sys.modules


def own_program() -> Path | None:
    """The program that this agentd was started as; of a module, the one beside its Python."""
    started = Path(sys.argv[0] or ".").absolute()
    beside = Path(sys.executable).absolute().with_name(NAME)
    named = started.name.startswith(NAME) and started.suffix != ".py"
    candidates = (started, beside) if named or is_one_file() else (beside,)
    return next((each for each in candidates if each.is_file()), None)


def temporary_place(path: str | Path, environment: Mapping[str, str]) -> str | None:
    """The folder where nothing stays that a path, or what it leads to, is in; None where it stays.

    That is a cache, or what is cleared now and then.
    """
    moved = (environment[name] for name in _MOVED if environment.get(name))
    places = {form for each in (*_TEMPORARY, *moved) for form in (each, os.path.realpath(each))}
    for found in (Path(path), Path(os.path.realpath(path))):
        for parent in (found, *found.parents):
            if parent.name in _CACHES or str(parent) in places:
                return str(parent)
    return None
