"""What continuous integration runs on: every Python here, and the oldest of every range."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY
from tests.documents import found, text

PYPROJECT = tomllib.loads(text(REPOSITORY / "pyproject.toml"))
BASH = shutil.which("bash")
MAKE = shutil.which("make")

only_with_bash = pytest.mark.skipif(BASH is None, reason="bash is not installed")
only_with_make = pytest.mark.skipif(MAKE is None, reason="make is not installed")


def required() -> list[Requirement]:
    """What pyproject.toml asks for, to build, to run and by its extras."""
    project: dict[str, Any] = PYPROJECT["project"]
    extras = project["optional-dependencies"].values()
    lists = [PYPROJECT["build-system"]["requires"], project["dependencies"], *extras]
    return [Requirement(one) for group in lists for one in group]


def program(path: Path, script: str) -> Path:
    """A program of that path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def constraints(pyproject: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What `.ci/oldest.py` makes of this pyproject.toml."""
    script = folder / ".ci" / "oldest.py"
    script.parent.mkdir()
    shutil.copy(REPOSITORY / ".ci" / "oldest.py", script)
    (folder / "pyproject.toml").write_text(pyproject)
    return subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_every_range_has_its_oldest_version(tmp_path: Path) -> None:
    """The constraints hold each requirement to the lowest version that its range allows."""
    ended = constraints(text(REPOSITORY / "pyproject.toml"), tmp_path)
    assert ended.returncode == 0, ended.stderr
    told = dict(line.split("==") for line in ended.stdout.splitlines())
    ranges = {one.name: one.specifier for one in required() if one.name != "agentd"}
    assert told.keys() == ranges.keys()
    for name, version in told.items():
        assert f">={version}" in [str(part) for part in ranges[name]]
        assert version in ranges[name]


@pytest.mark.parametrize("asked", ["rich", "rich<16", "rich==15", "rich>14", "rich>=14,!=15,<16"])
def test_a_requirement_without_an_oldest_version(tmp_path: Path, asked: str) -> None:
    """A range whose end is open, or that is written in another way, stops it with its name."""
    whole = text(REPOSITORY / "pyproject.toml")
    ended = constraints(re.sub(r'"rich>=[^"]*"', f'"{asked}"', whole), tmp_path)
    assert ended.returncode == 1
    assert f"ValueError: {asked!r} names no oldest version" in ended.stderr


@only_with_bash
def test_every_python_is_asked(tmp_path: Path) -> None:
    """A shim that fails is left out, and what version managers keep is found, oldest first."""
    says = 'echo "{version} $0"'
    path = tmp_path / "bin"
    program(path / "python3", "exit 127")
    program(path / "python3.12", "exec nothing-of-that-name")
    here = program(path / "python3.13", says.format(version="3.13.10"))
    program(path / "python3.14", says.format(version="3.13.10"))  # the same once more
    kept = [
        program(tmp_path / folder / "bin" / "python3", says.format(version=version))
        for folder, version in (
            (".pyenv/versions/3.13.9", "3.13.9"),
            (".asdf/installs/python/3.11.1", "3.11.1"),
            (".local/share/uv/python/cpython-3.15.0", "3.15.0"),
        )
    ]
    program(tmp_path / ".pyenv/versions/3.10.1/bin/python3", "exit 1")
    assert BASH is not None
    (path / "sort").symlink_to(shutil.which("sort") or "sort")
    ended = subprocess.run(
        [BASH, str(REPOSITORY / ".ci" / "pythons")],
        env={"HOME": str(tmp_path), "PATH": str(path), "HOMEBREW_PREFIX": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    assert ended.stdout.splitlines() == [
        f"3.11.1 {kept[1]}",
        f"3.13.9 {kept[0]}",
        f"3.13.10 {here}",
        f"3.15.0 {kept[2]}",
    ]


@only_with_bash
def test_the_python_that_runs_is_one_of_them() -> None:
    """A real Python says its version and its path."""
    assert BASH is not None
    base = Path(sys.base_prefix) / "bin"
    env = os.environ | {"PATH": f"{base}:{os.environ['PATH']}"}
    ended = subprocess.run(
        [BASH, str(REPOSITORY / ".ci" / "pythons")],
        env=env,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    versions = [line.split(" ", 1)[0] for line in ended.stdout.splitlines()]
    assert ".".join(map(str, sys.version_info[:3])) in versions


# What `make` sets up

PYTHON_BEFORE = """
case "$1 $2" in
    "-c "*) echo 3.99.0 ;;
    "-m venv") mkdir -p "$4/bin" && cp "$0.inside" "$4/bin/python" ;;
esac
"""
PYTHON_INSIDE = """
case "$1 $2" in
    "-m pip")
        echo "Collecting one"
        echo "Installing collected packages: one, two, three"
        echo "constraints: $PIP_CONSTRAINT" >&2
        exit {code} ;;
    ".ci/oldest.py ") echo "one==1" ;;
esac
"""


def set_up(
    folder: Path, venv: str = ".venv", oldest: str = "", code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Set up an environment with a Python and a pip that only say what they would do."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, folder)
    python = program(folder / "python", PYTHON_BEFORE)
    program(folder / "python.inside", PYTHON_INSIDE.format(code=code))
    assert MAKE is not None
    return subprocess.run(
        [MAKE, f"PYTHON={python}", f"VENV={venv}", f"OLDEST={oldest}", f"{venv}/.made-for"],
        cwd=folder,
        env={
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MAKE", "PIP_"))
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@only_with_make
def test_a_line_for_each_step(tmp_path: Path) -> None:
    """Who waits for the first half minute is told what for."""
    ended = set_up(tmp_path)
    assert ended.stdout.splitlines() == [
        "Setting up .venv (Python 3.99.0), once; later runs start at once:",
        "  making .venv ...",
        "  fetching agentd's packages ...",
        "  installing 3 packages ...",
    ]
    assert (ended.returncode, ended.stderr) == (0, "constraints: \n")
    assert (tmp_path / ".venv" / ".made-for").read_text() == f"{tmp_path.resolve()}\n"


@only_with_make
def test_a_set_up_that_failed_is_none(tmp_path: Path) -> None:
    """Where pip fails, make does, with pip's own words, and the next run begins anew."""
    ended = set_up(tmp_path, code=1)
    assert ended.returncode == 2
    assert "constraints" in ended.stderr
    assert not (tmp_path / ".venv" / ".made-for").exists()


@only_with_make
def test_the_oldest_have_a_folder_of_their_own(tmp_path: Path) -> None:
    """The constraints are made anew from pyproject.toml, and pip is held to them."""
    ended = set_up(tmp_path, ".venv-oldest", "1")
    assert (ended.returncode, ended.stderr) == (0, "constraints: .venv-oldest/oldest.txt\n")
    assert (tmp_path / ".venv-oldest" / "oldest.txt").read_text() == "one==1\n"


# What CI runs


def run_ci(folder: Path, path: Path) -> list[str]:
    """Run `.ci/run` with the programs in `path` before all others; what it says."""
    (folder / ".venv-newest").mkdir()
    assert BASH is not None
    ended = subprocess.run(
        [BASH, str(folder / ".ci" / "run")],
        env={**os.environ, "HOME": str(folder), "PATH": f"{path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    assert not (folder / ".venv-newest").exists(), "the newest of today, not of the last run"
    return ended.stdout.splitlines()


@only_with_bash
def test_both_ends_are_run(tmp_path: Path) -> None:
    """The newest of all on the newest Python, the oldest on the oldest minor version's newest."""
    shutil.copytree(REPOSITORY / ".ci", tmp_path / ".ci")
    program(tmp_path / ".ci" / "package", 'echo "package $*"')
    path = tmp_path / "bin"
    program(path / "make", 'echo "make $*"')
    for name in ("chromium", "pg_ctlcluster", "pgbouncer"):
        program(path / name, "exit 0")
    oldest = program(path / "python3.11", 'echo "3.11.99 $0"')
    newest = program(path / "python3.14", 'echo "3.99.0 $0"')
    newest_here = f"VENV=.venv-newest PYTHON={newest}"
    head, *rest = run_ci(tmp_path, path)
    assert head == "Pythons here, the oldest first:"
    assert rest[-9:] == [
        "== the packages on Python 3.99.0",
        f"package {newest}",
        "== the newest dependencies on Python 3.99.0",
        f"make .venv-newest/.has-browser {newest_here}",
        f"make check test {newest_here}",
        "== the oldest dependencies on Python 3.11.99",
        f"make test-oldest PYTHON={oldest}",
        "== many machines on one server",
        f"make test-machines {newest_here}",
    ]
    targets = set(found(r"^([a-z-]+):", text(REPOSITORY / "Makefile")))
    assert {"check", "test", "test-oldest", "test-machines"} <= targets


@only_with_bash
def test_without_a_browser_or_a_server_ci_goes_on(tmp_path: Path) -> None:
    """Where they cannot be installed it is told which tests are skipped."""
    shutil.copytree(REPOSITORY / ".ci", tmp_path / ".ci")
    program(tmp_path / ".ci" / "pythons", "exit 0")
    for name in ("make", "python3"):
        program(tmp_path / "bin" / name, "exit 0")
    program(tmp_path / "bin" / "id", "echo 1000")
    for name in ("bash", "dirname"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    ended = subprocess.run(
        [str(BASH), str(tmp_path / ".ci" / "run")],
        env={"PATH": str(tmp_path / "bin")},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    said = ended.stderr.splitlines()
    assert "tests/test_ui_browser.py" in said[1]
    assert "tests/postgres_system.py" in said[3]
    assert "tests/test_pooler.py" in said[5]
    assert said[6].startswith("no Python 3.11 or newer")


@only_with_bash
def test_without_a_python_ci_is_red(tmp_path: Path) -> None:
    """Where no Python runs, it says so and fails."""
    shutil.copytree(REPOSITORY / ".ci", tmp_path / ".ci")
    program(tmp_path / ".ci" / "pythons", "exit 0")
    path = tmp_path / "bin"
    for name in ("make", "chromium", "pg_ctlcluster", "pgbouncer"):
        program(path / name, "exit 0")
    program(path / "python3", "exit 1")
    assert BASH is not None
    ended = subprocess.run(
        [BASH, str(tmp_path / ".ci" / "run")],
        env={**os.environ, "PATH": f"{path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("no Python 3.11 or newer that runs")


@only_with_make
def test_a_test_that_ends_its_process_ends_the_run(tmp_path: Path) -> None:
    """The run is red and over: no other worker is given the file, and none waits for it."""
    (tmp_path / "test_ends.py").write_text(
        "import os\ndef test_it(): os._exit(1)\ndef test_b(): 0\n"
    )
    for name in "abcd":
        (tmp_path / f"test_{name}.py").write_text("def test_a(): 0\ndef test_b(): 0\n")
    asked = subprocess.run(
        [str(MAKE), "-n", "test", "PY=python", "ARGS="],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    [line] = [each for each in asked.stdout.splitlines() if " -m pytest " in each]
    options = line.partition(" -m pytest ")[2].split()
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (ended.returncode, "loadfile" in options) == (1, True), ended.stdout
    assert "crashed while running" in ended.stdout
