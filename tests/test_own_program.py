"""Which program this agentd is, how it is started once more, and whether it stays where it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from agentd import own_program
from agentd.own_program import own_words, temporary_place


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python in an environment that has nothing else."""
    path = tmp_path / "venv" / "bin" / "python"
    path.parent.mkdir(parents=True)
    monkeypatch.setattr(sys, "executable", str(path))
    return path


def started(monkeypatch: pytest.MonkeyPatch, path: str | Path) -> Path | None:
    """The program that this agentd is, where it was started as `path`."""
    monkeypatch.setattr(sys, "argv", [str(path), "status"])
    return own_program.own_program()


def in_one_file(monkeypatch: pytest.MonkeyPatch, path: str | Path) -> None:
    """As if the one file had been started as `path`."""
    monkeypatch.setitem(sys.modules, "agentd_one_file", ModuleType("agentd_one_file"))
    monkeypatch.setattr(sys, "argv", [str(path)])


def test_the_same_python_runs_the_same_agentd(tmp_path: Path) -> None:
    """A folder of its name in the current directory is not taken for it."""
    (tmp_path / "agentd").mkdir()
    (tmp_path / "agentd" / "__init__.py").write_text("raise SystemExit('another')")
    ended = subprocess.run(
        [*own_words(), "--version"], capture_output=True, cwd=tmp_path, check=True
    )
    assert ended.stdout.startswith(b"agentd ")


def test_one_file_is_run_as_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is called, and as a path that holds in other directories."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").touch()
    in_one_file(monkeypatch, "a")
    assert own_words() == (sys.executable, str(tmp_path / "a"))
    assert own_program.own_program() == tmp_path / "a"


def test_a_link_that_an_installer_made(
    python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays when what it leads to is replaced."""
    python.with_name("agentd").touch()
    (tmp_path / "agentd").symlink_to(python.with_name("agentd"))
    assert started(monkeypatch, tmp_path / "agentd") == tmp_path / "agentd"


def test_a_module(python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m agentd`, and a program that uses agentd, are the one beside their Python."""
    (tmp_path / "agentd.py").touch()
    (tmp_path / "mine").touch()
    for path in ("/x/agentd/__main__.py", tmp_path / "agentd.py", tmp_path / "mine", "-c", ""):
        assert started(monkeypatch, path) is None
    python.with_name("agentd").touch()
    for path in ("/x/agentd/__main__.py", tmp_path / "agentd.py", tmp_path / "mine", "-c", ""):
        assert started(monkeypatch, path) == python.with_name("agentd")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/home/me/.local/bin/agentd", None),
        ("/home/me/.local/share/pipx/venvs/agentd/bin/agentd", None),
        ("/opt/homebrew/bin/agentd", None),
        ("/home/me/agentd/.venv/bin/agentd", None),
        ("/run/current-system/sw/bin/agentd", None),
        ("/run/user/1000/venv/bin/agentd", "/run/user"),
        ("/tmp/venv/bin/agentd", "/tmp"),  # noqa: S108 - a path to be refused
        ("/dev/shm/venv/bin/agentd", "/dev/shm"),  # noqa: S108 - the same
        ("/private/var/folders/x/T/agentd", "/private/var/folders"),
        ("/var/folders/x/T/agentd", "/var/folders"),
        ("/home/me/.cache/uv/archive-v0/AbC/bin/agentd", "/home/me/.cache"),
        ("/Users/me/Library/Caches/uv/x/bin/agentd", "/Users/me/Library/Caches"),
        ("/home/me/.local/share/pipx/.cache/1/bin/agentd", "/home/me/.local/share/pipx/.cache"),
        ("/data/uv/archive-v0/AbC/bin/agentd", "/data/uv"),
        ("/data/x/bin/agentd", "/data/x"),
        ("/data/t/bin/agentd", "/data/t"),
    ],
)
def test_what_may_be_gone_tomorrow(path: str, place: str | None) -> None:
    """Caches and folders that are cleared are no place for a program that is to be found again."""
    moved = {"UV_CACHE_DIR": "/data/uv/", "XDG_CACHE_HOME": "/data/x", "TMPDIR": "/data/t"}
    assert temporary_place(path, moved) == place


def test_a_link_into_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that stays is no better than what it leads to."""
    monkeypatch.setattr(own_program, "_TEMPORARY", ())
    (tmp_path / "agentd").symlink_to("/home/me/.cache/uv/agentd")
    assert temporary_place(tmp_path / "agentd", {}) == "/home/me/.cache"
    (tmp_path / "cache").mkdir()
    (tmp_path / "way").symlink_to(tmp_path / "cache")
    moved = {"UV_CACHE_DIR": str(tmp_path / "way")}
    assert temporary_place(tmp_path / "cache/agentd", moved) == str(tmp_path / "cache")
