"""Rule: a daemon under measurement is a fresh process on a fresh home, and is always stopped.

Starting and stopping the floor and agentd. A home is a directory on a real disk: on a
tmpfs fsync costs nothing and every figure would flatter.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

import msgspec

from benchmarks.machine import filesystem
from benchmarks.wire import Wire

TREE = Path(__file__).parents[1]
START_SECONDS = 60.0  # patience, not a bar: the bars are in the measurements
STOP_SECONDS = 30.0

Call = tuple[str, dict[str, object]]


class Daemon(msgspec.Struct, frozen=True):
    """A running daemon."""

    socket: Path
    pid: int
    seconds_to_ready: float


class DidNotStart(Exception):
    """The daemon exited, or did not answer in time."""


@contextmanager
def fresh_home() -> Iterator[Path]:
    """Yield an empty directory on a real disk and remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix="agentd-bench-") as name:
        home = Path(name)
        if filesystem(home) in {"tmpfs", "ramfs"}:
            raise RuntimeError(
                f"{home} is in memory, where fsync is free: set TMPDIR to a directory on a disk"
            )
        yield home


@contextmanager
def floor(home: Path) -> Iterator[Daemon]:
    """Run the floor on an empty database."""
    socket = home / "floor.sock"
    command = [sys.executable, "-m", "benchmarks.floor", str(socket), str(home / "floor.db")]
    # It has no Health: registering nothing is its cheapest call.
    ready: Call = ("RegisterTask", {"initial_nodes": []})
    with _run_daemon(command, dict(os.environ), socket, ready) as daemon:
        yield daemon


@contextmanager
def agentd(
    home: Path,
    *options: str,
    events: int = 50,
    timeout: int = 300,
    code: Path = TREE,
    database_url: str | None = None,
) -> Iterator[Daemon]:
    """Run agentd on a home, with that many events in a context and leases of that many seconds.

    `code` is the folder that holds the package, `options` are those of `agentd serve`. With a
    `database_url` the journal is on that server, and not in the home.
    """
    environment = agentd_environment(home) | {
        "AGENTD_CONTEXT_EVENT_LIMIT": str(events),
        "AGENTD_NODE_TIMEOUT_SECS": str(timeout),
        "PYTHONPATH": str(code),
    }
    if database_url is not None:
        environment["AGENTD_DATABASE_URL"] = database_url
    # -P: the package that lies in the working directory would come before the one that was meant.
    command = [sys.executable, "-P", "-m", "agentd", "serve", *options]
    with _run_daemon(command, environment, home / "agentd.sock", ("Health", {})) as daemon:
        yield daemon


def agentd_environment(home: Path) -> dict[str, str]:
    """Return an environment in which agentd knows this home and none of the user's settings."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AGENTD_") and name != "RUST_LOG"
    }
    env_file = home / "empty.env"
    env_file.touch(mode=0o600)
    return inherited | {"AGENTD_HOME": str(home), "AGENTD_ENV_FILE": str(env_file)}


@contextmanager
def _run_daemon(
    command: list[str],
    environment: dict[str, str],
    socket: Path,
    ready: Call,
) -> Iterator[Daemon]:
    # A file, not a pipe: nobody reads while the load runs, and a full pipe would stop the daemon.
    with tempfile.TemporaryFile() as log:
        started = monotonic()
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            _wait_until_ready(process, socket, ready, started + START_SECONDS)
            yield Daemon(socket=socket, pid=process.pid, seconds_to_ready=monotonic() - started)
        except Exception:
            log.seek(0)
            sys.stderr.buffer.write(log.read()[-4_000:])
            raise
        finally:
            _stop(process)


def _wait_until_ready(
    process: subprocess.Popen[bytes],
    socket: Path,
    ready: Call,
    deadline: float,
) -> None:
    while monotonic() < deadline:
        if process.poll() is not None:
            raise DidNotStart(f"{process.args!r} ended with exit code {process.returncode}")
        with suppress(FileNotFoundError, ConnectionError), Wire(socket) as wire:
            wire.call(*ready)
            return
        sleep(0.002)
    raise DidNotStart(f"{process.args!r} did not answer within {START_SECONDS:.0f} s")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
