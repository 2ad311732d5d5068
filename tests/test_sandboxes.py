"""From inside sandboxes and containers: what stands for them here is what they are made of.

A network namespace with a forwarder stands for a container or for `ssh -L`, a mount namespace for a
container that has the home or has it not, a seccomp filter for the sandbox of a coding agent.
"""

import contextlib
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from tests.daemon_process import REPOSITORY, environment, temporary_home
from tests.seccomp import IS_KNOWN
from tests.tcp import TcpDaemon

AGENTD = (sys.executable, "-m", "agentd")


@pytest.fixture(scope="module")
def outside() -> Iterator[TcpDaemon]:
    """The daemon, outside of all of them."""
    with temporary_home() as home, TcpDaemon(home) as process:
        yield process


def run(daemon: TcpDaemon, *command: str, **env: str | None) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        command,
        cwd=REPOSITORY,
        env=environment(daemon.home, {"PATH": _PATH, **env}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


_PATH = f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin"


# A sandbox that forbids Unix sockets.


def sandboxed(
    daemon: TcpDaemon, forbidden: str, *command: str, **env: str | None
) -> "subprocess.CompletedProcess[str]":
    """Run a command under the filter; skip where there is none."""
    if not IS_KNOWN:
        pytest.skip("the filter is written for Linux on x86_64 and aarch64")
    tried = run(daemon, sys.executable, "-m", "tests.seccomp", forbidden, "true")
    if "prctl failed" in tried.stderr:
        pytest.skip("no filter may be set here")
    return run(daemon, sys.executable, "-m", "tests.seccomp", forbidden, *command, **env)


@pytest.mark.parametrize("forbidden", ["socket", "pair"])
def test_the_unix_socket_in_a_sandbox(outside: TcpDaemon, forbidden: str) -> None:
    """The error says what to do, inside and outside."""
    ended = sandboxed(outside, forbidden, *AGENTD, "status", "--json")
    error = json.loads(ended.stdout)["error"]
    assert (ended.returncode, error["kind"]) == (3, "not_permitted")
    assert "no Unix sockets are allowed here" in error["message"]
    assert "AGENTD_ADDRESS=tcp://127.0.0.1:PORT" in error["message"]
    assert "agentd serve --tcp 127.0.0.1:PORT" in error["message"]


def test_the_asyncio_client_by_the_unix_socket(outside: TcpDaemon) -> None:
    """It says the same."""
    script = "import asyncio, agentd; asyncio.run(agentd.AsyncClient().health())"
    ended = sandboxed(outside, "socket", sys.executable, "-c", script)
    assert "NotPermitted: no Unix sockets are allowed here" in ended.stderr


VERBS = (
    ("status",),
    ("task", "list"),
    ("task", "show", "@"),
    ("task", "why", "@"),
    ("node", "show", "@", "a"),
    ("workers",),
    ("inbox",),
    ("events",),
    ("limit", "list"),
    ("lock", "list"),
    ("lock", "run", "file:/x", "--", "true"),
    ("gate", "list"),
    ("doctor",),
    ("call", "Health"),
)


def test_every_verb_over_tcp(outside: TcpDaemon) -> None:
    """Also where not even a pair of Unix sockets may be made."""
    with outside.connect() as unix:
        unix.call("RegisterTask", goal="sandboxed", initial_nodes=[{"name": "a"}])
    line = " && ".join(" ".join((*AGENTD, *verb)) for verb in VERBS)
    ended = sandboxed(
        outside, "pair", "sh", "-ec", line.replace("&&", "\n"), AGENTD_ADDRESS=outside.address
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended


def test_a_program_over_tcp(outside: TcpDaemon) -> None:
    """`Client` works there, with leases that it keeps."""
    script = (
        "from agentd import Client\n"
        "with Client() as client:\n"
        "    task = client.register_task('s', initial_nodes=[{}])\n"
        "    with client.lease(client.acquire_next_node(task.task_id, lease_owner='m')) as lease:\n"
        "        lease.result = {'from': 'inside'}\n"
        "    print(client.task_status(task.task_id).nodes[0].status)\n"
    )
    address = outside.address
    ended = sandboxed(outside, "pair", sys.executable, "-c", script, AGENTD_ADDRESS=address)
    assert (ended.stdout, ended.stderr) == ("COMPLETED\n", "")


def test_workers_over_tcp(outside: TcpDaemon) -> None:
    """Event loops need a pair of Unix sockets, which the sandboxes of coding agents leave them."""
    with outside.connect() as unix:
        task = unix.call("RegisterTask", goal="inside", initial_nodes=[{}])["task_id"]
    command = (*AGENTD, "work", "--task", task, "--", "sh", "-c", "echo done")
    ended = sandboxed(outside, "socket", *command, AGENTD_ADDRESS=outside.address)
    assert ended.returncode == 0, ended.stderr
    assert "1 completed" in ended.stdout
    script = "import asyncio, agentd; print(asyncio.run(agentd.AsyncClient().health()).status)"
    ended = sandboxed(
        outside, "socket", sys.executable, "-c", script, AGENTD_ADDRESS=outside.address
    )
    assert (ended.stdout, ended.stderr) == ("ok\n", "")


# A container.


def needs_namespaces(*flags: str) -> None:
    """Skip where none can be made."""
    if (unshare := shutil.which("unshare")) is None:
        pytest.skip("there is no unshare here")
    tried = subprocess.run([unshare, *flags, "true"], capture_output=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"unshare {' '.join(flags)}: {tried.stderr.decode(errors='replace')}")


def test_the_socket_in_a_network_of_its_own(outside: TcpDaemon) -> None:
    """With the home mounted nothing else is needed: Unix sockets are files."""
    needs_namespaces("-rn")
    ended = run(outside, "unshare", "-rn", *AGENTD, "status")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert str(outside.socket_path) in ended.stdout


def test_a_port_in_a_network_of_its_own(outside: TcpDaemon) -> None:
    """The daemon's loopback is not the container's: nobody listens there, and that is told."""
    needs_namespaces("-rn")
    script = "ip link set lo up 2>/dev/null; " + " ".join((*AGENTD, "status"))
    ended = run(outside, "unshare", "-rn", "sh", "-c", script, AGENTD_ADDRESS=outside.address)
    assert ended.returncode == 3
    assert outside.address in ended.stderr


def test_no_loopback(outside: TcpDaemon) -> None:
    """Nor is any there before somebody switches it on: what that means is told, and what helps."""
    needs_namespaces("-rn")
    ended = run(outside, "unshare", "-rn", *AGENTD, "status", AGENTD_ADDRESS=outside.address)
    assert ended.returncode == 3
    assert f"cannot connect to {outside.address}: Network is unreachable: " in ended.stderr
    assert "a sandbox with a network of its own" in ended.stderr


@contextmanager
def forwarder(to: int, path: Path) -> Iterator[None]:
    """Outside: what comes to a socket at the path goes to the port, as with `ssh -L` or socat."""

    def pump(source: socket.socket, sink: socket.socket) -> None:
        while piece := source.recv(65_536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)

    def forward(inner: socket.socket) -> None:
        with inner, socket.create_connection(("127.0.0.1", to)) as outer:
            back = Thread(target=pump, args=(outer, inner))
            back.start()
            pump(inner, outer)
            back.join()

    def accept() -> None:
        with contextlib.suppress(OSError):  # the test is over
            while True:
                threads.append(Thread(target=forward, args=(server.accept()[0],)))
                threads[-1].start()

    threads: list[Thread] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        threads.append(Thread(target=accept))
        threads[0].start()
        yield
        server.shutdown(socket.SHUT_RDWR)
        for each in threads:
            each.join()


_INSIDE = """
import fcntl, os, socket, struct, subprocess, sys, threading
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    # `ip link set lo up`: SIOCSIFFLAGS, IFF_UP
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 1))
server = socket.create_server(("127.0.0.1", 0))

def pump(source, sink):
    while piece := source.recv(65536):
        sink.sendall(piece)
    sink.shutdown(socket.SHUT_WR)

def accept():
    while True:
        inner, _ = server.accept()
        outer = socket.socket(socket.AF_UNIX)
        outer.connect(sys.argv[1])
        for ends in ((inner, outer), (outer, inner)):
            threading.Thread(target=pump, args=ends, daemon=True).start()

threading.Thread(target=accept, daemon=True).start()
env = {**os.environ, "AGENTD_ADDRESS": f"tcp://127.0.0.1:{server.getsockname()[1]}"}
sys.exit(subprocess.run(sys.argv[2:], env=env).returncode)
"""


def test_a_forwarder_into_a_network_of_its_own(outside: TcpDaemon, tmp_path: Path) -> None:
    """With the secret and a port that leads to the daemon's, all works, under another port."""
    needs_namespaces("-rn")
    secret = tmp_path / "secret"
    shutil.copy(outside.home / "tcp.secret", secret)
    env = {"AGENTD_HOME": str(tmp_path / "none"), "AGENTD_SECRET_FILE": str(secret)}
    way = outside.home.parent / "way"
    with forwarder(outside.port, way):
        inside = ("unshare", "-rn", sys.executable, "-c", _INSIDE, str(way))
        line = "agentd call Health && agentd task list --json >/dev/null && agentd doctor"
        ended = run(outside, *inside, "sh", "-c", line, **env)
    assert ended.returncode == 0, ended
    assert "and knows the secret" in ended.stdout


def test_a_mount_of_its_own(outside: TcpDaemon, tmp_path: Path) -> None:
    """A container in which the home is mounted elsewhere is told where by AGENTD_HOME."""
    needs_namespaces("-rm")
    place = tmp_path / "mnt"
    place.mkdir()
    line = f"mount --bind {outside.home} {place} && agentd status && agentd doctor"
    ended = run(outside, "unshare", "-rm", "sh", "-c", line, AGENTD_HOME=str(place))
    assert ended.returncode == 0, ended
    assert f"listening on {place}/agentd.sock" in ended.stdout


def test_a_container_without_the_home(outside: TcpDaemon, tmp_path: Path) -> None:
    """Where only the secret is mounted, the port does, if the network is the same."""
    needs_namespaces("-rm")
    (empty := tmp_path / "empty").mkdir()
    secret = tmp_path / "secret"
    shutil.copy(outside.home / "tcp.secret", secret)
    line = f"mount --bind {empty} {outside.home} && agentd status"
    hidden = ("unshare", "-rm", "sh", "-c", line)
    ended = run(outside, *hidden)
    assert ended.returncode == 3
    assert "no socket at" in ended.stderr
    env = {"AGENTD_ADDRESS": outside.address, "AGENTD_SECRET_FILE": str(secret)}
    ended = run(outside, *hidden, **env)
    assert (ended.returncode, ended.stderr) == (0, "")
