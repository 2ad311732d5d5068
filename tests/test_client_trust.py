"""Whose daemon a client obeys: its own user's and root's, unless it is told otherwise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import pytest

from agentd.client import trust
from agentd.errors import BadSetting, ConnectionLost, DaemonUnreachable, ForeignDaemon
from tests.clients import each_client
from tests.command_line import agentd
from tests.fake_daemon import answers, fake_daemon, reads_and_hangs_up
from tests.faults.ordinary_user import NOBODY, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEALTH = {"status": "ok", "database": "ok", "running_timeout_secs": 1, "context_event_limit": 0}
STRANGER = 4_000_001


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where nothing listens yet; no setting of whoever runs the suite is in force."""
    for name in [name for name in os.environ if name.startswith("AGENTD")]:
        monkeypatch.delenv(name)
    (tmp_path / "env").touch(mode=0o600)
    monkeypatch.setenv("AGENTD_ENV_FILE", str(tmp_path / "env"))
    return tmp_path / "s"


def listener(monkeypatch: pytest.MonkeyPatch, *uids: int) -> None:
    """Have the kernel say that these users listen, one connection after another, then the last."""
    left = chain(uids, repeat(uids[-1]))
    monkeypatch.setattr(trust, "peer", lambda _: (77, next(left)))


@each_client
def test_a_stranger_is_not_obeyed(path: Path, monkeypatch: pytest.MonkeyPatch, opened: Any) -> None:
    """Nothing is sent to another user's program, and whose it is, and what to do, is told."""
    listener(monkeypatch, STRANGER)
    with (
        fake_daemon(path, answers(HEALTH)) as daemon,
        opened(path) as client,
        pytest.raises(ForeignDaemon) as caught,
    ):
        client.health()
    assert daemon.requests == []
    assert isinstance(caught.value, DaemonUnreachable)
    assert str(caught.value) == (
        f"a program of user {STRANGER} (pid 77) listens on {path}, and you are user "
        f"{os.geteuid()}: nothing was sent to it. Have it stopped, or set AGENTD_SOCKET_PATH to "
        f"your own daemon's socket; if you trust that user, set AGENTD_ALLOW_UID={STRANGER}"
    )


@each_client
@pytest.mark.parametrize("uid", [0, os.geteuid()])
def test_our_own_and_root(
    path: Path, monkeypatch: pytest.MonkeyPatch, opened: Any, uid: int
) -> None:
    """Root could make us do anything anyway."""
    listener(monkeypatch, uid)
    with fake_daemon(path, answers(HEALTH)), opened(path) as client:
        assert client.health().status == "ok"


@each_client
def test_root_obeys_root_alone(path: Path, monkeypatch: pytest.MonkeyPatch, opened: Any) -> None:
    """Whoever may do everything is the worst to be told what to do by somebody else."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    listener(monkeypatch, 1000)
    with (
        fake_daemon(path, answers(HEALTH)) as daemon,
        opened(path) as client,
        pytest.raises(ForeignDaemon, match=r"user 1000 .* you are user 0"),
    ):
        client.health()
    assert daemon.requests == []


@each_client
def test_every_connection(path: Path, monkeypatch: pytest.MonkeyPatch, opened: Any) -> None:
    """A stranger who comes after our daemon, in the middle of a call, is not told the rest."""
    listener(monkeypatch, os.geteuid(), STRANGER)
    scripts = reads_and_hangs_up, answers(HEALTH)
    with (
        fake_daemon(path, *scripts) as daemon,
        opened(path, 0.3) as client,
        pytest.raises(ConnectionLost),
    ):
        client.health()
    assert len(daemon.requests) == 1
    assert daemon.accepted > 1


@each_client
@pytest.mark.parametrize("allowed", [f"{STRANGER}", f"1000, {STRANGER}"])
def test_a_user_who_is_allowed(
    path: Path, monkeypatch: pytest.MonkeyPatch, opened: Any, allowed: str
) -> None:
    """AGENTD_ALLOW_UID names others, in the environment or in the env file."""
    (path.parent / "env").write_text(f"AGENTD_ALLOW_UID={allowed}\n")
    listener(monkeypatch, STRANGER, STRANGER + 1)
    with fake_daemon(path, answers(HEALTH)), opened(path) as client:
        assert client.health().status == "ok"
    monkeypatch.setenv("AGENTD_ALLOW_UID", "1000")  # the environment wins
    with opened(path) as client, pytest.raises(DaemonUnreachable):
        client.health()


@each_client
def test_a_setting_that_does_not_parse(
    path: Path, monkeypatch: pytest.MonkeyPatch, opened: Any
) -> None:
    """It lets nobody in, and is told."""
    monkeypatch.setenv("AGENTD_ALLOW_UID", "everybody")
    listener(monkeypatch, STRANGER)
    with (
        fake_daemon(path, answers(HEALTH)) as daemon,
        opened(path) as client,
        pytest.raises(BadSetting, match="AGENTD_ALLOW_UID='everybody'"),
    ):
        client.health()
    assert daemon.requests == []


@each_client
def test_a_kernel_that_does_not_tell(
    path: Path, monkeypatch: pytest.MonkeyPatch, opened: Any
) -> None:
    """Without its word nothing is sent."""

    def untold(_: Any) -> None:
        raise OSError(57, "Socket is not connected")

    monkeypatch.setattr(trust, "peer", untold)
    with (
        fake_daemon(path, answers(HEALTH)) as daemon,
        opened(path, 0.2) as client,
        pytest.raises(DaemonUnreachable, match="before it could be used"),
    ):
        client.health()
    assert daemon.requests == []


_LISTENS = """
import os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.bind(sys.argv[1])
    os.setgroups([]); os.setgid({user}); os.setuid({user})
    server.listen()  # whose it is, is who does this: unix(7)
    print("listens", flush=True)
    while True:
        client, _ = server.accept()
        print(client.recv(65536), flush=True)
        client.close()
"""


@contextmanager
def stranger(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another user's program that listens there, and prints what it is sent."""
    script = _LISTENS.format(user=NOBODY)
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "listens\n"
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(not ROOT, reason="only root can be two users")
@pytest.mark.parametrize(
    "arguments",
    [
        ("work", "--all", "--json", "--", "sh", "-c", "touch $RAN"),
        ("loop", "--offline", "--json"),
        ("call", "--json", "Health"),
        ("status", "--json"),
        ("task", "list", "--json"),
    ],
    ids=" ".join,
)
def test_the_command_line(home: Path, arguments: tuple[str, ...]) -> None:
    """Every verb that asks a daemon says whose program listens; nothing is sent, nothing is run."""
    home.mkdir()
    with stranger(home / "agentd.sock") as process:
        ended = agentd(home, *arguments, RAN=str(home / "ran"))
        process.kill()
        assert process.stdout is not None
        assert set(process.stdout.read().split()) <= {"b''"}
    error = json.loads(ended.out)["error"]
    assert (ended.code, error["kind"]) == (3, "foreign_daemon")
    assert f"a program of user {NOBODY} (pid {process.pid})" in error["message"]
    assert "AGENTD_SOCKET_PATH" in error["next"]
    assert not (home / "ran").exists()


@pytest.mark.skipif(not ROOT, reason="only root can be two users")
def test_the_doctor(home: Path) -> None:
    """It says so too."""
    home.mkdir(mode=0o700)
    with stranger(home / "agentd.sock"):
        ended = agentd(home, "doctor")
    assert ended.code == 1
    assert f"a program of user {NOBODY}" in ended.out
