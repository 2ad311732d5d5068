"""The README is a stranger's first hour: short, and what it tells people to type is typed here."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import pytest

from agentd.cli.verbs import parser
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, DaemonProcess, environment
from tests.documents import README, blocks, found, section, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_WORDS = 1500
HOUR = section("The first hour")
AGENTD = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m agentd "$@"\n'
SHORTER = {"sleep 20": "until [ -e killed ]; do sleep 0.1; done", "lease: 10s": "lease: 4s"}
"""So that nobody waits for a clock: the commands go on until one of the workers was killed."""

HANDS = [("expired", "bob"), ("completed", "ann")]


@pytest.fixture
def daemon(home: Path) -> Iterator[DaemonProcess]:
    """A daemon without any variable: it is where the README says, in ~/.agentd."""
    with DaemonProcess(home.parent / ".agentd", AGENTD_HOME=None) as process:
        yield process


def typed(line: str) -> str:
    """The line as it is typed here."""
    for word, shorter in SHORTER.items():
        line = line.replace(word, shorter)
    return line


class Shell:
    """A shell in a folder of its own, into which line after line is typed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._stdin, self._stdout = _pipe(process.stdin), _pipe(process.stdout)

    def type(self, line: str) -> str:
        """Type a line, and return what is printed before the next can be typed."""
        self._stdin.write(f'{line}\necho "ended: $?"\n')
        self._stdin.flush()
        printed = ""
        while not (ended := re.fullmatch(r"ended: (\d+)\n", told := self._stdout.readline())):
            assert told, f"the shell has ended at {line!r}, and printed {printed!r}"
            printed += told
        assert ended[1] == "0", f"{line!r} ended with {ended[1]}, and printed {printed!r}"
        return printed


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


@contextmanager
def shell(daemon: DaemonProcess, folder: Path) -> Iterator[Shell]:
    """A shell there that finds agentd; in the end it is killed with the workers that it started."""
    (folder / "agentd").write_text(AGENTD)
    (folder / "agentd").chmod(0o755)
    path = f"{folder}:/usr/local/bin:/usr/bin:/bin"
    env = {"AGENTD_HOME": None, "PATH": path, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "80"}
    with subprocess.Popen(
        ["/bin/sh"],
        cwd=folder,
        env=environment(daemon.home, env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield Shell(process)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def wait_for(daemon: DaemonProcess, kind: str, *, times: int = 1) -> None:
    """Come back when that has happened so often."""
    with daemon.connect() as connection:
        seq = seen = 0
        while seen < times:
            page = connection.call("WatchEvents", after_seq=seq, kinds=[kind], wait_secs=30)
            seq, seen = page["last_seq"], seen + len(page["events"])


def test_the_first_hour(daemon: DaemonProcess, tmp_path: Path) -> None:
    """A plan is registered, a worker killed, its node done by the other, the gate approved."""
    [plan] = blocks(HOUR, "yaml")
    begin, work, kill, decide = (block.splitlines() for block in blocks(HOUR, "sh"))
    (tmp_path / "release.yaml").write_text(typed(plan))
    with shell(daemon, tmp_path) as shell_:
        for line in begin:
            shell_.type(line)
        shell_.type(typed(work[0]))
        wait_for(daemon, "ACQUIRE_NODE")
        shell_.type(typed(work[1]))
        wait_for(daemon, "ACQUIRE_NODE", times=2)
        for line in kill:
            shell_.type(line)
        (tmp_path / "killed").touch()
        wait_for(daemon, "OPEN_GATE")
        waits, asks, _event, ended, attempts = (shell_.type(line) for line in decide)
    assert waits.splitlines()[-1].startswith("gate\t")
    assert "Ship 1.4 to everybody?" in asks
    assert ended.split("\t")[1:] == ["COMPLETED", "0", "0", "5", "0\n"]
    assert re.findall(r"^\d\t(\w+)\t(\w+)\t", attempts, re.MULTILINE) == HANDS


def test_the_lines_for_python(daemon: DaemonProcess) -> None:
    """They complete every node of the task that they register."""
    [code] = blocks(HOUR, "python")
    env = environment(daemon.home, {"AGENTD_HOME": None})
    subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, env=env, timeout=PATIENCE_SECONDS, check=True
    )
    with daemon.connect() as connection:
        assert connection.call("Metrics")["database"]["node_status_counts"] == {"COMPLETED": 2}


def test_the_verbs_are_there() -> None:
    """Whatever else it calls by `agentd`, in a line or in a sentence, agentd understands."""
    lines = [line for block in blocks(text(README), "") for line in block.splitlines()]
    called = [*found(r"`(agentd [a-z][^`]*)`", text(README)), *lines]
    commands = {line for line in called if line.startswith("agentd ") and "TASK" not in line}
    assert len(commands) >= 5
    for command in sorted(commands):
        assert parser().parse_args(shlex.split(command)[1:]).module


def test_it_is_short() -> None:
    """A stranger gets through it: words as `wc -w` counts them, tables and code included."""
    assert len(text(README).split()) <= MOST_WORDS
