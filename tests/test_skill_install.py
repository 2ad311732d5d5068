"""`agentd skill`: the skill printed, and put where agents look for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from tests.command_line import Ended, agentd
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, environment
from tests.faults import ordinary_user
from tests.skill import SKILL

if TYPE_CHECKING:
    from pathlib import Path


def install(folder: Path, into: Path | str) -> Ended:
    """Run `agentd skill --install` as somebody whose home is that folder."""
    return agentd(folder / "home", "skill", "--install", str(into))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the skill belongs in a folder of skills that is not there yet."""
    return tmp_path / "skills" / "agentd" / "SKILL.md"


def install_beside(place: Path) -> Ended:
    """Install the skill to that place."""
    return install(place.parents[2], place.parents[1])


def test_it_is_printed(tmp_path: Path) -> None:
    """The skill is printed as it is, byte for byte."""
    ended = agentd(tmp_path / "home", "skill")
    assert (ended.code, ended.out, ended.err) == (0, SKILL.read_text(encoding="utf-8"), "")


def test_it_is_installed(place: Path) -> None:
    """It is written to DIR/agentd/SKILL.md, with the folders that are missing."""
    ended = install_beside(place)
    assert (ended.code, ended.out, ended.err) == (0, f"installed: {place}\n", "")
    assert place.read_bytes() == SKILL.read_bytes()
    assert [file.name for file in place.parent.iterdir()] == ["SKILL.md"]


def test_it_is_there_already(place: Path) -> None:
    """A skill that is the same is left as it is."""
    install_beside(place)
    before = place.stat()
    ended = install_beside(place)
    assert (ended.code, ended.out) == (0, f"already there: {place}\n")
    after = place.stat()  # it was read, but neither written nor replaced
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_skill_that_differs_is_kept(place: Path) -> None:
    """An earlier skill, or one that somebody edited, is kept beside the new one, each by itself."""
    place.parent.mkdir(parents=True)
    for name, edited in {"SKILL.md.old": "first", "SKILL.md.old1": "second"}.items():
        place.write_text(edited)
        ended = install_beside(place)
        assert ended.code == 0
        assert ended.out.splitlines() == [
            f"what was there before is kept: {place.parent / name}",
            f"installed: {place}",
        ]
        assert (place.parent / name).read_text() == edited
        assert place.read_bytes() == SKILL.read_bytes()


def test_a_tilde_is_the_home(tmp_path: Path) -> None:
    """`~` is the home, where the shell has left it for us too."""
    ended = install(tmp_path, "~/skills")
    assert ended.code == 0
    assert (tmp_path / "skills" / "agentd" / "SKILL.md").read_bytes() == SKILL.read_bytes()


@pytest.mark.parametrize("where", ["file", "file/below", "with-agentd"])
def test_a_file_is_in_the_way(tmp_path: Path, where: str) -> None:
    """A file where a folder is needed is named, and left as it is."""
    (tmp_path / "with-agentd").mkdir()
    files = (tmp_path / "file", tmp_path / "with-agentd" / "agentd")
    for file in files:
        file.write_text("mine")
    ended = install(tmp_path, tmp_path / where)
    assert ended.code == 2
    assert str(tmp_path / where / "agentd") in ended.error
    assert "give a folder" in ended.error
    assert [file.read_text() for file in files] == ["mine", "mine"]


def test_a_folder_that_is_not_ours(home: Path) -> None:
    """Where it may not write, it says so, names the folder, and leaves nothing behind."""
    folder = home.parent / "skills"
    folder.mkdir()
    ordinary_user.hand_over(home.parent, folder)
    folder.chmod(0o500)
    ended = ordinary_user.run(home, "skill", "--install", str(folder))
    assert (ended.code, ended.lines) == (1, [f"agentd: {folder / 'agentd'}: Permission denied"])
    assert not list(folder.iterdir())


def test_it_is_in_the_package(tmp_path: Path) -> None:
    """A wheel brings it where `agentd skill` looks for it, and an sdist brings what that takes."""
    pyproject: Any = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    targets = pyproject["tool"]["hatch"]["build"]["targets"]
    [(source, target)] = targets["wheel"]["force-include"].items()
    assert REPOSITORY / source == SKILL
    assert f"/{source.split('/')[0]}" in targets["sdist"]["include"]
    shutil.copytree(
        REPOSITORY / "agentd", tmp_path / "agentd", ignore=shutil.ignore_patterns("__pycache__")
    )
    (tmp_path / target).parent.mkdir(parents=True)
    shutil.copy(SKILL, tmp_path / target)
    printed = subprocess.run(
        [sys.executable, "-m", "agentd", "skill"],
        cwd=tmp_path,
        env=environment(tmp_path / "home", {}),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    assert printed.stdout == SKILL.read_bytes()
