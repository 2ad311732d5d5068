"""`agentd ui` as a process, as a person starts it."""

from __future__ import annotations

import queue
import re
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, environment

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

LINK = re.compile(r"http://127\.0\.0\.1:(\d+)/enter\?token=[\w-]{43}")


class UiProcess:
    """Serves from its start to the end of the block; `port` is the one that it took."""

    def __init__(self, home: Path, *options: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "agentd", "ui", "--no-open", *options],
            cwd=REPOSITORY,
            env=environment(home, {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self.said: list[str] = []
        self._readers = [
            threading.Thread(target=self._read_links),
            threading.Thread(target=self._read_words),
        ]
        for reader in self._readers:
            reader.start()
        self.first_link = self.link()
        found = LINK.fullmatch(self.first_link)
        assert found, self.first_link
        self.port = int(found[1])

    def link(self) -> str:
        """The next one that it prints."""
        return self._lines.get(timeout=PATIENCE_SECONDS)

    def another_link(self) -> str:
        """One more."""
        self._process.send_signal(signal.SIGUSR1)
        return self.link()

    def send(self, number: signal.Signals) -> None:
        """Send it one."""
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Tell it to stop, and how it ended."""
        self._process.send_signal(number)
        code = self._process.wait(PATIENCE_SECONDS)
        for reader in self._readers:
            reader.join()
        return code

    def kill(self) -> None:
        """As a crash would."""
        self.stop(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self.stop()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()

    def _read_links(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))

    def _read_words(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.said.append(line.rstrip("\n"))
