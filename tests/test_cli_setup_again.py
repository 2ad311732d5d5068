"""`agentd setup` where something of agentd's is there already, or the daemon is elsewhere."""

from pathlib import Path

import pytest

from agentd.setup.record import NAME
from tests.setting_up import SETTINGS, Place, make_place


@pytest.fixture
def place(home: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A project in a user's home, an agentd that stays, and no time to wait."""
    return make_place(home, monkeypatch)


@pytest.mark.parametrize("harness", ["claude", "codex"])
def test_what_somebody_wrote_instead(place: Place, harness: str) -> None:
    """Set up again it is what is to be there, also where nothing has to be written for it."""
    assert place.setup(harness).code == 0
    old, new = str(place.program), f"{place.program}2"
    place.program.rename(new)
    for path in filter(Path.is_file, place.project.rglob("*.*")):
        path.write_text(path.read_text().replace(f"{old}", new))
    assert f"it is another one: it ran {new}" in place.setup(harness, "--check").out
    moved = place._replace(program=Path(new))
    assert "all is in place, nothing was written" in moved.setup(harness).err
    assert moved.setup(harness, "--check").code == 0


@pytest.mark.parametrize(
    ("harness", "name", "mine"),
    [
        ("gemini", ".gemini/settings.json", '"A": "b", "AGENTD_HOME"'),
        ("codex", ".codex/config.toml", 'A = "b", AGENTD_HOME'),
    ],
)
def test_another_daemon(place: Place, harness: str, name: str, mine: str) -> None:
    """A server that was set up for another home is told, and follows; what is a person's stays."""
    place.setup(harness)
    path = place.project / name
    own = path.read_text().replace(mine.partition(", ")[2], mine)
    path.write_text(own.replace(str(place.home), "/another"))
    checked = place.setup(harness, "--check")
    assert checked.code == 1
    assert "it is another one: its AGENTD_HOME was /another" in checked.out
    assert "MCP server changed (its AGENTD_HOME was /another)" in place.setup(harness).out
    assert path.read_text() == own
    assert place.setup(harness, "--check").code == 0


def test_a_server_without_variables(place: Place) -> None:
    """One that a person wrote is told where the daemon is."""
    server = {"command": str(place.program), "args": ["mcp", "--human"]}
    place.write(".cursor/mcp.json", {"mcpServers": {"agentd": server}})
    assert "its AGENTD_HOME was not set" in place.setup("cursor").out
    written = {**server, "env": {"AGENTD_HOME": str(place.home)}}
    assert place.read(".cursor/mcp.json")["mcpServers"]["agentd"] == written


@pytest.mark.parametrize("choice", ['"AGENTD_AUTOSTART": "0"', '"A": "b"'])
def test_a_persons_choice(place: Place, choice: str) -> None:
    """Whether the server starts a daemon is theirs once it is there; their setting goes in."""
    place.setup("gemini")
    path = place.project / ".gemini/settings.json"
    path.write_text(path.read_text().replace('"AGENTD_AUTOSTART": "1"', choice))
    assert place.setup("gemini", "--check").code == 0
    assert "all is in place, nothing was written" in place.setup("gemini").err
    assert "MCP server changed" in place.setup("gemini", AGENTD_AUTOSTART="1").out


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:7777", "unix:/run/a.sock", " "])
def test_another_way_to_the_daemon(place: Place, address: str) -> None:
    """All that leads there, or has it started, is handed on: in full, since folders differ."""
    (place.project / "e").touch()
    given = {"AGENTD_ADDRESS": address, "AGENTD_SECRET_FILE": "s/tcp.secret"}
    place.setup("claude", AGENTD_AUTOSTART="1", AGENTD_ENV_FILE="e", **given)
    assert place.read(".mcp.json")["mcpServers"]["agentd"]["env"] == {
        "AGENTD_HOME": str(place.home),
        "AGENTD_SECRET_FILE": f"{place.project}/s/tcp.secret",
        "AGENTD_AUTOSTART": "1",
        "AGENTD_ENV_FILE": f"{place.project}/e",
        **({"AGENTD_ADDRESS": address} if address.strip() else {}),
    }
    socket = "/run/a.sock" if address.startswith("unix:") else f"{place.home}/agentd.sock"
    assert place.read(SETTINGS)["sandbox"]["network"]["allowUnixSockets"] == [socket]


@pytest.mark.parametrize("harness", ["claude", "codex"])
def test_a_socket_that_moved(place: Place, harness: str) -> None:
    """Where it was, and where it is: --undo takes both out, since both were put in."""
    permissions = 'default_permissions = "mine"\n[permissions.mine]\nfilesystem = "all"\n'
    config = place.write(".codex/config.toml", permissions)
    for socket in ("/run/a.sock", "/run/b.sock"):
        assert place.setup(harness, AGENTD_SOCKET_PATH=socket).code == 0
    settings = place.project / SETTINGS if harness == "claude" else config
    assert settings.read_text().count("/run/a.sock") == 1
    assert place.setup(harness, "--undo").code == 0
    assert settings == config or not settings.exists()
    assert config.read_text() == permissions


def test_what_a_later_agentd_has_set_up(place: Place) -> None:
    """A harness that this one does not know is passed over."""
    place.setup("gemini")
    record = place.home / NAME
    record.write_text(record.read_text().replace('"gemini"', '"windsurf"'))
    assert place.setup("--check").code == 0
