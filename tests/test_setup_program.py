"""Which program the settings of an agent name: one that stays where it is."""

import sys
from pathlib import Path

import pytest

from agentd import own_program
from agentd.setup.program import stable_program
from agentd.setup.refusal import CannotSetUp


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which pytest's own folder is no temporary one."""
    monkeypatch.setattr(own_program, "_TEMPORARY", (str(tmp_path / "tmp"),))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv/bin/python"))
    return tmp_path


def made(path: Path) -> Path:
    """A program there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def started(root: Path, path: Path, monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    """What is named where agentd was started as `path`."""
    monkeypatch.setattr(sys, "argv", [str(path), "setup"])
    return stable_program(None, {"HOME": str(root), **environment})


def test_the_path_that_the_shell_found(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that an installer made stays when what it leads to is replaced."""
    made(root / "pipx/venvs/agentd/bin/agentd")
    link = root / ".local/bin/agentd"
    link.parent.mkdir(parents=True)
    link.symlink_to(root / "pipx/venvs/agentd/bin/agentd")
    assert started(root, link, monkeypatch) == str(link)


def test_one_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single file is named, wherever its Python and its unpacked code are."""
    path = made(root / "bin/agentd-0.2.0.pyz")
    assert started(root, path, monkeypatch) == str(path)


def test_started_as_a_module(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m agentd` has its program beside that Python."""
    path = made(root / "venv/bin/agentd")
    assert started(root, root / "agentd/__main__.py", monkeypatch) == str(path)


def test_there_is_none(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then one has to be named."""
    with pytest.raises(CannotSetUp, match=r"cannot tell which program .* --program PATH"):
        started(root, root / "agentd/__main__.py", monkeypatch)


@pytest.mark.parametrize(
    "place",
    ["tmp/venv/bin", ".cache/uv/archive-v0/x/bin", "Library/Caches/x/bin", "uv-cache/x", "run/x"],
)
def test_what_will_not_stay(root: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """A cache or a temporary folder is refused, with what to do."""
    path = made(root / place / "agentd")
    moved = {"UV_CACHE_DIR": str(root / "uv-cache"), "TMPDIR": str(root / "run")}
    with pytest.raises(CannotSetUp, match=r"is in a temporary place .* --program PATH"):
        started(root, path, monkeypatch, **moved)
    assert stable_program(str(path), {}) == str(path)


def test_a_program_that_is_named(root: Path) -> None:
    """It has to be there, to be run, and to be known for agentd's by its name."""
    made(root / "bin/other")
    with pytest.raises(CannotSetUp, match="has to begin with `agentd`"):
        stable_program(str(root / "bin/other"), {})
    with pytest.raises(CannotSetUp, match="is no program that can be run"):
        stable_program(str(root / "bin/agentd"), {})
    made(root / "bin/agentd").chmod(0o644)
    with pytest.raises(CannotSetUp, match="is no program that can be run"):
        stable_program(str(root / "bin/agentd"), {})
    made(root / "a\nb/agentd")
    with pytest.raises(CannotSetUp, match="has characters that settings cannot hold"):
        stable_program(str(root / "a\nb/agentd"), {})
