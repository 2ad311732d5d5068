"""What a client raises: the daemon's refusals, raised again, and why no daemon could be reached."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from agentd.client.address import UnixAddress
from agentd.client.connection import Connection
from agentd.client.stream import Stream
from agentd.errors import (
    WIRE_ERRORS,
    DaemonUnreachable,
    InvalidParams,
    NobodyListens,
    NoSocket,
    NotAgentd,
    NotPermitted,
    RequestRefused,
    RequestTooLarge,
    StaleLease,
    TooManyConnections,
)
from tests.clients import blocking, each_client
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY
from tests.fake_daemon import (
    answers,
    fake_daemon,
    hangs_up,
    refuses,
    says,
)
from tests.faults.ordinary_user import NOBODY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.daemon_process import DaemonProcess
    from tests.fake_daemon import Peer, Script


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where nothing listens yet."""
    return tmp_path / "s"


def raised(opened: Any, path: Path, *scripts: Script, timeout: float = 10.0) -> Exception:
    """What Health raises where these scripts answer."""
    with (
        fake_daemon(path, *scripts),
        opened(path, timeout) as client,
        pytest.raises(Exception) as caught,  # noqa: PT011 - the caller says which one
    ):
        client.health()
    error: Exception = caught.value
    return error


# Refusals


@each_client
@pytest.mark.parametrize("kind", WIRE_ERRORS, ids=lambda kind: kind.kind)
def test_a_refusal_is_raised_again(path: Path, opened: Any, kind: type[RequestRefused]) -> None:
    """What the daemon raised, the client raises: class, message and data."""
    script = refuses(kind.code, "told so", {"kind": kind.kind, "task_id": "t"})
    error = raised(opened, path, script)
    assert type(error) is kind
    assert isinstance(error, RequestRefused)
    assert (error.message, str(error)) == ("told so", "told so")
    assert error.data == {"kind": kind.kind, "task_id": "t"}


@each_client
@pytest.mark.parametrize(
    "data",
    [
        {"kind": "brand_new", "x": 1},
        {},
        {"kind": 7},
        {"kind": ["stale_lease"]},
        {"kind": None, "message": "other", "self": "me"},
    ],
    ids=json.dumps,
)
def test_a_kind_of_another_version(path: Path, opened: Any, data: Any) -> None:
    """A kind that this client does not know is a RequestRefused that keeps all that was said."""
    error = raised(opened, path, refuses(-32077, "told so", data))
    assert type(error) is RequestRefused
    assert error.message == "told so"
    assert error.data == {"kind": "refused"} | data


def test_data_cannot_break_a_refusal(path: Path) -> None:
    """Data is the daemon's: whatever its names, they are kept and shadow nothing."""
    data = {"kind": "stale_lease", "message": "m", "self": 1}
    error = raised(blocking, path, refuses(-32000, "why", data))
    assert type(error) is StaleLease
    assert error.message == "why"
    assert error.data == data


@each_client
def test_arguments_that_no_daemon_would_take(shared: DaemonProcess, opened: Any) -> None:
    """Wrong params are InvalidParams wherever they are noticed, with the value as it was given."""
    with opened(shared.socket_path) as client:
        asks: tuple[tuple[Callable[[], Any], str], ...] = (
            (lambda: client.list_tasks(prefix="zz"), '"zz"'),
            (lambda: client.list_tasks(limit=0), "0"),
            (lambda: client.task_status("nonsense"), '"nonsense"'),
            (lambda: client.register_task("g", initial_nodes=[{"id": "x"}]), '"x"'),
        )
        for ask, value in asks:
            with pytest.raises(InvalidParams, match=rf"{value}(;|$)"):
                ask()


def crowded(peer: Peer) -> None:
    """Send the client away before it has said anything, and do not wait for it."""
    error = {"code": -32000, "message": "go", "data": {"kind": "too_many_connections"}}
    peer.send(json.dumps({"error": error}).encode() + b"\n")


def test_a_client_that_is_sent_away_is_told_why(path: Path) -> None:
    """What a daemon said before it closed is the answer, though the request broke on the way."""
    with fake_daemon(path, crowded) as daemon:
        connection = Connection(UnixAddress(str(path)), 1.0)
        daemon.closed.wait()
        assert b"too_many_connections" in connection.exchange(b"{}\n", 1.0)
        assert not connection.is_open
        with blocking(path) as client, pytest.raises(TooManyConnections, match="go"):
            client.health()


def test_a_line_that_the_daemon_will_not_read(shared: DaemonProcess) -> None:
    """A daemon that closes in the middle of a line that is too long has said why: that counts."""
    with blocking(shared.socket_path, 2.0) as client:
        answer = client.exchange(b"x" * 2_097_152)
    assert json.loads(answer)["error"]["data"]["kind"] == RequestTooLarge.kind


# What is no response

NO_RESPONSES = [
    b"rubbish\n",
    b"\n",
    b"null\n",
    b"[]\n",
    b"{}\n",
    b'{"result": 1\n',
    b'{"result": {"status": 3}}\n',
    b'{"result": {}}\n',
    b'{"error": null}\n',
    b'{"error": "no"}\n',
    b'{"error": {"code": -32000}}\n',
    b'{"result": "\xff"}\n',
    b'{"result": {"status": "\xff\xfe"}}\n',
    b"HTTP/1.1 400 Bad Request\r\n",
    b'{"result":' + b"[" * 200_000 + b"\n",
]


@each_client
@pytest.mark.parametrize("line", NO_RESPONSES, ids=lambda line: repr(line[:24]))
def test_what_is_no_response(path: Path, opened: Any, line: bytes) -> None:
    """A line that is no response of the protocol is NotAgentd, whatever it is made of."""
    assert type(raised(opened, path, says(line))) is NotAgentd


@each_client
def test_no_response_to_a_plain_call(path: Path, opened: Any) -> None:
    """The same for `call`, which takes any result."""
    deep = b'{"result":' + b"[" * 200_000 + b"]" * 200_000 + b"}\n"
    for line in (b"{}\n", b'{"result": \xff}\n', deep):
        with fake_daemon(path, says(line)), opened(path) as client, pytest.raises(NotAgentd):
            client.call("Health")
        path.unlink()


@each_client
def test_what_a_newer_daemon_adds(path: Path, opened: Any) -> None:
    """Fields that this client does not know are no fault."""
    health = {"status": "ok", "database": "ok", "running_timeout_secs": 1, "mood": "fine"}
    line = json.dumps({"jsonrpc": "2.0", "result": health | {"context_event_limit": 0}, "id": 4})
    with fake_daemon(path, says(line.encode() + b"\r\n")), opened(path) as client:
        assert client.health().running_timeout_secs == 1


# No daemon


@each_client
def test_no_socket(path: Path, opened: Any) -> None:
    """Nothing at the path: the daemon was not started, or listens elsewhere."""
    with opened(path) as client:
        with pytest.raises(NoSocket, match=r"no socket at .*agentd serve.*AGENTD_SOCKET_PATH"):
            client.health()
        path.write_text("no socket")
        with pytest.raises(NobodyListens, match=str(path)):
            client.health()


@each_client
def test_nobody_listens(path: Path, opened: Any) -> None:
    """A socket that a dead daemon left behind."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with opened(path) as client, pytest.raises(NobodyListens, match=r"not running.*agentd serve"):
        client.health()


@each_client
def test_a_path_that_no_socket_can_have(tmp_path: Path, opened: Any) -> None:
    """The setting, the length and the limit are named."""
    told = r"xxx has \d+ bytes, and may have at most 10\d: set AGENTD_SOCKET_PATH"
    with opened(tmp_path / ("x" * 120)) as client, pytest.raises(DaemonUnreachable, match=told):
        client.health()


_AS_NOBODY = """
import asyncio, os, sys
from agentd import AsyncClient, Client, errors
import agentd.client
if os.geteuid() == 0:
    os.setgid({user}); os.setuid({user})
async def ask():
    async with AsyncClient({path!r}) as client:
        await client.health()
for act in (lambda: Client({path!r}).health(), lambda: asyncio.run(ask())):
    try:
        act()
    except errors.DaemonUnreachable as error:
        print(type(error).__name__, error)
"""


def as_nobody(path: Path) -> subprocess.CompletedProcess[str]:
    """Ask for Health with both clients, as a user who is not root, and print how that fails."""
    return subprocess.run(
        [sys.executable, "-c", _AS_NOBODY.format(user=NOBODY, path=str(path))],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )


def test_permission_denied(home: Path) -> None:
    """A socket that this user may not use: another user's, or a sandbox is in the way."""
    path = home.parent / "s"
    home.parent.chmod(0o711)
    with fake_daemon(path, answers({})) as daemon:
        path.chmod(0)
        ended = as_nobody(path)
    told = f"NotPermitted permission denied on {path}: the daemon is another user's, or a sandbox"
    assert [line.startswith(told) for line in ended.stdout.splitlines()] == [True, True], ended
    assert daemon.accepted == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_a_daemon_of_another_user(home: Path) -> None:
    """A daemon that closes without a word, because it serves only its own user, is told as such."""
    path = home.parent / "s"
    home.parent.chmod(0o711)
    with fake_daemon(path, hangs_up) as daemon:
        path.chmod(0o666)
        ended = as_nobody(path)
    told = f"NotPermitted permission denied on {path}: the daemon is for user 0 only"
    assert ended.stdout.splitlines() == [told, told], ended
    assert daemon.accepted == 2


class Closing(asyncio.Transport):
    """A connection that the other side has closed, and that is not told to be lost yet."""

    def is_closing(self) -> bool:
        return True


def test_a_daemon_of_another_user_that_is_closing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event loop knows that it closed before it says so: whose it was is told all the same."""
    refused = NotPermitted("it is for user 5 only")
    monkeypatch.setattr("agentd.client.stream.other_user_error", lambda _path, _socket: refused)

    async def ask() -> None:
        stream = Stream(UnixAddress(str(path)))
        stream.connection_made(Closing())
        await stream.exchange(b"{}\n", 0.0, 1.0)

    with pytest.raises(NotPermitted, match="user 5"):
        asyncio.run(ask())


def test_a_process_without_a_free_descriptor(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that cannot even be made is a daemon that cannot be reached: it may be over soon."""

    def exhausted(*_args: Any, **_kwargs: Any) -> None:
        raise OSError(24, os.strerror(24))

    monkeypatch.setattr("agentd.client.connection.socket.socket", exhausted)
    with blocking(path) as client, pytest.raises(DaemonUnreachable, match="Too many open files"):
        client.health()
    monkeypatch.undo()
    assert issubclass(NotPermitted, DaemonUnreachable)
