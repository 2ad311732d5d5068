"""The environment: where things are, how long leases last, and what happens to nonsense."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.daemon_process import DaemonProcess, serve_to_the_end
from tests.wire.steps import register, status_of

if TYPE_CHECKING:
    from pathlib import Path

BAD_VALUES = [
    ("AGENTD_NODE_TIMEOUT_SECS", "soon", r"second|integer|whole|number"),
    ("AGENTD_NODE_TIMEOUT_SECS", "-1", r"second|integer|whole|number"),
    ("AGENTD_NODE_TIMEOUT_SECS", "1.5", r"second|integer|whole|number"),
    ("AGENTD_NODE_TIMEOUT_SECS", "5 minutes", r"second|integer|whole|number"),
    ("AGENTD_CONTEXT_EVENT_LIMIT", "many", r"integer|whole|number"),
    ("AGENTD_CONTEXT_EVENT_LIMIT", "-1", r"integer|whole|number"),
]
SQLITE = b"SQLite format 3\0"


def env_file(path: Path, text: str) -> str:
    """Write an env file that nobody else can read and return its path."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


def health(home: Path, **env: str | None) -> tuple[int, int]:
    """Start a daemon with these variables and return its two settings."""
    with DaemonProcess(home, **env) as daemon, daemon.connect() as connection:
        told = connection.call("Health")
    return told["running_timeout_secs"], told["context_event_limit"]


@pytest.mark.parametrize(("name", "value", "expected"), BAD_VALUES)
def test_a_bad_value_stops_the_start(home: Path, name: str, value: str, expected: str) -> None:
    """A value that does not parse stops the start; one line names variable, value, expectation."""
    end = serve_to_the_end(home, **{name: value})
    assert end.code != 0
    assert len(end.lines) == 1, end.output
    assert name in end.output
    assert value in end.output
    assert re.search(expected, end.output.replace(name, "").replace(value, ""), re.IGNORECASE)


def test_a_bad_value_in_the_env_file_stops_the_start(home: Path) -> None:
    """A value that does not parse is no better in the env file."""
    path = env_file(home.parent / "env", "AGENTD_NODE_TIMEOUT_SECS=soon\n")
    end = serve_to_the_end(home, AGENTD_ENV_FILE=path)
    assert end.code != 0
    assert "AGENTD_NODE_TIMEOUT_SECS" in end.output
    assert "soon" in end.output


def test_both_settings(home: Path) -> None:
    """The lease length and the number of events in a context are settings."""
    env = {"AGENTD_NODE_TIMEOUT_SECS": "77", "AGENTD_CONTEXT_EVENT_LIMIT": "7"}
    assert health(home, **env) == (77, 7)


def test_zero_is_allowed(home: Path) -> None:
    """Both may be 0."""
    env = {"AGENTD_NODE_TIMEOUT_SECS": "0", "AGENTD_CONTEXT_EVENT_LIMIT": "0"}
    assert health(home, **env) == (0, 0)


def test_the_env_file(home: Path) -> None:
    """AGENTD_ENV_FILE names a file of settings; what it leaves out keeps its default."""
    path = env_file(home.parent / "env", "# a comment\nAGENTD_NODE_TIMEOUT_SECS=66\n")
    assert health(home, AGENTD_ENV_FILE=path) == (66, 50)


def test_the_env_file_of_a_home(home: Path) -> None:
    """AGENTD_HOME in the environment has an env file of its own; the default one is not read."""
    env_file(home.parent / ".agentd" / ".env", "AGENTD_NODE_TIMEOUT_SECS=1\n")
    env_file(home / ".env", "AGENTD_NODE_TIMEOUT_SECS=66\n")
    assert health(home) == (66, 50)


def test_the_process_environment_wins(home: Path) -> None:
    """The process environment wins over the env file."""
    text = "AGENTD_NODE_TIMEOUT_SECS=66\nAGENTD_CONTEXT_EVENT_LIMIT=6\n"
    path = env_file(home.parent / "env", text)
    assert health(home, AGENTD_ENV_FILE=path, AGENTD_NODE_TIMEOUT_SECS="88") == (88, 6)


def test_everything_is_under_the_users_home_by_default(home: Path) -> None:
    """Without any variable the base directory is ~/.agentd, its env file included."""
    base = home.parent / ".agentd"
    env_file(base / ".env", "AGENTD_NODE_TIMEOUT_SECS=55\n")
    assert health(base, AGENTD_HOME=None) == (55, 50)
    assert (base / "agent_state.db").read_bytes().startswith(SQLITE)


def test_database_and_socket_follow_the_home(home: Path) -> None:
    """With AGENTD_HOME alone, database and socket are in it."""
    with DaemonProcess(home) as daemon:
        assert daemon.socket_path.is_socket()
        assert daemon.database.is_file()
    assert {daemon.socket_path.parent, daemon.database.parent} == {home}


def test_the_database_url(home: Path) -> None:
    """AGENTD_DATABASE_URL is sqlite:// and an absolute path, and the state is there."""
    path = home.parent / "elsewhere.db"
    with DaemonProcess(home, AGENTD_DATABASE_URL=f"sqlite://{path}") as daemon:
        with daemon.connect() as connection:
            task = register(connection)
        daemon.restart()
        with daemon.connect() as connection:
            assert status_of(connection, task)["counts"] == {"PENDING": 1}
    assert path.read_bytes().startswith(SQLITE)
    assert not daemon.database.exists()


def test_the_database_url_expands_the_tilde(home: Path) -> None:
    """A path that begins with ~ is in the user's home."""
    with DaemonProcess(home, AGENTD_DATABASE_URL="sqlite://~/tilde.db"):
        assert (home.parent / "tilde.db").is_file()
    assert not (home / "agent_state.db").exists()


def test_the_socket_path(home: Path) -> None:
    """AGENTD_SOCKET_PATH is where the daemon listens, and nowhere else."""
    path = home.parent / "other.sock"
    with DaemonProcess(home, AGENTD_SOCKET_PATH=str(path)) as daemon:
        assert path.is_socket()
        assert not (home / "agentd.sock").exists()
        assert daemon.stop() == 0
    assert not path.exists()


@pytest.mark.parametrize("form", ["sqlite:{}", "sqlite://{}?mode=rwc", "{}"])
def test_other_forms_of_the_database_url(home: Path, form: str) -> None:
    """What other programs write is taken as well."""
    path = home.parent / "elsewhere.db"
    with DaemonProcess(home, AGENTD_DATABASE_URL=form.format(path)):
        assert path.read_bytes().startswith(SQLITE)


@pytest.mark.parametrize("name", ["AGENTD_SOCKET_PATH", "AGENTD_DATABASE_URL"])
@pytest.mark.parametrize("value", ["/", "sqlite:///", "sqlite://~"])
def test_a_path_that_names_no_file(home: Path, name: str, value: str) -> None:
    """One line says which variable, and nothing is made."""
    if name == "AGENTD_SOCKET_PATH":
        value = value.removeprefix("sqlite://")
    end = serve_to_the_end(home, **{name: value})
    [line] = end.lines
    assert (end.code, f"{name}={value!r}" in line) == (2, True)
    assert "expected the path of a file" in line
    assert not home.exists()


@pytest.mark.parametrize("filter_", ["hyper=debug", "[", "agentd=loud", "\n"])
def test_a_logging_filter_for_others(home: Path, filter_: str) -> None:
    """What RUST_LOG tells others does not mute the daemon; what cannot be read is told."""
    with DaemonProcess(home, RUST_LOG=filter_) as daemon:
        assert " ready: pid " in daemon.stderr()
        told = "WARNING what cannot be read in RUST_LOG is left out" in daemon.stderr()
    assert told == (filter_ in {"[", "agentd=loud"})


@pytest.mark.parametrize("name", ["AGENTD_LOG", "RUST_LOG"])
def test_a_logging_filter(home: Path, name: str) -> None:
    """AGENTD_LOG, or RUST_LOG where that is unset, is a logging filter."""
    assert health(home, **{name: "agentd=debug"}) == (300, 50)
