"""What a daemon says never makes it wait, and what was not read is counted."""

import errno
import os
import pty
import re
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from agentd.daemon.queued_stderr import LONGEST_QUEUE, QueuedStderr
from tests.daemon_process import REPOSITORY, SERVE, Connection, DaemonProcess, environment
from tests.wire.steps import eventually, flat, register

LINE = "x" * 99 + "\n"
Daemon: TypeAlias = "subprocess.Popen[bytes]"
NOTICE_END = "could not be written\n"
ENOUGH_SECONDS = 30.0
"""Far more than anything here takes, however busy the machine is."""


class FullPipe:
    """A pipe that holds all it can; `dots` says how much that is. `seen` reads on from there."""

    def __init__(self) -> None:
        self._read, self.end = os.pipe()
        self.dots = 0
        os.set_blocking(self.end, False)
        for size in (4096, 1):
            try:
                while True:
                    self.dots += os.write(self.end, b"." * size)
            except BlockingIOError:
                pass
        os.set_blocking(self.end, True)

    def make_room(self) -> None:
        """Read what was in it from the start."""
        left = self.dots
        while left:
            left -= len(os.read(self._read, left))

    def seen(self, last: str) -> str:
        """Read up to the text that comes last."""
        read = b""
        while not read.endswith(last.encode()):
            read += os.read(self._read, 65536)
        return read.decode()

    def hang_up(self) -> None:
        """Nobody reads any more."""
        os.close(self._read)
        self._read = -1

    def close(self) -> None:
        """Both ends."""
        for end in (self._read, self.end):
            if end >= 0:
                os.close(end)


@pytest.fixture
def full() -> Iterator[FullPipe]:
    """A pipe that nobody has read for long."""
    pipe = FullPipe()
    yield pipe
    pipe.close()


def missing(text: str) -> int:
    """How many lines the text says are missing."""
    return sum(
        map(int, re.findall(r"^agentd: (\d+) lines? (?:is|are) missing here", text, re.MULTILINE))
    )


def test_a_file_has_it_at_once(tmp_path: Path) -> None:
    """What is said to a regular file is in it, whatever happens in the next moment."""
    log = tmp_path / "log"
    with log.open("wb") as file:
        queued = QueuedStderr(file.fileno())
        for number in range(3):
            queued.write(f"{number}\n")
            assert log.read_text().endswith(f"{number}\n")


def test_a_full_pipe_is_not_waited_for(full: FullPipe) -> None:
    """What has room is written once somebody reads; the rest is counted where it is missing."""
    queued = QueuedStderr(full.end)
    count = 2 * LONGEST_QUEUE // len(LINE)
    for _ in range(count):
        assert queued.write(LINE) == len(LINE)
    full.make_room()
    before = full.seen(NOTICE_END)
    queued.write("later\n")
    assert full.seen("later\n") == "later\n"
    assert before.count(LINE) + missing(before) == count
    assert before.count(LINE) == LONGEST_QUEUE // len(LINE)
    assert before.startswith(LINE)


def test_lines_stay_in_their_order_and_whole(full: FullPipe) -> None:
    """What is printed in pieces is one line, and one that is too long for the room is one too."""
    queued = QueuedStderr(full.end)
    print("a", "b", file=queued)
    queued.write("c" * 2 * LONGEST_QUEUE + "\nd\n")
    queued.write("e\n")
    full.make_room()
    text = full.seen("\ne\n")
    assert text.startswith("a b\nagentd: 2 lines are missing here")
    assert text.endswith(f"{NOTICE_END}e\n")


def test_a_large_text_is_taken_where_nothing_waits() -> None:
    """A traceback is not lost for being longer than the room."""
    read, end = os.pipe()
    with open(read, "rb") as reader, open(end, "wb"):  # noqa: PTH123 - descriptors
        queued = QueuedStderr(end)
        queued.write("t" * 2 * LONGEST_QUEUE + "\n")
        assert len(reader.readline()) == 2 * LONGEST_QUEUE + 1


FULL = OSError(errno.ENOSPC, "full")


@pytest.fixture(params=["a device", "a file"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    """What is written to by a thread, and what is written to at once."""
    path = Path(os.devnull) if request.param == "a device" else tmp_path / "log"
    with path.open("wb") as opened:
        yield opened.fileno()


def written(
    monkeypatch: pytest.MonkeyPatch, file: int, answers: list[int | OSError], *texts: str
) -> str:
    """What of these texts is in a file that answers so: bytes that it takes, or an error."""
    taken: list[bytes] = []

    def write(_file: int, data: bytes) -> int:
        answer = answers.pop(0) if answers else len(data)
        if isinstance(answer, OSError):
            raise answer
        taken.append(data[:answer])
        return answer

    monkeypatch.setattr(os, "write", write)
    queued = QueuedStderr(file)
    for text in texts:
        queued.write(text)
        queued.drain(ENOUGH_SECONDS)
    return b"".join(taken).decode()


def test_a_file_that_takes_nothing_for_a_while(monkeypatch: pytest.MonkeyPatch, file: int) -> None:
    """On a full disk lines are lost and counted; the first that fits again is written, on its own.

    A line that was written in part is ended first.
    """
    text = written(monkeypatch, file, [3, FULL, FULL], "first\n", "second\n", "third\n")
    assert text.startswith("fir\nagentd: 1 line is missing here: ")
    assert text.endswith(f"{NOTICE_END}second\nthird\n")


def test_a_file_that_takes_a_part(monkeypatch: pytest.MonkeyPatch, file: int) -> None:
    """Only the lines that are not in the file are counted, however many were written together."""
    text = written(monkeypatch, file, [4, FULL, FULL], "a\nb\nc\nd\n", "e\n", "f\n")
    assert text.startswith("a\nb\nagentd: 2 lines are missing here: ")
    assert text.endswith(f"{NOTICE_END}e\nf\n")


def test_a_descriptor_that_somebody_made_non_blocking(full: FullPipe) -> None:
    """It is tried again until it takes the line."""
    os.set_blocking(full.end, False)
    queued = QueuedStderr(full.end)
    queued.write("late\n")
    full.make_room()
    assert full.seen("late\n") == "late\n"


def test_nobody_is_left_to_read(full: FullPipe) -> None:
    """A reader that is gone is no fault and is not waited for at the end."""
    full.hang_up()
    queued = QueuedStderr(full.end)
    queued.write("to nobody\n")
    queued.drain(ENOUGH_SECONDS)  # a thread of its own would tell by hanging


# At the end of a process

SAYS = """
import sys
from agentd.daemon.queued_stderr import replace_stderr
replace_stderr()
for number in range(1000):
    print(number, file=sys.stderr)
print("no end", file=sys.stderr, end="")
raise ValueError("the last words")
"""


def test_nothing_is_lost_in_the_ordinary_case() -> None:
    """All that a process said is written when it has ended, a traceback and half a line too."""
    ended = subprocess.run(
        [sys.executable, "-c", SAYS], cwd=REPOSITORY, stderr=subprocess.PIPE, check=False
    )
    lines = ended.stderr.decode().splitlines()
    assert lines[:1000] == [str(number) for number in range(1000)]
    assert lines[1000].startswith("no end")
    assert lines[-1] == "ValueError: the last words"


@contextmanager
def serving(command: list[str], home: Path, error: int | None, **env: str) -> Iterator[Daemon]:
    """A daemon whose standard error is that descriptor; it is gone at the end of the block."""
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environment(home, env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=error,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def is_healthy(home: Path) -> bool:
    """Whether a daemon answers there, in time."""

    def answers() -> bool:
        try:
            with Connection(home / "agentd.sock") as connection:
                return bool(connection.call("Health")["status"] == "ok")
        except OSError:
            return False

    return eventually(answers, time.time() + ENOUGH_SECONDS)


def stopped(process: Daemon) -> int:
    """The exit code of a daemon that is told to stop."""
    process.terminate()
    return process.wait(ENOUGH_SECONDS)


def test_a_daemon_whose_log_is_not_read(home: Path, full: FullPipe) -> None:
    """It starts, answers while it has much to log, and stops."""
    env = {"AGENTD_NODE_TIMEOUT_SECS": "0"}
    with serving(SERVE, home, full.end, **env) as daemon:
        assert is_healthy(home)
        with Connection(home / "agentd.sock") as connection:
            task = register(connection, flat(30))
            for _ in range(30):  # leases of 0 s: each takes the node back from the one before
                connection.call("AcquireNextNode", task_id=task.id, lease_owner="o" * 2_000)
        assert stopped(daemon) == 0
    assert not (home / "agentd.sock").exists()


def test_a_start_that_is_refused_and_not_read(daemon: DaemonProcess, full: FullPipe) -> None:
    """The one line that says why does not keep the process."""
    with serving(SERVE, daemon.home, full.end) as other:
        assert other.wait(ENOUGH_SECONDS) == 4


def test_a_terminal_that_was_stopped(home: Path) -> None:
    """Ctrl-S on the daemon's terminal stops its log, and nothing else."""
    ours, its = pty.openpty()
    termios.tcflow(its, termios.TCOOFF)
    try:
        with serving(SERVE, home, its) as daemon:
            assert is_healthy(home)
            assert stopped(daemon) == 0
    finally:
        os.close(its)
        os.close(ours)


@pytest.mark.parametrize("closed", ["2>&-", "0<&- 1>&- 2>&-", "0<&- 2>&-", "2>/dev/full"])
def test_without_standard_error(home: Path, closed: str) -> None:
    """A daemon without one serves, and none of its own files gets the number of a standard one."""
    command = ["/bin/sh", "-c", f'exec "$0" "$@" {closed}', *SERVE]
    with serving(command, home, None) as daemon:
        assert is_healthy(home)
        if Path("/proc/self/fd").is_dir():
            files = {str(Path(f"/proc/{daemon.pid}/fd/{number}").readlink()) for number in range(3)}
            assert files <= {"/dev/null", "/dev/full"}
        assert stopped(daemon) == 0
