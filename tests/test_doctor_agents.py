"""What `agentd doctor` finds of what was set up."""

from pathlib import Path

import pytest

from agentd.doctor.finding import OK, WARNING
from agentd.setup.record import NAME
from tests.doctor import examined
from tests.setting_up import Place, make_place


@pytest.fixture
def place(home: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A project that was set up for Cursor."""
    made = make_place(home, monkeypatch, "my shop")
    assert made.setup("cursor").code == 0
    return made


def found(place: Place, **extra: str) -> list[tuple[str, str, str]]:
    """What is said of agents."""
    return [
        (each.status, each.finding, each.advice)
        for each in examined(place.home, **extra)
        if each.what == "agents"
    ]


def test_in_place(place: Place) -> None:
    """It is in place, and it is said which agentd it runs."""
    told = f"Cursor in {place.project}: in place, runs {place.program}"
    assert found(place) == [(OK, told, "")]


def test_gone(place: Place) -> None:
    """An entry that is gone is told, with what puts it back."""
    place.write(".cursor/mcp.json", "{}")
    ((status, told, advice),) = found(place)
    assert status == WARNING
    assert told.endswith("/.cursor/mcp.json: MCP server: it is not there")
    assert advice == f"run `cd '{place.project}' && agentd setup cursor --project`"


def test_a_program_that_is_gone(place: Place) -> None:
    """An agentd that was removed cannot be run."""
    place.program.unlink()
    ((status, told, _),) = found(place)
    assert (status, told.endswith(f"runs {place.program}, which is gone")) == (WARNING, True)


def test_another_socket(place: Place) -> None:
    """The sandbox was opened for the socket of that time; Cursor has none."""
    assert [status for status, _, _ in found(place, AGENTD_SOCKET_PATH="/run/other.sock")] == [OK]
    place.setup("cursor", "--undo")
    assert place.setup("claude").code == 0
    ((status, told, _),) = found(place, AGENTD_SOCKET_PATH="/run/other.sock")
    assert (status, "and the socket is /run/other.sock" in told) == (WARNING, True)


def test_a_folder_that_is_gone(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody works there any more."""
    monkeypatch.chdir(place.home)
    (place.project / ".cursor/mcp.json").unlink()
    (place.project / ".cursor").rmdir()
    place.project.rmdir()
    assert found(place) == []


def test_a_record_that_is_broken(place: Place) -> None:
    """It is told, and hides no other check."""
    (place.home / NAME).write_text("[]")
    ((_, told, _),) = found(place)
    assert "is no record of set-ups" in told


def test_where_nothing_was_set_up(place: Place) -> None:
    """Nothing is said."""
    assert place.setup("cursor", "--undo").code == 0
    assert found(place) == []


def test_an_address_that_is_a_socket(place: Place) -> None:
    """The socket is the one to which clients go."""
    there = {"AGENTD_ADDRESS": "unix:/run/a.sock"}
    place.setup("cursor", "--undo")
    assert place.setup("claude", **there).code == 0
    assert [status for status, _, _ in found(place, **there)] == [OK]
    assert [status for status, _, _ in found(place)] == [WARNING]
