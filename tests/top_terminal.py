"""`agentd top` in a real terminal, as somebody sees it who types.

What it writes is shown by pyte, so a test reads the screen and not escape sequences.
"""

import os
import pty
import select
import signal
import subprocess
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pyte

from tests.command_line import AGENTD
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, environment


class Terminal:
    """A screen and a keyboard."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", file: int, columns: int, rows: int
    ) -> None:
        self.process = process
        self.written = bytearray()
        self._file = file
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def lines(self) -> list[str]:
        """What is on the screen, be it half painted."""
        # pyte's own way to tell it fails over a wide letter of which half is painted over.
        rows = (self._screen.buffer[y] for y in range(self._screen.lines))
        columns = range(self._screen.columns)
        return ["".join(row[x].data for x in columns).rstrip() for row in rows]

    @property
    def text(self) -> str:
        """The same in one."""
        return "\n".join(self.lines)

    def type(self, keys: str) -> None:
        """Press these keys."""
        os.write(self._file, keys.encode())

    def wait_for(self, is_there: "str | Callable[[str], bool]") -> str:
        """The screen as soon as it shows this; fails where it does not."""
        end = monotonic() + PATIENCE_SECONDS
        while not (is_there in self.text if isinstance(is_there, str) else is_there(self.text)):
            assert self._read(end - monotonic()), f"{is_there} is not there:\n{self.text}"
        return self.text

    def hang_up(self) -> None:
        """Close the terminal; nobody is told by a signal."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, self._file)
        os.close(nowhere)

    def wait_for_end(self) -> int:
        """The exit code, when it has ended."""
        end = monotonic() + PATIENCE_SECONDS
        while self._read(end - monotonic()):
            pass
        return self.process.wait(PATIENCE_SECONDS)

    def _read(self, seconds: float) -> bool:
        """Take in what was written; False where nothing comes any more."""
        if seconds <= 0 or not select.select([self._file], [], [], seconds)[0]:
            return False
        try:
            chunk = os.read(self._file, 1 << 16)
        except OSError:  # Linux reports the other side's close as an input/output error
            return False
        self.written += chunk
        self._stream.feed(chunk)
        return bool(chunk)


@contextmanager
def top(
    home: Path, *arguments: str, columns: int = 80, rows: int = 24, **env: str | None
) -> Iterator[Terminal]:
    """`agentd top` until the block has ended."""
    kind = {"TERM": "xterm-256color", "COLUMNS": None, "LINES": None, "NO_COLOR": None}
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (rows, columns))
    process = subprocess.Popen(
        [*AGENTD, "top", *arguments],
        cwd=REPOSITORY,
        env=environment(home, {**kind, "TZ": "UTC", **env}),
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    try:
        yield Terminal(process, ours, columns, rows)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_SECONDS)
        os.close(ours)
