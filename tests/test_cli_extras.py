"""What a verb needs beyond what every installation has, and how one is told."""

import sys
from importlib import metadata
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from agentd.cli import extras
from agentd.cli.extras import install_command, require_extra
from agentd.errors import Failure

OF_AGENTS = "'httpx<1,>=0.28' 'tenacity<10,>=9'"


def only(*names: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all packages these are there."""

    def find_spec(name: str) -> ModuleSpec | None:
        return ModuleSpec(name, None) if name in names else None

    monkeypatch.setattr(extras, "find_spec", find_spec)


def test_what_is_there_is_not_asked_for() -> None:
    """Where all of an extra is there, nothing is said."""
    require_extra("agentd loop", "agents", ("httpx", "tenacity"))


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lacks something is told what, of which extra, and a line to type for all of it."""
    only("pip", "httpx", monkeypatch=monkeypatch)
    with pytest.raises(Failure) as refused:
        require_extra("agentd loop", "agents", ("httpx", "tenacity"))
    assert str(refused.value) == (
        "agentd loop needs tenacity, of the extra `agents`: "
        f"`{sys.executable} -m pip install {OF_AGENTS}` installs what it needs; run it again then"
    )


def test_where_pipx_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In an environment of pipx, pipx adds them, whatever it calls that environment."""
    prefix = tmp_path / "agentd-next"
    prefix.mkdir()
    (prefix / "pipx_metadata.json").touch()
    monkeypatch.setattr(sys, "prefix", str(prefix))
    assert install_command("agents", ()) == f"pipx inject agentd-next {OF_AGENTS}"


def test_where_there_is_no_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pip, as in what uv makes, uv adds them to the Python that runs."""
    only(monkeypatch=monkeypatch)
    monkeypatch.setattr(sys, "executable", "/opt/my tools/python")
    line = f"uv pip install --python '/opt/my tools/python' {OF_AGENTS}"
    assert install_command("agents", ()) == line


def test_where_nobody_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where agentd runs from a tree that no installer knows, the packages are told by name."""

    def requires(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    only("pip", monkeypatch=monkeypatch)
    monkeypatch.setattr(metadata, "requires", requires)
    assert install_command("agents", ("httpx",)) == f"{sys.executable} -m pip install httpx"
