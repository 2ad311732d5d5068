"""A command of `agentd lock run`: signals, the terminal, and how it is ended; without a daemon."""

import os
import pty
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agentd.cli.lock import held_command
from agentd.cli.lock.held_command import HeldCommand
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY

RUN = """
import sys
from agentd.cli.lock.held_command import HeldCommand
sys.exit(HeldCommand(["sh", "-c", *sys.argv[1:]]).run())
"""


def started(script: str) -> subprocess.Popen[bytes]:
    """A process that runs this script."""
    return subprocess.Popen(
        [sys.executable, "-c", RUN, script], cwd=REPOSITORY, stdout=subprocess.PIPE
    )


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 37", 37), ("kill -9 $$", 137), ("kill -15 $$", 143)]
)
def test_its_exit_code(script: str, code: int) -> None:
    """The command's own, or 128 and the number of the signal that killed it."""
    assert HeldCommand(["sh", "-c", script]).run() == code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_signals_are_passed_on(number: signal.Signals) -> None:
    """The command gets them, and says by its exit code what comes of them."""
    name = number.name.removeprefix("SIG")
    trap = f"trap 'kill $!; echo got; exit 9' {name}; sleep 1000 & echo ready; wait"
    with started(trap) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == b"got\n"
        assert process.wait(PATIENCE_SECONDS) == 9


def test_it_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Politely; what does not end by that is killed when the grace is over."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    goes_on = "while :; do wait; done"
    script = f"exec >{pipe}; trap 'echo told' TERM; (trap '' TERM; sleep 1000) & echo up; {goes_on}"
    command = HeldCommand(["sh", "-c", script])
    heard: list[bytes] = []

    def end() -> None:
        with pipe.open("rb") as said:
            heard.append(said.readline())
            command.end("lost")
            heard.append(said.readline())
            monkeypatch.setattr(held_command, "GRACE_SECONDS", 0.0)
            command.end("lost")
            said.read()  # until all of them have ended

    ending = threading.Thread(target=end)
    ending.start()
    code = command.run()
    ending.join(PATIENCE_SECONDS)
    assert code == 137
    assert heard == [b"up\n", b"told\n"]


def test_ended_before_it_began() -> None:
    """It does not begin."""
    command = HeldCommand(["sh", "-c", "exit 0"])
    command.end("lost")
    assert command.run() == 143


@contextmanager
def on_a_terminal(command: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process with a terminal of its own that runs this Python program as a command."""
    code = f"""
import fcntl, os, sys, termios
from agentd.cli.lock.held_command import HeldCommand
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
code = HeldCommand([sys.executable, "-c", {command!r}]).run()
assert os.tcgetpgrp(0) == os.getpgrp()
print("ended", code)
"""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    try:
        yield process, ours
        assert process.wait(PATIENCE_SECONDS) == 0
    finally:
        process.kill()
        os.close(ours)


def shown(terminal: int, until: bytes) -> bytes:
    """What is shown, until that is."""
    found = b""
    while until not in found:
        assert select.select([terminal], [], [], PATIENCE_SECONDS)[0], found
        found += os.read(terminal, 4096)
    return found


ASKS = """
import os
assert os.tcgetpgrp(0) == os.getpgrp(), "not ours"
print("run", flush=True)
print("got", input())
"""


GOES_ON = """
import time
print("run", flush=True)
while True:
    time.sleep(0.01)
"""
"""What reads or sleeps for long may miss a signal that comes just before."""


def test_it_has_the_terminal() -> None:
    """Ctrl-C is meant for the command; and when it ends, the terminal is with who started it."""
    with on_a_terminal(GOES_ON) as (_, terminal):
        shown(terminal, b"run")
        os.write(terminal, b"\x03")
        assert b"KeyboardInterrupt" in shown(terminal, b"ended 130")


def test_it_is_stopped() -> None:
    """Ctrl-Z stops the command and whoever holds its locks, and they go on together."""
    with on_a_terminal(ASKS) as (process, terminal):
        shown(terminal, b"run")
        os.write(terminal, b"\x1a")
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        os.killpg(process.pid, signal.SIGCONT)
        os.write(terminal, b"hello\n")
        assert b"got hello" in shown(terminal, b"ended 0")
