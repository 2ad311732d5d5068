"""Who holds a lock, as it is seen from here: a daemon in a container is the same daemon."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agentd import holders
from agentd.daemon.lock import Lock
from agentd.holders import holder
from tests.daemon_process import REPOSITORY

SEEN, INSIDE = 4711, 7
"""What a process is called here, and in its own pid namespace."""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock that was signed inside of a container."""
    path = tmp_path / "a.lock"
    path.write_text(f"{INSIDE}\n")
    return path


def line(lock: Path, pid: int = SEEN, device: str | None = None, arrow: str = "") -> str:
    """What the kernel says of that lock."""
    found = lock.stat()
    shown = device or f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}"
    return f"1: {arrow}FLOCK  ADVISORY  WRITE {pid} {shown}:{found.st_ino} 0 EOF\n"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The kernel's list of locks, and a process that has another pid in its namespace."""
    locks = tmp_path / "locks"
    status = tmp_path / str(SEEN) / "status"
    status.parent.mkdir()
    status.write_text(f"Name:\tagentd\nNSpid:\t{SEEN}\t{INSIDE}\n")
    monkeypatch.setattr(holders, "_LOCKS", locks)
    monkeypatch.setattr(holders, "_PROCESSES", tmp_path)
    return locks


def test_a_lock_of_this_process(tmp_path: Path) -> None:
    """It is held by this process while it is held, and by nobody before and after."""
    path = tmp_path / "a.lock"
    assert holder(path) is None
    with Lock(path) as lock:
        assert holder(path) == lock.holder() == os.getpid()
    assert holder(path) is None


def test_the_pid_is_the_one_that_is_seen_here(lock: Path, kernel: Path) -> None:
    """The file has the pid of the namespace in which it was signed."""
    kernel.write_text(line(lock))
    assert holder(lock) == SEEN


def test_another_device_than_programs_see(lock: Path, kernel: Path) -> None:
    """Where the file system shows another one, the file's pid tells, in whatever namespace."""
    kernel.write_text(line(lock, device="00:99"))
    assert holder(lock) == SEEN
    lock.write_text("99\n")
    assert holder(lock) is None


def test_locks_of_others(lock: Path, kernel: Path, tmp_path: Path) -> None:
    """Another file, another kind of lock, and a process that waits are not its holder."""
    other = tmp_path / "other"
    other.touch()
    posix = line(lock).replace("FLOCK ", "POSIX ")
    kernel.write_text(line(other) + posix + line(lock, arrow="-> "))
    assert holder(lock) is None


def test_a_holder_that_nobody_knows(lock: Path, kernel: Path) -> None:
    """A lock without a process, as of a file that was passed on, is held all the same."""
    kernel.write_text(line(lock, pid=-1))
    assert holder(lock) == 0


def test_looking_does_not_try(lock: Path) -> None:
    """A look takes no lock, not even for a moment: who starts then is not sent away."""
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert holder(lock) == os.getpid()
        assert holder(lock) == os.getpid()


@pytest.mark.parametrize("kind", ["a pipe", "a link", "a folder", "text"])
def test_what_is_no_lock(tmp_path: Path, kind: str) -> None:
    """Whatever else is at the path is held by nobody, and is not waited for."""
    path = tmp_path / "a.lock"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a link":
        path.symlink_to("/dev/zero")
    elif kind == "a folder":
        path.mkdir()
    else:
        path.write_text(f"{os.getpid()} and more\n" * 10_000)
    assert holder(path) is None


HOLDS = """
import sys
from pathlib import Path
from agentd.daemon.lock import Lock
with Lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root and unshare"
)
def test_a_holder_in_a_namespace_of_its_own(tmp_path: Path) -> None:
    """It signs with the pid that it has there, and is found with the one that it has here."""
    path = tmp_path / "a.lock"
    command = ["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-c", HOLDS, str(path)]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        if process.stdout.readline() != b"held\n":
            pytest.skip("no pid namespace can be made here")
        assert path.read_text() == "1\n"
        seen = holder(path)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert [str(seen)] == children
        process.kill()
