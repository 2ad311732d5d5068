"""`agentd doctor`: how it tells what it finds, and what it finds of the settings."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd import config
from agentd.doctor import places, process
from agentd.doctor.finding import FAILED, OK, WARNING, Finding
from tests.command_line import agentd, on_a_terminal
from tests.daemon_process import environment
from tests.databases import create, traces
from tests.doctor import examined, not_ok, pretend_a_local_disk, told

CHECKS = [
    *["setting"] * 16,
    *["env file", "home", "database", "database", "socket", "lock", "open files", "disk space"],
    *["file system", "SQLite", "durability", "WAL", "integrity", "journal", "mark"],
]


@pytest.fixture(autouse=True)
def local_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where these tests run does not matter."""
    pretend_a_local_disk(monkeypatch)


@pytest.fixture
def database(home: Path) -> Path:
    """A stopped database with three tasks."""
    path = home / "agent_state.db"
    create(path)
    return path


# As a person sees it


@pytest.mark.usefixtures("database")
def test_all_is_well(home: Path) -> None:
    """Every check says so, in one order, and nothing in the home changes; but no daemon runs."""
    before = traces(home)
    found = examined(home)
    assert [finding.what for finding in found if finding.status != OK] == ["socket"]
    assert [finding.what for finding in found] == CHECKS
    assert traces(home) == before


def test_on_a_fresh_machine(home: Path) -> None:
    """Where nothing is there yet, nothing is wrong, and nothing is made."""
    ended = agentd(home, "doctor")
    assert (ended.code, ended.err) == (0, "")
    assert f"{home} is not there yet: the first start makes it" in ended.out
    assert "there is no database yet" in ended.out
    assert not home.exists()


def test_in_a_pipe(home: Path, database: Path) -> None:
    """A line is a finding, without colour and without a break; the last line counts."""
    database.chmod(0o644)
    lines = agentd(home, "doctor").out.splitlines()
    assert all(re.match(r"(ok     |warning|failed )  \S", line) for line in lines[:-1])
    [line] = [line for line in lines if "chmod" in line]
    assert line == (
        f"warning  database     {database} is open to other users (mode 0644) "
        f"-> run `chmod 600 {database}`"
    )
    assert re.fullmatch(r"(\d+ failed, )?\d+ warning, \d+ ok", lines[-1])


@pytest.mark.usefixtures("database")
def test_on_a_terminal(home: Path) -> None:
    """On a terminal it is wrapped to 80 columns, and the status has a colour."""
    ended = on_a_terminal(home, "doctor")
    shown = re.sub(r"\r\x1b\[K[^\r\n]*(?=\r)", "", ended.out).replace("\r\x1b[K", "")
    assert "\x1b[32mok       \x1b[0msetting      AGENTD_HOME" in shown
    plain = re.sub(r"\x1b\[\d+m", "", shown)
    assert "\x1b" not in plain
    words = [line for line in plain.splitlines() if len(line) > 80]
    assert [line for line in words if len(line.split()[-1]) < 58] == []  # only a path is longer


@pytest.mark.usefixtures("database")
def test_without_colour(home: Path) -> None:
    """NO_COLOR is honoured, as it is written at https://no-color.org."""
    assert not re.search(r"\x1b\[\d+m", on_a_terminal(home, "doctor", NO_COLOR="1").out)
    assert re.search(r"\x1b\[\d+m", on_a_terminal(home, "doctor", NO_COLOR="").out)


def test_as_json(home: Path, database: Path) -> None:
    """With --json it is one object, of the form that the help describes."""
    database.chmod(0o644)
    ended = agentd(home, "doctor", "--json")
    report: dict[str, Any] = json.loads(ended.out)["data"]
    assert report.keys() == {"status", "findings"}
    assert report["status"] in {WARNING, FAILED}
    assert [f["what"] for f in report["findings"]] == CHECKS
    for finding in report["findings"]:
        assert finding.keys() == {"status", "what", "finding", "advice"}
        assert finding["status"] in {OK, WARNING, FAILED}
        assert (finding["advice"] == "") == (finding["status"] == OK)
    assert '"what": "setting", "env file", "home"' in agentd(home, "doctor", "--help").out


def test_exit_codes(home: Path, database: Path) -> None:
    """A warning is exit code 0, a failure 1, with --json as well."""
    database.chmod(0o644)
    assert agentd(home, "doctor").code == 0
    database.write_bytes(b"")
    assert agentd(home, "doctor").code == agentd(home, "doctor", "--json").code == 1


def test_an_empty_wal(home: Path, database: Path) -> None:
    """A WAL without a byte and without an index says nothing of how the database is kept."""
    database.with_name("agent_state.db-wal").touch(mode=0o600)
    assert told(home, "durability") == ["journal_mode=wal, synchronous=FULL, as read back"]


def test_a_check_that_breaks_hides_no_other(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It becomes a finding, and the others are made."""

    def broken(_subject: object) -> Iterator[Finding]:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(places, "home", broken)
    monkeypatch.setattr(process, "ask", broken)
    found = examined(home)
    assert [(f.what, f.finding) for f in found if f.status == FAILED] == [
        ("home", "the check broke: ZeroDivisionError: by zero"),
        ("socket", "the check broke: ZeroDivisionError: by zero"),
    ]
    assert {finding.what for finding in found} == set(CHECKS)


# Settings


def test_every_setting_and_where_it_comes_from(home: Path) -> None:
    """The environment, the env file by its variables, or the default."""
    file = home.parent / "env"
    file.touch(mode=0o600)
    file.write_text("AGENTD_NODE_TIMEOUT_SECS=7\nAGENTD_SOCKET_PATH=/run/a.sock\n")
    extra = {"AGENTD_ENV_FILE": str(file), "AGENTD_SOCKET_PATH": "/run/b.sock"}
    assert told(home, "setting", **extra) == [
        f"AGENTD_HOME {home} (environment)",
        f"AGENTD_DATABASE_URL {home}/agent_state.db (default)",
        "AGENTD_DATABASE_WAIT_SECS 10 (default)",
        "AGENTD_SOCKET_PATH /run/b.sock (environment)",
        "AGENTD_ADDRESS none (default)",
        f"AGENTD_SECRET_FILE {home}/tcp.secret (default)",
        "AGENTD_ALLOW_UID 0 (default)",
        "AGENTD_NODE_TIMEOUT_SECS 7 (env file)",
        "AGENTD_CONTEXT_EVENT_LIMIT 50 (default)",
        "AGENTD_CONTEXT_BYTES 262144 (default)",
        "AGENTD_LOG_BYTES 1073741824 (default)",
        "AGENTD_NOTIFY none (default)",
        "AGENTD_CONNECT_SECS 2 (default)",
        "AGENTD_AUTOSTART 0 (default)",
        "AGENTD_LOG_FORMAT text (default)",
        "AGENTD_LOG info (default)",
    ]
    assert told(home, "env file", **extra) == [f"{file}, 2 variables (AGENTD_ENV_FILE is set)"]
    assert told(home, "setting", RUST_LOG="debug")[-1] == (
        "AGENTD_LOG debug (RUST_LOG, environment)"
    )


def test_settings_that_do_not_parse(home: Path) -> None:
    """Each says what is expected, and what depends on it is not checked; the rest is."""
    found = not_ok(home, AGENTD_HOME=" ", AGENTD_LOG="loud")
    assert found[0] == (
        FAILED,
        "setting",
        "AGENTD_HOME is set but empty: give it a value or unset it",
    )
    assert (WARNING, "setting", "AGENTD_DATABASE_URL has no value") in found
    assert (WARNING, "integrity", "not checked") in found
    assert any("AGENTD_LOG='loud'" in finding for _, _, finding in found)
    assert told(home, "SQLite", AGENTD_HOME=" ")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("AGENTD_NODE_TIMEOUT_SEC", "AGENTD_NODE_TIMEOUT_SECS"),
        ("AGENTD_SOCKET", "AGENTD_SOCKET_PATH"),
        ("agentd_home", "AGENTD_HOME"),
        ("AGENTD_XYZ", None),
    ],
)
def test_a_name_that_is_no_setting(home: Path, name: str, meant: str | None) -> None:
    """A slip in a name would be passed over in silence; here it is not."""
    file = home.parent / "env"
    file.touch(mode=0o600)
    file.write_text(f"{name}=1\n")
    for extra, place in (({name: "1"}, "the environment"), ({"AGENTD_ENV_FILE": str(file)}, file)):
        [finding] = [f for f in examined(home, **extra) if f.status != OK and f.what == "setting"]
        assert finding.finding == f"{name} in {place} is no setting of agentd's"
        assert finding.advice == (
            f"perhaps {meant} is meant; else unset it" if meant else "unset it"
        )
        warnings = config.load(environment(home, extra)).warnings
        assert warnings == (f"{finding.finding}: {finding.advice}",)


def test_what_a_workers_command_finds_set(home: Path) -> None:
    """Whatever it starts has it in its environment, and that is no slip."""
    assert (
        not_ok(home, AGENTD_TASK_ID="x", AGENTD_NODE_ID="x", AGENTD_LEASE_ID="x", AGENTD_OWNER="x")
        == []
    )


def test_which_env_file_was_read(home: Path) -> None:
    """Where it was looked for and why, whether it is there, and one that is there for nothing."""
    default = home.parent / ".agentd" / ".env"
    default.parent.mkdir()
    assert told(home, "env file") == [f"none at {home}/.env (AGENTD_HOME is set)"]
    assert told(home, "env file", AGENTD_HOME=None) == [f"none at {default} (the default)"]
    default.touch(mode=0o600)
    default.write_text("AGENTD_LOG=warn\n")
    unread = f"{default} is there too, and is not read"
    assert told(home, "env file") == [f"none at {home}/.env (AGENTD_HOME is set)", unread]
    assert told(home, "env file", AGENTD_HOME=None) == [f"{default}, 1 variable (the default)"]
    assert told(home, "env file", AGENTD_HOME=str(default.parent)) == [
        f"{default}, 1 variable (AGENTD_HOME is set)"
    ]
    assert told(home, "env file", AGENTD_ENV_FILE=str(default)) == [
        f"{default}, 1 variable (AGENTD_ENV_FILE is set)"
    ]


def test_a_filter_that_cannot_be_read(home: Path) -> None:
    """What is left out of RUST_LOG is a warning, and the level that is in force is shown."""
    words = "what cannot be read in RUST_LOG is left out ('[')"
    assert not_ok(home, RUST_LOG="[") == [(WARNING, "setting", words)]
    assert told(home, "setting", RUST_LOG="[")[-1] == "AGENTD_LOG info (RUST_LOG, environment)"


def test_env_files(home: Path) -> None:
    """One that others can read, one that is not there, one that does not parse."""
    file = home.parent / "env"
    missing = f"AGENTD_ENV_FILE='{file}': there is no such file"
    assert not_ok(home, AGENTD_ENV_FILE=str(file)) == [(FAILED, "env file", missing)]
    file.write_text("AGENTD_ENV_FILE=x\n")
    file.chmod(0o644)
    assert not_ok(home, AGENTD_ENV_FILE=str(file)) == [
        (WARNING, "env file", f"{file} can be read by other users"),
        (WARNING, "setting", f"AGENTD_ENV_FILE in {file} has no effect"),
    ]
    file.write_text("nonsense\n")
    assert not_ok(home, AGENTD_ENV_FILE=str(file)) == [
        (FAILED, "env file", f"{file}, line 1: expected NAME=value")
    ]
