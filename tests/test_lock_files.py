"""What agentd writes to by name: only what it has made; and a home that is shared is no home."""

import logging
import os
from pathlib import Path

import pytest

from agentd import config
from agentd.config import Settings
from agentd.daemon.home import make_private
from agentd.daemon.lock import Lock
from agentd.daemon.serve import refuse_collisions
from agentd.errors import Failure
from tests.command_line import agentd

# A lock is taken on a file of agentd's own


@pytest.mark.parametrize("text", [b"[[package]]\n" * 100, b"x", b"12 and more", b"1" * 30, b"\n\n"])
def test_a_file_that_is_no_lock(tmp_path: Path, text: bytes) -> None:
    """It is refused by name, and stays as it was to the last byte."""
    path = tmp_path / "poetry.lock"
    path.write_bytes(text)
    with pytest.raises(Failure, match=r"poetry\.lock is where agentd keeps a lock, and holds some"):
        Lock(path).acquire()
    assert path.read_bytes() == text


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Where somebody has made a link of the lock's name, what it leads to stays as it was."""
    victim, path = tmp_path / "victim", tmp_path / "a.sock.lock"
    for text in ("precious", "", "123\n"):
        victim.write_text(text)
        path.unlink(missing_ok=True)
        path.symlink_to(victim)
        with pytest.raises(Failure, match="is a symbolic link, so it is left as it is"):
            Lock(path).acquire()
        assert victim.read_text() == text
        assert Lock(path).holder() is None


def test_what_is_no_file_at_all(tmp_path: Path) -> None:
    """A pipe is not waited for."""
    path = tmp_path / "agentd.lock"
    os.mkfifo(path)
    with pytest.raises(Failure, match="is not a file"):
        Lock(path).acquire()
    assert Lock(path).holder() is None


@pytest.mark.parametrize("text", ["", "1\n", "4194304000", "4194304000\n"])
def test_what_earlier_holders_left(tmp_path: Path, text: str) -> None:
    """An empty file, and one that a holder of long ago has signed, is a lock."""
    path = tmp_path / "agentd.lock"
    path.write_text(text)
    with Lock(path):
        assert path.read_text() == f"{os.getpid()}\n"


@pytest.mark.parametrize("verb", ["serve", "replay"])
def test_no_lock_beside_a_strangers_file(home: Path, verb: str) -> None:
    """A file that is no database is refused, and nothing is left beside it."""
    folder = home.with_name("project")
    folder.mkdir()
    (folder / "release.yaml").write_text("goal: g\n" * 99)
    ended = agentd(home, verb, AGENTD_DATABASE_URL=str(folder / "release.yaml"))
    assert ended.code == 5
    assert "is not a SQLite database" in ended.error
    assert [path.name for path in folder.iterdir()] == ["release.yaml"]


# Names that collide


def settings(home: Path, **given: str) -> Settings:
    """The settings of a home."""
    env_file = home.with_name("env")
    env_file.touch()
    named = {f"AGENTD_{name}": value.replace("HOME", str(home)) for name, value in given.items()}
    return config.load({"AGENTD_HOME": str(home), "AGENTD_ENV_FILE": str(env_file), **named})


@pytest.mark.parametrize(
    ("given", "both"),
    [
        ({"SOCKET_PATH": "HOME/agentd.lock"}, "agentd.lock would be the socket and the home's"),
        ({"DATABASE_URL": "sqlite://HOME/agentd.lock"}, "the database and the home's lock"),
        ({"DATABASE_URL": "sqlite://HOME/agentd"}, "the home's lock and the database's lock"),
        ({"SOCKET_PATH": "HOME/agent_state.db.lock"}, "the socket and the database's lock"),
        ({"SOCKET_PATH": "HOME/agent_state.db"}, "the database and the socket"),
        ({"SOCKET_PATH": "HOME/../home/agent_state.db"}, "the database and the socket"),
        ({"SOCKET_PATH": "HOME/agent_state.db-wal"}, "the database's WAL and the socket"),
        ({"SOCKET_PATH": "HOME/x", "DATABASE_URL": "sqlite://HOME/x.lock"}, "the database and the"),
        ({"SOCKET_PATH": "HOME/agentd"}, "the home's lock and the socket's lock"),
    ],
)
def test_two_files_of_one_name(tmp_path: Path, given: dict[str, str], both: str) -> None:
    """They are refused with a word that has both."""
    home = tmp_path / "home"
    home.mkdir()
    with pytest.raises(Failure, match=both):
        refuse_collisions(settings(home, **given))


def test_the_usual_names(tmp_path: Path) -> None:
    """They do not collide."""
    refuse_collisions(settings(tmp_path / "home"))


def test_a_database_on_a_server_has_no_name(tmp_path: Path) -> None:
    """Home and socket have theirs, and there is no file beside them."""
    url = "postgresql://h/d"
    for name in ("x", "agent_state.db", "agent_state.db.lock"):
        refuse_collisions(settings(tmp_path, DATABASE_URL=url, SOCKET_PATH=f"HOME/{name}"))
    with pytest.raises(Failure, match=r"agentd\.lock would be the socket and the home's"):
        refuse_collisions(settings(tmp_path, DATABASE_URL=url, SOCKET_PATH="HOME/agentd.lock"))


# A home is for its user alone


@pytest.mark.parametrize("mode", [0o770, 0o720, 0o702, 0o777, 0o1777, 0o1700, 0o2775])
@pytest.mark.parametrize("files", [[], ["agent_state.db"]])
def test_a_home_that_is_shared(tmp_path: Path, mode: int, files: list[str]) -> None:
    """Where others may write, or may not remove each other's files, nothing is closed to them."""
    home = tmp_path / "shared"
    home.mkdir()
    for name in files:
        (home / name).touch()
    home.chmod(mode)
    with pytest.raises(Failure, match=rf"is shared with other users \(mode {mode:04o}\)"):
        make_private(home)
    assert home.stat().st_mode & 0o7777 == mode


@pytest.mark.parametrize("name", ["letter", "agentd-notes", "agent_states", ".envrc", "env", "db"])
def test_a_home_that_holds_other_things(tmp_path: Path, name: str) -> None:
    """Where others may look, and there is what is not agentd's, it stays open to them."""
    (tmp_path / name).touch()
    tmp_path.chmod(0o755)
    with pytest.raises(Failure, match=r"agentd's files \(.+, say\): set AGENTD_HOME elsewhere"):
        make_private(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755


OURS = [
    ".env",
    "agent_state.db",
    "agent_state.db-wal",
    "agentd.lock",
    "agentd.sock",
    "agentd.set-up.json",
    "agents",
    "artifacts",
    "serve.log.1",
    "tcp.secret",
    "watch",
    "results",
]


@pytest.mark.parametrize("files", [[], [".env"], OURS])
@pytest.mark.parametrize("mode", [0o755, 0o750, 0o711])
def test_a_home_that_is_agentds(
    tmp_path: Path, files: list[str], mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    """An empty one, and one that holds agentd's files alone, is closed, and that is told."""
    for name in files:
        (tmp_path / name).touch()
    tmp_path.chmod(mode)
    with caplog.at_level(logging.WARNING):
        make_private(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    assert f"{tmp_path} was open to other users: its mode is 0700 now" in caplog.text


def test_a_closed_home_may_hold_anything(tmp_path: Path) -> None:
    """Where nobody else may enter, nothing has to be closed."""
    (tmp_path / "letter").touch()
    tmp_path.chmod(0o700)
    make_private(tmp_path)
