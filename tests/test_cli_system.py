"""What the system refuses is told with what was attempted, on one line."""

import asyncio
import errno
import os
import socket
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from agentd.cli.failures import report_failure
from agentd.daemon import run
from agentd.daemon.acceptor import connection_limit
from agentd.daemon.listener import Listener
from agentd.errors import Failure
from agentd.socket_path import LONGEST_PATH
from tests.command_line import AGENTD, agentd
from tests.daemon_process import REPOSITORY, environment, serve_to_the_end

REFUSED = os.strerror(errno.EPERM)


def forbidden(*_: object, **__: object) -> NoReturn:
    """As a sandbox answers."""
    raise PermissionError(errno.EPERM, REFUSED)


def said(error: OSError, capsys: pytest.CaptureFixture[str]) -> str:
    """What a person is told of it."""
    assert report_failure(error, as_json=False) == 1
    return capsys.readouterr().err


def test_files_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """One, or both where there are two."""
    with pytest.raises(OSError, match="No such") as one:
        Path("/nowhere/a").read_bytes()
    assert said(one.value, capsys) == "agentd: /nowhere/a: No such file or directory\n"
    with pytest.raises(OSError, match="No such") as two:
        Path("/nowhere/a").rename("/nowhere/b")
    assert (
        said(two.value, capsys) == "agentd: /nowhere/a to /nowhere/b: No such file or directory\n"
    )


def test_what_names_no_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The part of agentd that was refused stands for it; only a verb's own print is the output."""
    monkeypatch.setattr("agentd.daemon.acceptor.resource.getrlimit", forbidden)
    with pytest.raises(PermissionError) as refused:
        connection_limit()
    assert (
        said(refused.value, capsys)
        == f"agentd: agentd.daemon.acceptor.connection_limit: {REFUSED}\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("verb", [("skill",), ("doctor",), ("doctor", "--json")], ids=" ".join)
def test_an_output_that_is_full(home: Path, verb: tuple[str, ...]) -> None:
    """It is told as the output, however it is printed."""
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [*AGENTD, *verb],
            cwd=REPOSITORY,
            env=environment(home, {}),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert ended.stderr.decode().startswith("agentd: the output: No space left on device\n")
    assert ended.returncode != 0


def test_an_input_that_cannot_be_read(home: Path) -> None:
    """It is told with what should have come from it."""
    with (home.parent / "out").open("wb") as not_for_reading:
        ended = subprocess.run(
            [*AGENTD, "call", "Health", "-"],
            cwd=REPOSITORY,
            env=environment(home, {}),
            stdin=not_for_reading,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert ended.returncode == 2
    assert b"agentd: the params cannot be read from standard input: " in ended.stderr


def test_a_sandbox_without_sockets(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon says that it is sockets that it may not have, and leaves nothing behind."""
    home.mkdir()
    monkeypatch.setattr(socket, "socket", forbidden)
    with pytest.raises(Failure, match=f"cannot make a socket: {REFUSED}"):
        Listener(home / "agentd.sock")
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("what", ["socket.socketpair", "agentd.daemon.run._loop_factory"])
def test_a_sandbox_without_an_event_loop(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So it does where an event loop cannot be made."""
    monkeypatch.setattr(what, forbidden)
    with pytest.raises(Failure, match=f"cannot make an event loop: {REFUSED}"):
        run._run_loop(asyncio.sleep(0))  # noqa: SLF001 - the daemon's process has no sandbox here


def test_a_socket_path_that_is_too_long(home: Path) -> None:
    """Setting, length and limit are named, before anything is made."""
    path = home / ("s" * 120)
    end = serve_to_the_end(home, AGENTD_SOCKET_PATH=str(path))
    [line] = end.lines
    assert end.code == 2
    assert f"{path} has {len(os.fsencode(path))} bytes" in line
    assert f"at most {LONGEST_PATH}: set AGENTD_SOCKET_PATH" in line
    assert not home.exists()
    assert agentd(home, "call", "Health", AGENTD_SOCKET_PATH=str(path)).error.endswith(
        line.removeprefix("agentd: ")
    )
