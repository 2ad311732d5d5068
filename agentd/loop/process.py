"""One worker process, as the loop sees it.

The rule this file keeps: a thread waits for the process, so that nobody else has to. A Ctrl-C is
raised in the main thread wherever it is, in the middle of `Popen.wait` too, which then keeps its
lock for ever; a thread is never interrupted.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from typing import IO

from agentd.loop.settings import Settings
from agentd.loop.worker import owner_name
from agentd.worker.import_path import import_path

_STDERR_BYTES = 2000
"""Bytes."""

_SIGNALS = {number.value: number.name for number in signal.Signals}


class WorkerProcess:
    """A worker of one task. `status` is how it ended, as `Popen.returncode`; None while it runs."""

    def __init__(self, task_id: str, settings: Settings) -> None:
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        self._process = subprocess.Popen(  # noqa: S603 - a module of this package
            [sys.executable, "-m", "agentd.loop.worker", task_id],
            env={**os.environ, **settings.environment(), "PYTHONPATH": import_path()},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._stderr,
            start_new_session=True,  # a Ctrl-C is for the loop, which then ends its workers
        )
        self.name = owner_name(self._process.pid)
        self.status: int | None = None
        self._waiter = threading.Thread(target=self._wait, daemon=True)
        self._waiter.start()

    @property
    def exit_reason(self) -> str:
        """How it ended: `SIGKILL`, or `exit status 3`."""
        status = self.status or 0
        return (
            f"exit status {status}" if status >= 0 else _SIGNALS.get(-status, f"signal {-status}")
        )

    def stderr_tail(self) -> str:
        """The end of what it said on standard error."""
        self._stderr.seek(0)
        return self._stderr.read()[-_STDERR_BYTES:].decode(errors="replace").strip()

    def terminate(self) -> None:
        """SIGTERM: it may finish what is in flight."""
        self._process.terminate()

    def close(self) -> None:
        """Kill it where it still runs, and let go of it."""
        self._process.kill()
        self._waiter.join()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._stderr.close()

    def _wait(self) -> None:
        self.status = self._process.wait()
