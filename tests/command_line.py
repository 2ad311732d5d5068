"""Runs `agentd` as people do: a process of its own, with a pipe or a terminal before it."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.daemon_process import REPOSITORY, environment

AGENTD = (sys.executable, "-m", "agentd")
COLUMNS = 80
PATIENCE_SECONDS = 20


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


def on_a_terminal(home: Path, *arguments: str) -> Ended:
    """Run a verb to its end with a terminal for its output; `err` is empty."""
    with _terminal() as (ours, its):
        process = subprocess.Popen(
            [*AGENTD, *arguments],
            cwd=REPOSITORY,
            env=environment(home, {}),
            stdin=subprocess.DEVNULL,
            stdout=its,
            stderr=its,
        )
        os.close(its)
        shown = b"".join(_read(ours))
        return Ended(process.wait(PATIENCE_SECONDS), shown.decode().replace("\r\n", "\n"), "")


@contextmanager
def _terminal() -> Iterator[tuple[int, int]]:
    ours, its = pty.openpty()
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
