"""Rule: a peer's server is a process of its own, on a Unix socket, and is always stopped.

Starting and stopping the servers of the peers that have one. Like agentd they are reached
through a Unix socket, so that nobody pays for TCP.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic, sleep

START_SECONDS = 30.0


@contextmanager
def serving(
    command: Sequence[str], ready: Callable[[], bool], *, user: str | None = None
) -> Iterator[None]:
    """Run a server from when it says that it is ready until the block ends."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, user=user)
        try:
            _wait(process, ready)
            yield
        except BaseException:
            log.seek(0)
            sys.stderr.buffer.write(log.read()[-4_000:])
            raise
        finally:
            process.terminate()
            process.wait()


def _wait(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
    deadline = monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with exit code {process.returncode}")
        if monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} did not answer within {START_SECONDS:.0f} s")
        sleep(0.01)
