"""Starting beside what is there: file modes, a second daemon, things at the socket's path."""

from __future__ import annotations

import re
import socket
import stat
from typing import TYPE_CHECKING

import pytest

from tests.daemon_process import DaemonProcess, serve_to_the_end
from tests.wire.steps import acquire, complete, register, status_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.daemon_process import Exit

AT_ONCE_SECONDS = 2.0


def mode(path: Path) -> int:
    """Return the permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def assert_sent_away(end: Exit, first: DaemonProcess) -> None:
    """Check that a second daemon left at once with one line that names the first one's pid."""
    assert end.code != 0
    assert end.seconds <= AT_ONCE_SECONDS
    assert len(end.lines) == 1, end.output
    assert re.search(rf"\b{first.pid}\b", end.output)


def test_the_home_is_private(daemon: DaemonProcess) -> None:
    """The home is made with mode 0700."""
    assert mode(daemon.home) == 0o700


def test_a_home_that_is_there_becomes_private(home: Path) -> None:
    """A home that others could enter is closed to them."""
    home.mkdir()
    home.chmod(0o755)
    with DaemonProcess(home):
        assert mode(home) == 0o700


def test_the_socket_is_private(daemon: DaemonProcess) -> None:
    """The socket has mode 0600."""
    assert mode(daemon.socket_path) == 0o600


def test_the_database_is_private(daemon: DaemonProcess) -> None:
    """The database has mode 0600."""
    assert mode(daemon.database) == 0o600


def test_all_files_are_private(daemon: DaemonProcess) -> None:
    """Nothing in the home, while there is work, can be read by others."""
    with daemon.connect() as connection:
        register(connection)
        modes = {path.name: mode(path) for path in daemon.home.iterdir()}
    assert not {name: oct(bits) for name, bits in modes.items() if bits & 0o077}


def test_a_socket_elsewhere_is_private(home: Path) -> None:
    """The socket has mode 0600 wherever it is."""
    path = home.parent / "other.sock"
    with DaemonProcess(home, AGENTD_SOCKET_PATH=str(path)):
        assert mode(path) == 0o600


def test_a_second_daemon_on_the_same_home(daemon: DaemonProcess) -> None:
    """A second daemon exits at once with one line that names the first one's pid."""
    assert_sent_away(serve_to_the_end(daemon.home), daemon)


def test_a_second_daemon_on_the_same_database(daemon: DaemonProcess) -> None:
    """A home of its own does not help a second daemon to the first one's database."""
    url = f"sqlite://{daemon.database}"
    home = daemon.home.parent / "home2"
    assert_sent_away(serve_to_the_end(home, AGENTD_DATABASE_URL=url), daemon)


def test_the_first_daemon_is_undisturbed(daemon: DaemonProcess) -> None:
    """The first daemon keeps its connections, its socket and its work."""
    before = daemon.socket_path.stat().st_ino
    with daemon.connect() as old:
        task = register(old)
        acquired = acquire(old, task)
        assert serve_to_the_end(daemon.home).code != 0
        complete(old, acquired)
        with daemon.connect() as new:
            assert status_of(new, task)["counts"] == {"COMPLETED": 1}
    assert daemon.socket_path.stat().st_ino == before
    assert daemon.stop() == 0


def test_a_second_daemon_does_not_take_the_socket(daemon: DaemonProcess) -> None:
    """A daemon with a home of its own does not take over the socket of a living one."""
    home = daemon.home.parent / "home2"
    end = serve_to_the_end(home, AGENTD_SOCKET_PATH=str(daemon.socket_path))
    assert end.code != 0
    with daemon.connect() as connection:
        assert connection.call("Health")["status"] == "ok"


def test_two_homes_two_daemons(daemon: DaemonProcess) -> None:
    """Daemons with different homes live side by side and share nothing."""
    with (
        DaemonProcess(daemon.home.parent / "home2") as second,
        second.connect() as there,
        daemon.connect() as here,
    ):
        register(there)
        assert here.call("Metrics")["database"]["total_tasks"] == 0


def test_a_home_is_free_after_the_end(daemon: DaemonProcess) -> None:
    """When the first daemon has ended, by whatever signal, the next one may start."""
    daemon.kill()
    daemon.restart()
    assert daemon.stop() == 0
    daemon.restart()


def test_a_stale_socket_is_replaced(home: Path) -> None:
    """A socket whose owner is dead is replaced."""
    home.mkdir(mode=0o700)
    path = home / "agentd.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.is_socket()
    with DaemonProcess(home) as daemon, daemon.connect() as connection:
        assert connection.call("Health")["status"] == "ok"
        assert mode(path) == 0o600


def test_a_killed_daemon_leaves_a_stale_socket(daemon: DaemonProcess) -> None:
    """The socket that SIGKILL left behind does not keep the next daemon from starting."""
    daemon.kill()
    assert daemon.socket_path.is_socket()
    daemon.restart()
    with daemon.connect() as connection:
        assert connection.call("Health")["status"] == "ok"


@pytest.mark.parametrize("content", [b"", b"precious"])
def test_a_file_at_the_sockets_path_is_refused(home: Path, content: bytes) -> None:
    """A regular file at the socket's path is refused, named, and left as it is."""
    home.mkdir(mode=0o700)
    path = home / "agentd.sock"
    path.write_bytes(content)
    before = path.stat()
    end = serve_to_the_end(home)
    assert end.code != 0
    assert str(path) in end.output
    assert path.read_bytes() == content
    assert (path.stat().st_ino, mode(path)) == (before.st_ino, stat.S_IMODE(before.st_mode))


def test_a_directory_at_the_sockets_path_is_refused(home: Path) -> None:
    """A directory at the socket's path is refused and left as it is."""
    path = home / "agentd.sock"
    path.mkdir(parents=True)
    (path / "precious").touch()
    assert serve_to_the_end(home).code != 0
    assert (path / "precious").exists()


def test_a_link_at_the_sockets_path_is_not_followed(home: Path) -> None:
    """A symbolic link at the socket's path never costs the file that it points to."""
    home.mkdir(mode=0o700)
    precious = home.parent / "precious"
    precious.write_bytes(b"precious")
    (home / "agentd.sock").symlink_to(precious)
    assert serve_to_the_end(home).code != 0
    assert precious.read_bytes() == b"precious"
