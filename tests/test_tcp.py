"""A daemon that listens on TCP, too: the same protocol, once both have proved what they know."""

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from agentd import AsyncClient, Client
from agentd.daemon.unproved import MOST
from agentd.errors import BadSetting, NoAnswer, NobodyListens, NotProved, TooManyConnections
from agentd.protocol import UNKNOWN_ID, encode_error
from tests.clients import each_client
from tests.command_line import agentd
from tests.daemon_process import REPOSITORY, DaemonProcess, environment, temporary_home
from tests.tcp import NAME, TcpConnection, TcpDaemon, listening_port, mac, new_nonce
from tests.wire.steps import eventually

SECRET = bytes(range(32))


@pytest.fixture(scope="module")
def over_tcp() -> Iterator[TcpDaemon]:
    """A daemon on TCP for all tests of this file."""
    with temporary_home() as home, TcpDaemon(home) as process:
        yield process


@pytest.fixture(scope="module", autouse=True)
def silent(over_tcp: TcpDaemon) -> Iterator[list[TcpConnection]]:
    """Two that came with the first test and say nothing any more: their 5 s go by meanwhile."""
    with over_tcp.stranger() as never, over_tcp.stranger() as once:
        once.greet(new_nonce())
        yield [never, once]


@pytest.fixture(scope="module", autouse=True)
def deaf(over_tcp: TcpDaemon) -> Iterator[TcpConnection]:
    """A client that came with the first test, asks for much and reads nothing of it."""
    with over_tcp.proved() as connection:
        connection.send_raw(b'{"method":"DescribeInterface"}\n' * 200)
        yield connection


@pytest.fixture
def here(over_tcp: TcpDaemon, monkeypatch: pytest.MonkeyPatch) -> TcpDaemon:
    """The same, and this process's settings lead to it."""
    monkeypatch.setenv("AGENTD_HOME", str(over_tcp.home))
    monkeypatch.setenv("AGENTD_ADDRESS", over_tcp.address)
    return over_tcp


@each_client
def test_a_client(here: TcpDaemon, opened: Any) -> None:
    """It finds the daemon by AGENTD_ADDRESS, and works as ever."""
    with opened() as client:
        task = client.register_task("over tcp", initial_nodes=[{}])
        acquired = client.acquire_next_node(task.task_id, lease_owner="me")
        assert client.complete_node(task.task_id, acquired.node_id, acquired.lease_id) is not None
        assert str(client.address) == here.address
        assert client.socket_path is None


def test_many_at_once(here: TcpDaemon) -> None:
    """More clients than may be unproved at a time come in together, all of them."""

    async def ask() -> None:
        clients = [AsyncClient() for _ in range(2 * MOST)]
        told = await asyncio.gather(*(client.health() for client in clients))
        assert {each.status for each in told} == {"ok"}
        for client in clients:
            await client.close()

    asyncio.run(ask())
    assert here.process.poll() is None


def test_an_address_as_argument(over_tcp: TcpDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client may be told the address, and the path in that form, too."""
    monkeypatch.setenv("AGENTD_SECRET_FILE", str(over_tcp.home / "tcp.secret"))
    for where in (over_tcp.address, f"unix:{over_tcp.socket_path}"):
        with Client(where) as client:
            assert client.health().status == "ok"
    with pytest.raises(BadSetting, match=r"tcp://example\.org:1.*in digits"):
        Client("tcp://example.org:1")


def test_what_a_command_is_told(here: TcpDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is started finds the same daemon, whatever the settings say of another."""
    with Client() as over_tcp, Client(here.socket_path) as unix:
        assert over_tcp.address.environment() == {
            "AGENTD_ADDRESS": here.address,
            "AGENTD_SECRET_FILE": str(here.home / "tcp.secret"),
        }
        path = str(here.socket_path)
        told = {"AGENTD_SOCKET_PATH": path, "AGENTD_ADDRESS": f"unix:{path}"}
        assert unix.address.environment() == told
        monkeypatch.delenv("AGENTD_ADDRESS")
        assert unix.address.environment() == {"AGENTD_SOCKET_PATH": path}


def test_version_six(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other loopback does as well."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")

    class Six(TcpDaemon):
        host = "::1"

    with Six(home) as process:
        monkeypatch.setenv("AGENTD_HOME", str(home))
        with Client(process.address) as client:
            assert client.health().status == "ok"


def test_the_command_line(over_tcp: TcpDaemon, tmp_path: Path) -> None:
    """Verbs and what they start go the same way; so does a worker, its heartbeats and commands."""
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_bytes((over_tcp.home / "tcp.secret").read_bytes())
    elsewhere = tmp_path / "home"  # as in a container: nothing of the daemon's is here
    env: dict[str, Any] = {
        "AGENTD_ADDRESS": over_tcp.address,
        "AGENTD_SECRET_FILE": str(secret),
    }
    assert over_tcp.address in agentd(elsewhere, "status", **env).out
    plan = {"goal": "tcp work", "initial_nodes": [{}, {}]}
    made = agentd(elsewhere, "call", "RegisterTask", json.dumps(plan), **env)
    task = json.loads(made.out)["task_id"]
    command = "agentd checkpoint 1 && echo $AGENTD_ADDRESS"
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    ended = agentd(elsewhere, "work", "--task", task, "--", "sh", "-c", command, **env, PATH=path)
    assert (ended.code, ended.err.count(over_tcp.address)) == (0, 2), ended
    shown = agentd(elsewhere, "call", "TaskStatus", json.dumps({"task_id": task}), **env)
    assert over_tcp.address in shown.out


def test_the_unix_socket_is_there_too(over_tcp: TcpDaemon) -> None:
    """What was there before TCP is as it was."""
    with over_tcp.connect() as connection:
        assert connection.call("Health")["status"] == "ok"


def test_without_tcp(home: Path) -> None:
    """It is off where nobody asks for it, and no secret is made."""
    with DaemonProcess(home) as process:
        assert "tcp" not in process.stderr()
        assert not (home / "tcp.secret").exists()


@pytest.mark.parametrize("where", ["0.0.0.0:0", "localhost:7", "192.168.0.1:7", "7"])
def test_an_address_that_is_refused(home: Path, where: str) -> None:
    """A daemon listens for its own machine only, and says so before it starts."""
    ended = agentd(home, "serve", "--tcp", where)
    assert ended.code == 2
    assert "expected an address" in ended.err
    assert not home.exists()


def test_a_port_that_is_taken(home: Path) -> None:
    """The start ends with a word that says whose fault it is not."""
    with listening_port() as (_, port):
        ended = agentd(home, "serve", "--tcp", f"127.0.0.1:{port}")
    assert ended.code == 1
    assert f"another program listens on 127.0.0.1:{port}" in ended.err


def test_a_secret_that_others_can_read(home: Path) -> None:
    """The daemon does not start with it."""
    home.mkdir(mode=0o700)
    (home / "tcp.secret").write_text("ab" * 32)
    (home / "tcp.secret").chmod(0o644)
    ended = agentd(home, "serve", "--tcp", "127.0.0.1:0")
    assert ended.code == 2
    assert "others can read" in ended.err


# Strangers at the daemon's door.


def test_a_proof_as_another_language_makes_it(over_tcp: TcpDaemon) -> None:
    """The page is enough: three lines of hash, and the protocol as it is everywhere."""
    with over_tcp.proved() as connection:
        assert connection.call("Health")["status"] == "ok"


def test_requests_right_behind_the_proof(over_tcp: TcpDaemon) -> None:
    """They are not lost, be they in the same packet."""
    with over_tcp.stranger() as connection:
        nonce = new_nonce()
        theirs = connection.greet(nonce)["nonce"]
        proof = json.dumps({"proof": mac(over_tcp.secret, "client", nonce, theirs)})
        connection.send_raw(f'{proof}\n{{"id":7,"method":"Health"}}\n'.encode())
        assert connection.read_line() == b'{"proved":true}'
        assert connection.read_response()["id"] == 7


def wrong(_daemon: TcpDaemon, _mine: str, _theirs: str, _proof: str) -> str:
    return "0" * 64


def missing(_daemon: TcpDaemon, _mine: str, _theirs: str, _proof: str) -> str:
    return ""


def reflected(_daemon: TcpDaemon, _mine: str, _theirs: str, proof: str) -> str:
    return proof


def with_another_secret(_daemon: TcpDaemon, mine: str, theirs: str, _proof: str) -> str:
    return mac(SECRET, "client", mine, theirs)


def replayed(daemon: TcpDaemon, mine: str, _theirs: str, _proof: str) -> str:
    """What was right on another connection, of the same first number."""
    with daemon.stranger() as another:
        return mac(daemon.secret, "client", mine, another.greet(mine)["nonce"])


def test_proofs_that_are_none(over_tcp: TcpDaemon) -> None:
    """Each is answered after a second, and its connection ends; no request on it is read."""
    with over_tcp.proved() as beside:
        since, strangers = time.monotonic(), []
        for make in (wrong, missing, reflected, with_another_secret, replayed):
            strangers.append(connection := over_tcp.stranger())
            greeting = connection.greet(nonce := new_nonce())
            proof = make(over_tcp, nonce, greeting["nonce"], greeting["proof"])
            line = json.dumps({"proof": proof}).encode()
            connection.send_raw(line + b'\n{"method":"Health"}\n')
        assert beside.call("Health")["status"] == "ok"
        said = [each.wait_for_end() for each in strangers]
        assert time.monotonic() - since > 0.9
        assert {each.partition(b",")[0] for each in said} == {b'{"proved":false'}
        assert beside.call("Health")["status"] == "ok"
    for each in strangers:
        each.close()
    assert "127.0.0.1 port" in over_tcp.stderr().partition("refused")[2]
    assert over_tcp.secret.hex() not in over_tcp.stderr()


NO_GREETINGS = [
    b'{"id":1,"method":"Health"}\n',
    b'{"hello":"agentd-proof-v2","nonce":"%s"}\n' % (b"a" * 64),
    b'{"hello":"agentd-proof-v1","nonce":"%s"}\n' % (b"A" * 64),
    b'{"hello":"agentd-proof-v1","nonce":7}\n',
    b"{\xff}\n",
]


def test_a_first_line_that_is_no_greeting(over_tcp: TcpDaemon) -> None:
    """Of that it is told as of a wrong proof."""
    strangers = [over_tcp.stranger() for _ in NO_GREETINGS]
    for connection, line in zip(strangers, NO_GREETINGS, strict=True):
        connection.send_raw(line)
    for connection in strangers:
        assert json.loads(connection.wait_for_end())["proved"] is False
        connection.close()


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b'POST /call HTTP/1.1\r\n\r\n{"method":"Health"}\n',
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"\n",
        b"x",
        b"{" * 100_000,
    ],
    ids=["get", "post", "tls", "blank", "letter", "long"],
)
def test_what_is_no_line_of_a_proof(over_tcp: TcpDaemon, said: bytes) -> None:
    """A browser, TLS, garbage: the connection ends at once, without a byte."""
    with over_tcp.stranger() as connection:
        try:
            connection.send_raw(said)
        except ConnectionError:
            return  # while it was being sent
        assert connection.wait_for_end() == b""


def test_who_says_nothing(over_tcp: TcpDaemon, silent: list[TcpConnection]) -> None:
    """It is ended after 5 s, whether it has begun or not."""
    for connection in silent:
        assert connection.wait_for_end() == b""
    assert over_tcp.process.poll() is None


@pytest.mark.parametrize("begun", [True, False])
def test_many_who_say_nothing(
    over_tcp: TcpDaemon,
    silent: list[TcpConnection],
    begun: bool,  # noqa: FBT001 - a case
) -> None:
    """Who knows the secret comes in all the same, in the place of the one that came first."""
    assert [each.wait_for_end() for each in silent] == [b"", b""]
    strangers = [over_tcp.stranger() for _ in range(MOST)]
    for each in strangers if begun else []:
        each.greet(new_nonce())
    with over_tcp.proved() as connection:
        assert connection.call("Health")["status"] == "ok"
    assert strangers[0].wait_for_end() == b""
    for each in strangers:
        each.close()


# An impostor at the daemon's port.


def says(*lines: bytes) -> Callable[[socket.socket], bytes]:
    """Answers each line with the next of these, then hangs up; returns what it was told."""

    def serve(server: socket.socket) -> bytes:
        heard = b""
        client, _ = server.accept()
        with client:
            for line in lines:
                heard += client.recv(65_536)
                client.sendall(line)
            with contextlib.suppress(ConnectionResetError):
                while piece := client.recv(65_536):
                    heard += piece
        return heard

    return serve


def reflecting(server: socket.socket) -> bytes:
    """Gives the client's number back as its own."""
    client, _ = server.accept()
    with client:
        heard = client.recv(65_536)
        nonce = json.loads(heard)["nonce"]
        client.sendall(json.dumps({"nonce": nonce, "proof": nonce}).encode() + b"\n")
        return heard + client.recv(65_536)


def guessing(server: socket.socket) -> bytes:
    return says(json.dumps({"nonce": "a" * 64, "proof": "b" * 64}).encode() + b"\n")(server)


PROVED = b'{"proved":true}\n'
FULL = encode_error(UNKNOWN_ID, TooManyConnections("4 connections", limit=4))


def use_secret(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have clients of this process know `SECRET`."""
    secret = folder / "tcp.secret"
    secret.touch(mode=0o600)
    secret.write_text(SECRET.hex())
    monkeypatch.setenv("AGENTD_SECRET_FILE", str(secret))


IMPOSTORS = [
    (guessing, "does not know the secret"),
    (reflecting, "does not know the secret"),
    (says(b'{"proved":true}\n'), "is not agentd"),
    (says(b'{"id":null,"result":{"status":"ok"}}\n'), "is not agentd"),
    (says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "is not agentd: it says 'HTTP/1.1 400"),
    (says(b"\x1b[2J\xff\n"), r"is not agentd: it says '\\x1b\[2J"),
    (says(b"{" * 5_000), "is not agentd"),
]


@each_client
@pytest.mark.parametrize(("impostor", "why"), IMPOSTORS)
def test_an_impostor(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    opened: Any,
    impostor: Callable[[socket.socket], bytes],
    why: str,
) -> None:
    """Who took the port is found out, and has been told a number that means nothing."""
    use_secret(tmp_path, monkeypatch)
    heard: list[bytes] = []
    with listening_port() as (server, port):
        thread = Thread(target=lambda: heard.append(impostor(server)))
        thread.start()
        with opened(f"tcp://127.0.0.1:{port}") as client, pytest.raises(NotProved, match=why):
            client.register_task("secret goal")
        thread.join()
    (told,) = heard
    assert set(json.loads(told)) == {"hello", "nonce"}, told
    assert json.loads(told)["hello"] == NAME


@each_client
@pytest.mark.parametrize("said", [(PROVED + FULL,), (PROVED, FULL)])
def test_a_daemon_that_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Any, said: tuple[bytes, ...]
) -> None:
    """What it says behind the proof, in one packet or two, is told to whoever asks then."""

    def serve(server: socket.socket) -> None:
        client, _ = server.accept()
        with client, client.makefile("rb") as lines:
            mine, theirs = new_nonce(), json.loads(lines.readline())["nonce"]
            proof = {"nonce": mine, "proof": mac(SECRET, "daemon", theirs, mine)}
            client.sendall(json.dumps(proof).encode() + b"\n")
            assert json.loads(lines.readline())["proof"] == mac(SECRET, "client", theirs, mine)
            for piece in said:
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)
            lines.read()

    use_secret(tmp_path, monkeypatch)
    with listening_port() as (server, port):
        thread = Thread(target=serve, args=(server,))
        thread.start()
        with (
            opened(f"tcp://127.0.0.1:{port}", 5.0) as client,
            pytest.raises(TooManyConnections, match="4 connections"),
        ):
            client.health()
        thread.join()


@each_client
def test_an_impostor_that_says_nothing(
    here: TcpDaemon, monkeypatch: pytest.MonkeyPatch, opened: Any
) -> None:
    """It is not waited for longer than the call, or than a proof may take, and was sent nothing."""
    monkeypatch.setattr("agentd.client.stream._PROOF_SECONDS", 0.5)
    with listening_port() as (server, port):
        with (
            opened(f"tcp://127.0.0.1:{port}", 1.0) as client,
            pytest.raises(NoAnswer, match="in time"),
        ):
            client.register_task("secret goal")
        client, _ = server.accept()
        with client:
            assert json.loads(client.recv(65_536)).keys() == {"hello", "nonce"}
            assert client.recv(65_536) == b""
    assert here.process.poll() is None


def test_another_daemon(over_tcp: TcpDaemon, home: Path) -> None:
    """A daemon of another home does not do: its secret is another."""
    home.mkdir(mode=0o700)
    (home / "tcp.secret").touch(mode=0o600)
    (home / "tcp.secret").write_text(SECRET.hex())
    ended = agentd(home, "status", "--json", AGENTD_ADDRESS=over_tcp.address)
    error = json.loads(ended.out)["error"]
    assert (ended.code, error["kind"]) == (3, "not_proved")
    assert "AGENTD_SECRET_FILE" in error["next"]


@each_client
def test_nobody_there(here: TcpDaemon, monkeypatch: pytest.MonkeyPatch, opened: Any) -> None:
    """It is told apart from a forwarder without a daemon behind it, which closes."""
    with listening_port() as (server, port):
        address = f"tcp://127.0.0.1:{port}"
    with opened(address) as client, pytest.raises(NobodyListens, match="serve --tcp 127"):
        client.health()
    monkeypatch.setattr("agentd.client.address._RETRY_SECONDS", 0.2)
    with listening_port() as (server, port):

        def close_all() -> None:
            for _ in range(5):
                server.accept()[0].close()

        thread = Thread(target=close_all)
        thread.start()
        with (
            opened(f"tcp://127.0.0.1:{port}") as client,
            pytest.raises(NobodyListens, match="closes without a word"),
        ):
            client.health()
        thread.join()
    assert here.process.poll() is None


def test_a_forwarder_that_is_quick(here: TcpDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has hung up before we look who it is closes without a word, too."""
    monkeypatch.setattr("agentd.client.address._RETRY_SECONDS", 0.2)
    tries = []

    class Gone(asyncio.Transport):
        def abort(self) -> None:
            tries.append(self)

    async def ask() -> None:
        async def connection(make: Callable[[], Any], *_at: object) -> tuple[Gone, Any]:
            return Gone(), make()

        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", connection)
        async with AsyncClient(here.address) as client:
            await client.health()

    with pytest.raises(NobodyListens, match="closes without a word"):
        asyncio.run(ask())
    assert len(tries) == 5


def test_no_secret(home: Path, over_tcp: TcpDaemon) -> None:
    """A client that has none is told where it comes from, and sends nothing."""
    ended = agentd(home, "status", AGENTD_ADDRESS=over_tcp.address)
    assert ended.code == 2
    assert f"there is no secret at {home}/tcp.secret" in ended.err


# Leaving and coming back.


def wait_for_work(connection: TcpConnection, task_id: str) -> None:
    """Ask for a node that is not there yet."""
    params = {"task_id": task_id, "lease_owner": "waiter", "wait_secs": 60}
    request = {"id": 1, "method": "AcquireNextNode", "params": params}
    connection.send_raw(json.dumps(request).encode() + b"\n")


def waiting_task(daemon: TcpDaemon) -> tuple[str, str]:
    """A task whose only free node is held, and that node's lease."""
    with daemon.connect() as unix:
        task = unix.call("RegisterTask", goal="w", initial_nodes=[{}])["task_id"]
        taken = unix.call("AcquireNextNode", task_id=task, lease_owner="holder")
        return task, json.dumps({each: taken[each] for each in ("task_id", "node_id", "lease_id")})


def give_back(daemon: TcpDaemon, lease: str) -> None:
    """Have the node that is waited for be free."""
    with daemon.connect() as unix:
        unix.call("ReleaseNode", **json.loads(lease))


def status(daemon: TcpDaemon, task: str) -> str:
    """Of the task's only node."""
    with daemon.connect() as unix:
        found: str = unix.call("TaskStatus", task_id=task)["nodes"][0]["status"]
        return found


def test_who_only_closed_its_sending_side(over_tcp: TcpDaemon) -> None:
    """It gets its answer, and before it perhaps blank lines."""
    task, lease = waiting_task(over_tcp)
    with over_tcp.proved() as connection:
        wait_for_work(connection, task)
        connection.finish_sending()
        assert connection.read_line() == b""  # it was asked whether it is there
        give_back(over_tcp, lease)
        line = b""
        while not line:
            line = connection.read_line()
        assert json.loads(line)["result"]["lease_owner"] == "waiter"
        assert connection.at_eof()


@pytest.mark.parametrize("leave", ["close", "kill"])
def test_who_left_while_it_waited(over_tcp: TcpDaemon, leave: str) -> None:
    """It is given no node, whether it closed or was killed."""
    task, lease = waiting_task(over_tcp)
    if leave == "close":
        connection = over_tcp.proved()
        wait_for_work(connection, task)
        assert eventually(lambda: waits(over_tcp), time.time() + 20)
        connection.close()
    else:
        script = (
            "from agentd import Client\n"
            f"Client().acquire_next_node({task!r}, lease_owner='waiter', wait_secs=60)"
        )
        env = environment(over_tcp.home, {"AGENTD_ADDRESS": over_tcp.address})
        with subprocess.Popen([sys.executable, "-c", script], cwd=REPOSITORY, env=env) as process:
            assert eventually(lambda: waits(over_tcp), time.time() + 60)
            process.kill()
    assert eventually(lambda: not waits(over_tcp), time.time() + 20)
    give_back(over_tcp, lease)
    assert status(over_tcp, task) == "PENDING"


def waits(daemon: TcpDaemon) -> bool:
    """Whether somebody waits for work."""
    with daemon.connect() as unix:
        return any(each.get("waiting") for each in unix.call("ListWorkers")["workers"])


def test_who_reads_nothing(over_tcp: TcpDaemon, deaf: TcpConnection) -> None:
    """It is cut off as on the Unix socket, and the log says who it was."""
    assert eventually(lambda: "it has not read its answers" in over_tcp.stderr(), time.time() + 60)
    _host, port = deaf.local_address()
    assert f"cut off 127.0.0.1 port {port} over TCP: it has not read" in over_tcp.stderr()


def test_a_daemon_that_is_killed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that was connected comes back by itself, and proves it anew."""
    with TcpDaemon(home) as process:
        monkeypatch.setenv("AGENTD_HOME", str(home))
        with Client(process.address) as client:
            assert client.health().status == "ok"
            process.keep_port()
            process.kill()
            process.start()
            assert client.health().status == "ok"
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
