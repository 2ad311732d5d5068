"""The keys of locks as this process means them: paths from where it is.

The rule this file keeps: what goes to the daemon is absolute, because it does not know where
anybody is, and relative and absolute paths never conflict. Links are not followed: a path is locked
as it is written.
"""

import glob
import os
from collections.abc import Iterable
from itertools import combinations

from agentd.lock_keys import normalise_key, overlap, place_of

_KINDS = ("file:", "dir:")


def absolute_key(key: str, directory: str | os.PathLike[str] | None = None) -> str:
    """The key with an absolute path where it is a `file:` or a `dir:`; else the key as it is.

    `~` is somebody's home, and what is relative begins in that directory, by default in the one
    that this process is in. Raises `OSError` where that is gone.
    """
    kind = next((kind for kind in _KINDS if key.startswith(kind)), None)
    if kind is None:
        return key
    path = key[len(kind) :]
    first, _, rest = path.partition("/")
    begin = "/"
    if first.startswith("~") and (home := os.path.expanduser(first)) != first:  # noqa: PTH111 - a pattern is no path
        begin, path = home, rest
    elif not path.startswith("/"):
        begin = os.path.abspath(directory or os.getcwd())  # noqa: PTH100, PTH109 - keep links
    return f"{kind}/{'/'.join(_names(begin, path))}"


def in_order(keys: Iterable[str], *, shared: bool) -> list[str]:
    """Absolute keys, each once, as they are best taken: what is above goes before what is below.

    So two who want the same do not wait for each other, though one says `dir:` and one `file:`.
    Raises ValueError where a key is none, or one would be in the way of another.
    """
    absolute = {normalise_key(absolute_key(key)) for key in keys}
    ordered = sorted(absolute, key=lambda key: (place_of(key).prefix, key))
    for one, other in () if shared else combinations(ordered, 2):
        if overlap(one, other):
            raise ValueError(f"{one} is in the way of {other}: one lock on both will do")
    return ordered


def lacks_path(key: str) -> str | None:
    """Why a key that somebody wrote is none: a variable in it was empty, say."""
    if not key:
        return "the key is empty"
    if key in _KINDS:
        return f"'{key}' names no path; '{key}.' is the directory itself"
    return None


def _names(begin: str, path: str) -> list[str]:
    """Without `.`, and without `..` where it is clear what that leaves."""
    # What is in the directory's own names is no wildcard.
    names = [glob.escape(name) for name in begin.split("/") if name]
    clear = len(names)
    for name in path.split("/"):
        if name == ".." and (len(names) <= clear or not glob.has_magic(names[-1])):
            del names[-1:]
            clear = min(clear, len(names))
        elif name not in ("", "."):
            names.append(name)
    return names
