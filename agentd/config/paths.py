"""Paths as people write them, and the path in a database's URL."""

import os
import re
from pathlib import Path

from agentd.errors import BadSetting
from agentd.server_url import mask

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_KEYWORDS = re.compile(r"\w+\s*=.*\s\w+\s*=", re.ASCII | re.DOTALL)
"""How libpq's other form begins, `host=db.example.com dbname=agentd`: no path is meant by it."""
_FOLDERS = {"", ".", ".."}
"""How a path ends that names a folder, whatever there is."""


def expand_path(name: str, value: str) -> Path:
    """The path that `value` means, absolute. Raises `BadSetting` where it means none."""
    try:
        path = Path(os.path.abspath(Path(value.strip()).expanduser()))  # noqa: PTH100 - keep symlinks
        str(path).encode()  # SQLite takes no other names than UTF-8
    except UnicodeEncodeError as error:
        raise BadSetting(f"{name}={value!r} is not a path: expected UTF-8") from error
    except (RuntimeError, ValueError) as error:
        raise BadSetting(f"{name}={value!r} is not a path: {error}") from error
    return path


def expand_file_path(name: str, value: str) -> Path:
    """As `expand_path`, of a path that can be a file's. Raises `BadSetting` where it cannot."""
    path = expand_path(name, value)
    folder, _, last = value.strip().rpartition("/")
    if last in _FOLDERS or (not folder and last.startswith("~")) or not path.name:
        raise BadSetting(f"{name}={value!r} names a folder: expected the path of a file")
    return path


def parse_database_url(name: str, url: str) -> Path:
    """The path in `sqlite://path`, `sqlite:path`, or `path`. Raises `BadSetting`.

    A trailing `?mode=rwc` is what agentd does anyway; no other query means anything to it.
    """
    path = url.strip()
    if _KEYWORDS.match(path):  # not repeated: a password may be anywhere in it
        raise BadSetting(
            f"{name}: expected postgresql://USER@HOST/DATABASE, not libpq's form of keywords: "
            "further ones stand behind it, as in ?sslmode=verify-full"
        )
    strange = False
    if path.startswith("sqlite:"):
        path = path.removeprefix("sqlite:").removeprefix("//")
    else:
        strange = _SCHEME.match(path) is not None
    path = path.removesuffix("?mode=rwc")
    if strange or not path or "?" in path or path == ":memory:":
        shown = mask(url) if "@" in url else url  # it may be meant for a server
        raise BadSetting(
            f"{name}={shown!r}: expected sqlite:// and a path, such as "
            "sqlite://~/.agentd/agent_state.db, or postgresql:// and a server"
        )
    try:
        return expand_file_path(name, path)
    except BadSetting as error:
        raise BadSetting(f"{name}={url!r}: {error}") from error
