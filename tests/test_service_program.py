"""Which program a service starts, and which of the environment it has."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

import agentd
from agentd import own_program
from agentd.errors import BadSetting
from agentd.service.failures import TemporaryProgram
from agentd.service.program import start_words, worker_words
from agentd.service.surroundings import search_path, surroundings

PROGRAM = ("/opt/agentd/bin/agentd",)
PATH = {"PATH": "/usr/bin:/bin"}


@pytest.fixture
def stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if what is temporary here were to stay: the tests' own folders are."""
    monkeypatch.setattr(own_program, "_TEMPORARY", ())


def test_a_program_out_of_a_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An agentd that was unpacked for one run says so, and how to go on."""
    script = tmp_path / "agentd"
    script.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(script)])
    with pytest.raises(
        TemporaryProgram, match=r"may be gone tomorrow: install it .*--program PATH"
    ):
        start_words(PATH)
    assert start_words(PATH, str(script)) == (str(script),)


def test_how_this_agentd_was_started(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    stays: None,  # noqa: ARG001
) -> None:
    """A script is started as it is, by the link that leads to it; one file by its Python."""
    script, link, python = tmp_path / "script", tmp_path / "agentd", tmp_path / "bin" / "python"
    script.touch(mode=0o755)
    link.symlink_to(script)
    monkeypatch.setattr(sys, "argv", [str(link)])
    assert start_words(PATH) == (str(link),)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(sys, "argv", ["/x/agentd/__main__.py"])
    assert start_words(PATH) == (str(python), "-P", "-m", "agentd")
    monkeypatch.setattr(agentd, "__file__", "/home/me/.cache/uv/agentd/__init__.py")
    with pytest.raises(TemporaryProgram, match=r"/home/me/\.cache"):
        start_words(PATH)
    monkeypatch.setitem(sys.modules, "agentd_one_file", ModuleType("agentd_one_file"))
    monkeypatch.setattr(sys, "argv", [str(script)])
    assert start_words(PATH) == (str(python), str(script))


def test_a_workers_program() -> None:
    """`agentd` is this one; any other is looked for where the service will look for it."""
    assert worker_words(("agentd", "work"), ("/p", "q"), "") == ("/p", "q", "work")
    assert worker_words(("sh", "-c", "x"), ("/p",), "/nowhere:/bin") == ("/bin/sh", "-c", "x")
    with pytest.raises(BadSetting, match='there is no program "no-such"'):
        worker_words(("no-such",), ("/p",), "/bin")


def test_the_path(tmp_path: Path) -> None:
    """Folders that are there and stay, each once; the usual ones are always among them."""
    given = f"/usr/bin:relative:{tmp_path}:/nowhere::/usr/bin:/usr/sbin"
    assert search_path({"PATH": given}) == "/usr/bin:/usr/sbin:/usr/local/bin:/bin"
    assert search_path({}) == "/usr/local/bin:/usr/bin:/bin"
    found = surroundings({}, PROGRAM).variables["PATH"]  # for what workers run
    assert found == "/usr/local/bin:/usr/bin:/bin:/opt/agentd/bin"
    one_file = ("/opt/python/bin/python", "/srv/one/agentd")
    assert surroundings({}, one_file).variables["PATH"].endswith(":/bin:/srv/one")
    module = ("/opt/python/bin/python", "-P", "-m", "agentd")
    assert surroundings({}, module).variables["PATH"].endswith(":/bin:/opt/python/bin")


def test_a_path_with_folders_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that this user may not look into is left out, as one that is not there."""
    monkeypatch.setattr(os, "access", lambda path, _mode: path != "/usr/sbin")
    assert search_path({"PATH": "/usr/sbin:/bin"}) == "/bin:/usr/local/bin:/usr/bin"


def told(**environment: str) -> dict[str, str]:
    """The settings that a service has."""
    found = dict(surroundings({"HOME": "/home/me", **environment}, PROGRAM).variables)
    del found["PATH"], found["AGENTD_AUTOSTART"]
    return found


def test_only_settings_that_differ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Paths are written in full; what is the default, or a client's own, is left out."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert told(AGENTD_HOME="~/.agentd", AGENTD_NODE_TIMEOUT_SECS="300", RUST_LOG="debug") == {}
    assert told(AGENTD_HOME="~/x", AGENTD_SOCKET_PATH="x/agentd.sock") == {
        "AGENTD_HOME": f"{tmp_path}/x"
    }
    assert told(AGENTD_HOME="x", AGENTD_SOCKET_PATH="~/.agentd/agentd.sock") == {
        "AGENTD_HOME": f"{tmp_path}/x",
        "AGENTD_SOCKET_PATH": f"{tmp_path}/.agentd/agentd.sock",
    }
    assert told(AGENTD_OWNER="me", AGENTD_TASK_ID="t") == {}
    (tmp_path / "env").write_text("AGENTD_LOG=debug\n")
    assert told(AGENTD_ENV_FILE="env") == {"AGENTD_ENV_FILE": f"{tmp_path}/env"}


def test_its_manager_starts_the_daemon(tmp_path: Path) -> None:
    """No worker of the service starts another, whatever the env file says."""
    (tmp_path / "env").write_text("AGENTD_AUTOSTART=1\n")
    given = {"AGENTD_ENV_FILE": str(tmp_path / "env"), "AGENTD_AUTOSTART": "1"}
    assert surroundings(given, PROGRAM).variables["AGENTD_AUTOSTART"] == "0"


def test_a_setting_that_does_not_parse() -> None:
    """It is refused here, not when the service starts."""
    with pytest.raises(BadSetting, match="AGENTD_NODE_TIMEOUT_SECS='soon'"):
        surroundings({"AGENTD_NODE_TIMEOUT_SECS": "soon"}, PROGRAM)


@pytest.mark.parametrize(
    "command",
    [
        "curl -u me:x -H 'X-Api-Key: y'",
        "TOKEN=abc tell",
        "tell --password x",
        "tell sk-abc",
        "tell ghp_a",
        "tell https://me:x@a.b",
    ],
)
def test_what_may_be_a_secret(command: str) -> None:
    """A unit is no place for a secret: it is left out, and said without a word of it."""
    found = surroundings({"AGENTD_NOTIFY": command}, PROGRAM)
    assert "AGENTD_NOTIFY" not in found.variables
    assert command not in found.remarks[0]
    assert "env file" in found.remarks[0]
    assert surroundings({"AGENTD_NOTIFY": "notify-send agentd"}, PROGRAM).remarks == ()
    assert surroundings({"AGENTD_HOME": "/srv/tokens"}, PROGRAM).remarks == ()
