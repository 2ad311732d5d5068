"""How the one file starts: it is unpacked once, into a private folder, and run from there.

The rule this file keeps: nothing is run from a folder that somebody else could write to, and
whatever is in the way is told in one line. It imports as little as it can, since every start of
every verb passes through it, and is written for older Pythons too, which it refuses.
"""

import os
import stat
import sys
from importlib.machinery import EXTENSION_SUFFIXES

_CACHE = "~/.cache/agentd"
_ELSEWHERE = "give a folder of your own in the environment, SHIV_ROOT=/path/to/folder"


def start(suffix: str, python: str, machine: str, folder: str) -> None:
    """Run agentd, and end.

    `suffix` is what the Python that made the file calls its extension modules, `python` what people
    call it, `folder` the name under which this very file is unpacked.
    """
    archive = os.path.abspath(sys.argv[0])
    _check_python(archive, suffix, python, machine)
    root = os.path.expanduser(os.environ.get("SHIV_ROOT") or _CACHE)
    packages = os.path.join(root, folder, "site-packages")
    try:
        _check_private(root)
        if not os.path.isdir(packages):
            _unpack(archive, root, folder)
    except OSError as error:
        _refuse(f"it cannot be unpacked: {error}; it takes some 80 MB there; or {_ELSEWHERE}")
    sys.path[0] = packages  # in the place of this file
    from agentd.cli import main

    sys.exit(main())


def _check_python(archive: str, suffix: str, python: str, machine: str) -> None:
    """Can this Python load what was made for that one?"""
    here, here_machine = EXTENSION_SUFFIXES[0], os.uname().machine
    if (here, here_machine) != (suffix, machine):
        version = ".".join(map(str, sys.version_info[:3]))
        _refuse(
            f"it is made for Python {python} ({suffix}, {machine}), and this is Python {version} "
            f"({here}, {here_machine}): run it as `python{python} {archive}`, or have one made for "
            "this Python (`make zipapp` in agentd's tree)"
        )


def _check_private(root: str) -> None:
    """Make the folder, for this user alone, or see that nobody else may write to it."""
    os.makedirs(os.path.dirname(os.path.abspath(root)), exist_ok=True)
    try:
        os.mkdir(root, 0o700)
    except FileExistsError:
        pass
    found = os.stat(root)
    if not stat.S_ISDIR(found.st_mode):
        _refuse(f"it cannot be unpacked: {root} is not a folder; move it away, or {_ELSEWHERE}")
    if found.st_uid != os.geteuid():
        _refuse(
            f"{root}, where it is unpacked, belongs to user {found.st_uid}, who could change what "
            f"runs: {_ELSEWHERE}"
        )
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        _refuse(
            f"others may write to {root}, where it is unpacked, and change what runs: see that all "
            f"in it is yours, and `chmod 700` it, or {_ELSEWHERE}"
        )


def _unpack(archive: str, root: str, folder: str) -> None:
    """Unpack it whole or not at all; of several that start at once, one does."""
    import shutil
    import zipfile
    from pathlib import Path

    # shiv's own, packed beside this file
    from _bootstrap import extract_site_packages
    from _bootstrap.filelock import FileLock

    place = Path(root, folder)
    before = os.umask(0o077)
    try:
        with zipfile.ZipFile(archive) as packed:
            extract_site_packages(packed, place)
    except OSError:
        # Under shiv's lock: another may be unpacking there by now.
        with FileLock(Path(root, f".{folder}_lock")):
            shutil.rmtree(f"{place}.tmp", ignore_errors=True)
        raise
    finally:
        os.umask(before)


def _refuse(why: str) -> None:
    sys.exit(f"{os.path.basename(sys.argv[0])}: {why}")
