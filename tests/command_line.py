"""Runs `agentd` as people do: a process of its own, with a pipe or a terminal before it.

Where only the words matter, it runs in this process: that takes a twentieth of the time.
"""

import os
import pty
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import BytesIO, FileIO, TextIOWrapper
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from agentd.cli import main
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, environment

AGENTD = (sys.executable, "-m", "agentd")
COLUMNS = 80
LINES = 40

_TERMINAL = {"TERM": "xterm-256color", "COLUMNS": None, "NO_COLOR": None, "FORCE_COLOR": None}

_STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Ended(NamedTuple):
    """How a run ended: its exit code, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that it complained with."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self
        assert lines[0].startswith("agentd: "), self
        return lines[0]

    @property
    def plain(self) -> str:
        """What it printed without its colours, and without what is blank at the lines' ends."""
        return "\n".join(line.rstrip() for line in _STYLE.sub("", self.out).splitlines())

    @property
    def width(self) -> int:
        """Columns that the widest line takes, where every character takes one."""
        return max(map(len, self.plain.splitlines()))


def agentd(home: Path, *arguments: str, stdin: bytes = b"", **env: str | None) -> Ended:
    """Run a verb to its end, with pipes on all sides."""
    ended = subprocess.run(
        [*AGENTD, *arguments],
        cwd=REPOSITORY,
        env=environment(home, {"COLUMNS": str(COLUMNS), **env}),
        input=stdin,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def agentd_here(
    home: Path, *arguments: str, stdin: bytes = b"", extra: dict[str, str] | None = None
) -> Ended:
    """Run a verb to its end in this process, with pipes on all sides."""
    pipes = BytesIO(), BytesIO()
    out, err = (TextIOWrapper(pipe, "utf-8", write_through=True) for pipe in pipes)
    env = environment(home, {"COLUMNS": str(COLUMNS), **(extra or {})})
    code = _run_here(arguments, env, stdin, out, err)
    return Ended(code, *(pipe.getvalue().decode() for pipe in pipes))


def _run_here(
    arguments: Sequence[str],
    env: dict[str, str],
    stdin: bytes,
    out: TextIOWrapper,
    err: TextIOWrapper,
) -> int:
    """What a verb does to its process it does not do to this one, which has other tests to run."""
    with (
        _own_umask(),
        patch.dict(os.environ, env, clear=True),
        patch.object(sys, "stdin", TextIOWrapper(BytesIO(stdin), "utf-8")),
        patch.object(os, "nice"),
        patch.object(signal, "signal"),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            return main(arguments)
        except SystemExit as exit_:  # how argparse ends a help
            return int(exit_.code or 0)


@contextmanager
def _own_umask() -> Iterator[None]:
    """At the end of the block new files get the modes that they got before."""
    before = os.umask(0)
    os.umask(before)
    try:
        yield
    finally:
        os.umask(before)


def on_a_terminal(home: Path, *arguments: str, columns: int = COLUMNS, **env: str | None) -> Ended:
    """Run a verb to its end with a terminal for its output; `err` is empty."""
    with _terminal(columns) as (ours, its):
        process = subprocess.Popen(
            [*AGENTD, *arguments],
            cwd=REPOSITORY,
            env=environment(home, {**_TERMINAL, **env}),
            stdin=subprocess.DEVNULL,
            stdout=its,
            stderr=its,
        )
        os.close(its)
        shown = b"".join(_read(ours))
        return _shown(process.wait(PATIENCE_SECONDS), shown)


def on_a_terminal_here(
    home: Path, *arguments: str, columns: int = COLUMNS, **env: str | None
) -> Ended:
    """The same in this process, for verbs that log nothing and start nothing.

    How wide it is they are told: Rich would ask the terminal that this process was started from.
    """
    around = environment(home, {**_TERMINAL, "COLUMNS": str(columns), **env})
    letters = around.get("PYTHONIOENCODING", "utf-8")
    with _terminal(columns) as (ours, its), ThreadPoolExecutor(1) as beside:
        shown = beside.submit(lambda: b"".join(_read(ours)))
        with TextIOWrapper(FileIO(its, "w"), letters, write_through=True) as terminal:
            code = _run_here(arguments, around, b"", terminal, terminal)
        return _shown(code, shown.result())


def _shown(code: int, shown: bytes) -> Ended:
    return Ended(code, shown.decode().replace("\r\n", "\n"), "")


@contextmanager
def _terminal(columns: int) -> Iterator[tuple[int, int]]:
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (LINES, columns))
    try:
        yield ours, its
    finally:
        os.close(ours)


def _read(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # Linux reports the other side's close as an input/output error
            return
        if not chunk:
            return
        yield chunk
