"""The password of a server: agentd's own programs have it, and nobody whom they run or write to."""

import asyncio
import shlex
from pathlib import Path

import pytest
from msgspec import Raw

from agentd import Client
from agentd.api import RecordedEventView
from agentd.cli.events.command import EventCommand
from agentd.client.address import UnixAddress
from agentd.client.autostart import daemon_environment
from agentd.daemon.hook import Hook
from agentd.errors import BadSetting
from agentd.service.surroundings import surroundings
from tests.daemon_process import DaemonProcess
from tests.doctor import examined
from tests.setting_up import make_place
from tests.working import node, task, work

URL = "AGENTD_DATABASE_URL"
WORD = "hunter2"
WHOLE = f"postgresql://ann:{WORD}@h/d"
SHOWN = "postgresql://ann@h/d"
ASKED = "echo $AGENTD_DATABASE_URL ${PGPASSWORD-none}"
PROGRAM = ("/opt/agentd/bin/agentd",)


@pytest.fixture
def _there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are in the environment."""
    monkeypatch.setenv(URL, WHOLE)
    monkeypatch.setenv("PGPASSWORD", WORD)


@pytest.mark.usefixtures("_there")
def test_the_command_that_tells_people(tmp_path: Path) -> None:
    """AGENTD_NOTIFY's command has the URL without it."""
    asyncio.run(Hook("AGENTD_NOTIFY", f"{ASKED} >{shlex.quote(f'{tmp_path}/told')}").run(b""))
    assert (tmp_path / "told").read_text() == f"{SHOWN} none\n"


@pytest.mark.usefixtures("_there")
def test_the_command_of_an_event(tmp_path: Path) -> None:
    """So has a command of `agentd watch`."""
    event = RecordedEventView("i", "t", "n", "ADD_NODE", Raw(b"{}"), "2026-01-31T12:00:00Z", 1)
    line = f"{ASKED} >{shlex.quote(f'{tmp_path}/told')}"
    assert EventCommand(line, UnixAddress(str(tmp_path / "socket"))).run(event) == 0
    assert (tmp_path / "told").read_text() == f"{SHOWN} none\n"


def test_the_command_of_a_worker(shared: DaemonProcess) -> None:
    """So has a command of `agentd work`: an agent, say, that prints all that it knows."""
    with Client(shared.socket_path) as client:
        task_id = task(client, 1)
        given = {URL: WHOLE, "PGPASSWORD": WORD}
        assert work(shared, task_id, ASKED, **given).code == 0
        assert bytes(node(client, task_id).result_payload) == f'"{SHOWN} none"'.encode()


def test_a_daemon_that_a_client_starts() -> None:
    """It has the password: it is the one who needs it."""
    given = {URL: WHOLE, "PGPASSWORD": WORD}
    assert daemon_environment(given) == given


def test_a_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit has the URL alone, and none where the env file says the same."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert surroundings({URL: SHOWN}, PROGRAM).variables[URL] == SHOWN
    (tmp_path / "env").write_text(f"PGPASSWORD={WORD}\n")
    there = {"AGENTD_ENV_FILE": str(tmp_path / "env")}
    assert surroundings({URL: SHOWN, **there}, PROGRAM).variables[URL] == SHOWN
    (tmp_path / "env").write_text(f"{URL}={WHOLE}\n")
    assert URL not in surroundings({URL: WHOLE, **there}, PROGRAM).variables


@pytest.mark.parametrize(
    "given", [{URL: WHOLE}, {URL: SHOWN, "PGPASSWORD": WORD}], ids=["url", "variable"]
)
def test_a_service_without_its_password(given: dict[str, str]) -> None:
    """It is not installed: it would fail, or begin with an empty database in a file."""
    with pytest.raises(BadSetting, match=f"the password of {SHOWN} is in the environment") as told:
        surroundings(given, PROGRAM)
    assert WORD not in str(told.value)
    assert "env file" in str(told.value)


def test_agents_settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `agentd setup` writes has the URL alone, so that no daemon begins with a file."""
    place = make_place(home, monkeypatch)
    place.setup("gemini", **{URL: WHOLE})
    written = place.read(".gemini/settings.json")["mcpServers"]["agentd"]["env"]
    assert written[URL] == SHOWN
    written_files = filter(Path.is_file, place.project.rglob("*"))
    assert WORD not in "".join(each.read_text() for each in written_files)


def test_the_doctor(home: Path) -> None:
    """Of the setting it tells the URL alone."""
    found = examined(home, **{URL: WHOLE})
    assert f"{URL} {SHOWN} (environment)" in [each.finding for each in found]
    assert WORD not in f"{found}"
