"""What a user may not do is said in one line, with the documented exit code."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.daemon_process import PATIENCE_SECONDS, Connection, DaemonProcess
from tests.faults.ordinary_user import NOBODY, ROOT, hand_over, run, start, until_ready

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def owned(home: Path) -> Path:
    """A home that is the user's own, in a directory that is, too."""
    home.mkdir(mode=0o700)
    hand_over(home.parent, home)
    return home


def used(home: Path) -> Path:
    """Serve one request there, so that everything exists that a daemon leaves; return the home."""
    with start(home, "serve") as daemon:
        list(until_ready(daemon))
        with Connection(home / "agentd.sock") as connection:
            connection.call("RegisterTask", goal="g")
        daemon.send_signal(signal.SIGTERM)
    assert daemon.returncode == 0
    return home


def directory(home: Path, name: str, mode: int) -> None:
    """Make a directory of the user's beside the home."""
    made = home.parent / name
    made.mkdir()
    hand_over(made)
    made.chmod(mode)


def file(path: Path, mode: int) -> None:
    """Make a file of the user's."""
    path.write_text("AGENTD_LOG=info\n")
    hand_over(path)
    path.chmod(mode)


def without_a_parent_to_write_to(home: Path) -> None:
    """The home is to be made where nothing may be made."""
    home.rmdir()
    home.parent.chmod(0o500)


def with_a_letter_in_it(home: Path) -> None:
    """The home is open to others and has somebody's letters in it."""
    file(home / "letter", 0o600)
    home.chmod(0o755)


class Case(NamedTuple):
    """What is not allowed, and how that is said. `BASE` in a setting is the home's directory."""

    forbid: Callable[[Path], object]
    code: int
    says: str
    verb: tuple[str, ...] = ("serve",)
    env: tuple[tuple[str, str], ...] = ()


DATABASE = "agent_state.db"
CASES = {
    "a home that cannot be made": Case(
        without_a_parent_to_write_to, 1, "cannot make the directory"
    ),
    "a home that cannot be written": Case(
        lambda home: home.chmod(0o500), 1, "agentd.lock: Permission denied"
    ),
    "a home that cannot be entered": Case(lambda home: home.chmod(0), 1, "Permission denied"),
    "a lock that cannot be opened": Case(
        lambda home: file(home / "agentd.lock", 0o400), 1, "agentd.lock: Permission denied"
    ),
    "a database that cannot be read": Case(
        lambda home: (used(home) / DATABASE).chmod(0), 5, "cannot be read: Permission denied"
    ),
    "a database that cannot be written": Case(
        lambda home: (used(home) / DATABASE).chmod(0o400), 5, "cannot be written: change its mode"
    ),
    "a database that cannot be checked": Case(
        lambda home: (used(home) / DATABASE).chmod(0),
        5,
        "cannot be read: Permission denied",
        ("replay", "--check"),
    ),
    "a database that cannot be made": Case(
        lambda home: directory(home, "data", 0o500),
        1,
        "Permission denied",
        env=(("AGENTD_DATABASE_URL", "sqlite://BASE/data/x.db"),),
    ),
    "a socket that cannot be made": Case(
        lambda home: directory(home, "run", 0o500),
        1,
        "Permission denied",
        env=(("AGENTD_SOCKET_PATH", "BASE/run/x.sock"),),
    ),
    "an env file that cannot be read": Case(
        lambda home: file(home.parent / "env", 0),
        2,
        "cannot be read: [Errno 13] Permission denied",
        env=(("AGENTD_ENV_FILE", "BASE/env"),),
    ),
    "an env file that cannot be reached": Case(
        lambda home: directory(home, "etc", 0),
        2,
        "cannot be read: [Errno 13] Permission denied",
        env=(("AGENTD_ENV_FILE", "BASE/etc/env"),),
    ),
    "a home that is open and holds other files": Case(
        with_a_letter_in_it, 1, "files ('letter', say): set AGENTD_HOME elsewhere"
    ),
    "a socket that may not be used": Case(
        lambda home: home.chmod(0), 3, "permission denied on", ("call", "Health")
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_allowed(owned: Path, name: str) -> None:
    """It ends with the documented exit code and one line that names the file; no traceback."""
    case = CASES[name]
    case.forbid(owned)
    env = {setting: value.replace("BASE", str(owned.parent)) for setting, value in case.env}
    ended = run(owned, *case.verb, **env)
    for place in (owned.parent, *owned.parent.iterdir()):
        place.chmod(0o700)  # so that it can be removed
    assert (ended.code, len(ended.lines)) == (case.code, 1), ended.output
    assert case.says in ended.output
    assert str(owned.parent) in ended.output
    assert ended.lines[0].startswith("agentd: ")


def test_a_home_that_is_open_to_others(owned: Path) -> None:
    """It is closed with a word in the log, and what is in it is for its user alone."""
    used(owned)
    owned.chmod(0o755)
    with start(owned, "serve") as daemon:
        said = "".join(until_ready(daemon))
        modes = {path.name: stat.S_IMODE(path.lstat().st_mode) for path in owned.iterdir()}
        daemon.send_signal(signal.SIGTERM)
    assert daemon.returncode == 0
    assert f"WARNING {owned} was open to other users: its mode is 0700 now" in said
    assert stat.S_IMODE(owned.stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}, modes
    assert "agentd.sock" in modes


def test_a_log_that_cannot_be_written(owned: Path) -> None:
    """A daemon whose standard error is closed by its reader goes on serving."""
    with start(owned, "serve", AGENTD_NODE_TIMEOUT_SECS="0") as daemon:
        list(until_ready(daemon))
        assert daemon.stdout is not None
        daemon.stdout.close()
        with Connection(owned / "agentd.sock") as connection:
            task = connection.call("RegisterTask", goal="g", initial_nodes=[{}])["task_id"]
            for _ in range(3):  # each that expired is rolled back with a line in the log
                assert connection.call("AcquireNextNode", task_id=task)["node_id"]
        daemon.send_signal(signal.SIGTERM)
    assert daemon.returncode == 0


# Other users


CROWD = f"""
import os, socket, sys
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
got = 0
for _ in range(200):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout({PATIENCE_SECONDS})
        client.connect(sys.argv[1])
        try:
            client.sendall(b'{{"id":1,"method":"Health"}}\\n')
            got += len(client.recv(100))
        except (ConnectionResetError, BrokenPipeError):
            pass
print(got)
"""


@pytest.mark.skipif(not ROOT, reason="only root can become another user")
def test_a_crowd_of_another_user(home: Path) -> None:
    """However often another user knocks, not a byte is served, and the log gets a line a second."""
    home.parent.chmod(0o755)
    outside = home.parent / "open"
    outside.mkdir()
    path = outside / "agentd.sock"
    began = time.monotonic()
    with DaemonProcess(home, AGENTD_SOCKET_PATH=str(path)) as daemon:
        outside.chmod(0o755)
        path.chmod(0o666)
        knocked = subprocess.run(
            [sys.executable, "-c", CROWD, str(path)],
            capture_output=True,
            check=True,
            timeout=PATIENCE_SECONDS,
        )
        with daemon.connect() as ours:
            assert ours.call("Health")["status"] == "ok"
        refused = daemon.stderr().count(f"refused a connection from user {NOBODY}")
    assert knocked.stdout.strip() == b"0"
    assert 1 <= refused <= 1 + time.monotonic() - began
