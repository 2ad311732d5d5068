"""Where the daemon meets the world: its socket file, its log, and what it keeps in memory."""

import logging
import os
import re
import socket
import stat
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from agentd.daemon.listener import Listener
from agentd.daemon.log import logger, set_up
from agentd.errors import AlreadyRunning, Failure
from agentd.events import EventCommitted, LeaseExtended
from agentd.journal import GENESIS, Draft, Recorded, record
from agentd.peers import peer_uid
from agentd.store.sql.cache import TailCache
from tests.core import NOW, Ids, uid
from tests.daemon_process import temporary_home

# The socket file


@pytest.fixture
def path() -> Iterator[Path]:
    """A path that is short enough for a socket."""
    with temporary_home() as home:
        home.mkdir()
        yield home / "agentd.sock"


@pytest.fixture
def listener(path: Path) -> Iterator[Listener]:
    found = Listener(path)
    yield found
    found.socket.close()


def connect(path: Path) -> socket.socket:
    """A client."""
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(path))
    return client


def test_a_listener_can_be_reached(listener: Listener, path: Path) -> None:
    """A client that connects is there to be accepted, and nobody is waited for."""
    with pytest.raises(BlockingIOError):
        listener.socket.accept()
    with connect(path):
        listener.socket.accept()[0].close()


def test_the_socket_is_for_this_user_only(path: Path) -> None:
    """Whatever the umask is, the file has mode 0600, and the umask is as before."""
    before = os.umask(0)
    try:
        Listener(path).socket.close()
        assert os.umask(0) == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600


def test_a_stale_socket_is_replaced(path: Path) -> None:
    """A socket on which nobody listens is replaced by one on which somebody does."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    listener = Listener(path)
    with listener.socket, connect(path):
        pass


@pytest.mark.usefixtures("listener")
def test_a_live_socket_is_refused(path: Path) -> None:
    """A socket on which somebody listens is left to them."""
    before = path.lstat().st_ino
    with pytest.raises(AlreadyRunning, match=r"another daemon, pid \d+, answers on"):
        Listener(path)
    assert path.lstat().st_ino == before


def make(path: Path, kind: int, target: Path) -> None:
    """Something of that kind; a link points to the target."""
    if kind == stat.S_IFREG:
        path.touch()
    elif kind == stat.S_IFDIR:
        path.mkdir()
    else:
        path.symlink_to(target)


def test_what_is_no_socket_is_refused(path: Path) -> None:
    """A file, a folder, and a link, even to a socket, are left as they are."""
    target = path.with_name("target")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(target))
    for kind in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
        make(path, kind, target)
        with pytest.raises(Failure, match="exists and is not a socket"):
            Listener(path)
        assert stat.S_IFMT(path.lstat().st_mode) == kind
        path.rename(path.with_name(f"kept-{kind}"))


def test_a_path_that_is_too_long(path: Path) -> None:
    """A path that does not fit a socket's address is refused with that reason, and no file."""
    long = path.with_name("s" * 120)
    with pytest.raises(Failure, match=f"cannot bind the socket {long}: .*too long"):
        Listener(long)
    assert not long.exists()


def test_a_folder_that_is_not_there(path: Path) -> None:
    """A socket in a folder that is not there is refused with that reason."""
    with pytest.raises(Failure, match="No such file or directory"):
        Listener(path / "x")


def test_a_listener_removes_its_file(listener: Listener, path: Path) -> None:
    """At the end the file is gone, and ending twice does no harm."""
    listener.remove()
    assert not path.exists()
    listener.remove()


def test_a_listener_leaves_other_files(listener: Listener, path: Path) -> None:
    """A file that has come in the place of its own is not its to remove."""
    path.rename(path.with_name("moved"))
    path.touch()
    listener.remove()
    assert path.exists()


def test_the_user_at_the_other_end(listener: Listener, path: Path) -> None:
    """The kernel says who has connected."""
    with connect(path):
        peer, _ = listener.socket.accept()
        with peer:
            assert peer_uid(peer) == os.getuid()


# The log


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """What standard error gets from a log that is set up to show infos."""
    before = logger.handlers[:], logger.propagate, logger.level
    monkeypatch.setattr("sys.stderr", shown := StringIO())
    set_up(logging.INFO)
    yield shown
    logger.handlers[:], logger.propagate, logger.level = before


def test_a_log_line(log: StringIO) -> None:
    """A line has the moment in UTC with milliseconds, the level and the message."""
    logger.warning("%s is %d", "it", 5)
    line = log.getvalue()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z WARNING it is 5\n", line)


def test_the_log_shows_its_level_and_above(log: StringIO) -> None:
    """What is below the level that was asked for is left out."""
    logger.debug("no")
    logger.info("yes")
    assert log.getvalue().count("\n") == 1


@pytest.mark.usefixtures("log")
def test_setting_up_twice() -> None:
    """A log that is set up again still says everything once."""
    set_up(logging.WARNING)
    assert len(logger.handlers) == 1
    assert logger.level == logging.WARNING


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nINFO forged", r"a\nINFO forged"),
        ("\x1b[2J\r\t\x7f", r"\x1b[2J\r\t\x7f"),
        ("\u202egnp", r"\u202egnp"),
        ("größer 東京 🚀", "größer 東京 🚀"),
    ],
)
def test_what_clients_send_is_escaped(log: StringIO, text: str, shown: str) -> None:
    """Nobody can write a line of the log, or an instruction to a terminal, by what they send."""
    logger.info("got %s", text)
    line = log.getvalue()
    assert line.endswith(f" got {shown}\n")
    assert line.count("\n") == 1


# The cache of tails


def notes(count: int, size: int = 1, *, beats: bool = False) -> list[Recorded]:
    """Records of one task, with payloads of that size."""
    event = LeaseExtended(uid(3), NOW) if beats else EventCommitted("NOTE")
    drafts = [Draft(event, uid(2), b"1" * size) for _ in range(count)]
    return record(GENESIS, 1, uid(1), drafts, NOW, Ids())


def test_a_tail_is_what_the_journal_would_give() -> None:
    """The newest records up to the limit, oldest first, heartbeats left out."""
    tails = TailCache()
    first, *later = notes(5)
    tails.put(uid(1), 3, [first])
    tails.append([*later, *notes(2, beats=True)])
    assert tails.get(uid(1), 3) == later[-3:]


def test_what_is_not_kept_has_to_be_read() -> None:
    """A tail of another length, of another task, or with a large payload is not answered."""
    tails = TailCache()
    tails.put(uid(1), 3, notes(3))
    assert tails.get(uid(1), 4) is None
    assert tails.get(uid(2), 3) is None
    tails.append(notes(1, size=5_000))
    assert tails.get(uid(1), 3) is None
    tails.put(uid(1), 3, notes(1, size=5_000))
    assert tails.get(uid(1), 3) is None


def test_forgotten_tails_have_to_be_read() -> None:
    """After an undone transaction nothing is answered from memory."""
    tails = TailCache()
    tails.put(uid(1), 3, notes(3))
    tails.clear()
    tails.append(notes(1))
    assert tails.get(uid(1), 3) is None
