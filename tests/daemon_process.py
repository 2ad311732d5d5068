"""A real daemon in a real process, and a raw client: stdlib only, nothing shared with agentd.

These two are the test suite's independent witness. They know the wire protocol's framing and the
names of the environment variables, and import nothing of the program that they watch.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType
    from typing import Self

Object = dict[str, Any]

REPOSITORY = Path(__file__).resolve().parents[1]
SERVE = [sys.executable, "-m", "agentd", "serve"]
PATIENCE_SECONDS = 240.0
"""The longest wait for what should come at once: tells what hangs from a machine that is busy."""
BRIEF_SECONDS = 4
"""How long a short lease lasts: a heartbeat may be late by two thirds of it on a busy machine."""
LONGEST_TEMPORARY_DIRECTORY = 60  # a Unix socket's path has to stay below 104 bytes


class Refused(Exception):
    """An error response: `code` and `message` for everybody, `data` for programs."""

    def __init__(self, error: Object) -> None:
        self.code: int = error["code"]
        self.message: str = error["message"]
        self.data: Object = error.get("data", {})
        super().__init__(f"{self.code} {self.data.get('kind')}: {self.message}")

    @property
    def kind(self) -> str | None:
        """The stable word for this refusal."""
        return self.data.get("kind")


class Connection:
    """One connection, raw: bytes out, lines in."""

    def __init__(self, socket_path: Path, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        self._received = bytearray()
        self._ids = itertools.count(1)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Before the timeout: a socket with one does not wait where the queue is full.
            self._socket.connect(str(socket_path))
        except OSError:
            self._socket.close()
            raise
        self._socket.settimeout(timeout_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close both directions."""
        self._socket.close()

    def send_raw(self, data: bytes) -> None:
        """Send these bytes and nothing else; time runs out where none of them goes."""
        left = memoryview(data)
        while left:
            left = left[self._socket.send(left) :]

    def finish_sending(self) -> None:
        """Close the client's side only: the daemon reads an end of file and may still answer."""
        self._socket.shutdown(socket.SHUT_WR)

    def read_line(self) -> bytes:
        """Return the next line without its newline; raise EOFError where the daemon has closed."""
        searched = 0
        while (end := self._received.find(b"\n", searched)) < 0:
            searched = len(self._received)
            chunk = self._socket.recv(1 << 16)
            if not chunk:
                raise EOFError(f"closed by the daemon after {bytes(self._received)!r}")
            self._received += chunk
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line

    def read_response(self) -> Object:
        """Return the next response, checked to have exactly one of `result` and `error`."""
        return checked(json.loads(self.read_line()))

    def at_eof(self) -> bool:
        """Wait for the daemon's next move: True when it closes, False when it sends a byte."""
        if self._received:
            return False
        try:
            chunk = self._socket.recv(1)
        except ConnectionResetError:  # closed with bytes of ours unread
            return True
        self._received += chunk
        return not chunk

    def ask(self, line: str | bytes) -> bytes:
        """Send one line as it is and return the raw line that answers it."""
        self.send_raw((line.encode() if isinstance(line, str) else line) + b"\n")
        return self.read_line()

    def request(self, request: Any) -> Object:
        """Send any JSON value as one line and return the response."""
        return checked(json.loads(self.ask(encoded(request))))

    def call(self, method: str, **params: Any) -> Any:
        """Return the result of one call; raise Refused where the response is an error."""
        request_id = next(self._ids)
        response = self.request({"id": request_id, "method": method, "params": params})
        if "error" in response:
            raise Refused(response["error"])
        assert response["id"] == request_id, response
        return response["result"]


class DaemonProcess:
    """`agentd serve` on its own home, in an environment without anybody's settings.

    It is started under umask 0, so every file mode that a test sees is the daemon's own doing.
    An `env` value of None takes that variable out of the environment.
    """

    command: list[str] | None = None
    """What is run in the place of `SERVE`."""

    def __init__(self, home: Path, **env: str | None) -> None:
        self.home = home
        self.env = env
        self.socket_path = Path(env.get("AGENTD_SOCKET_PATH") or home / "agentd.sock")
        self.database = home / "agent_state.db"
        self.log_path = home.parent / f"{home.name}.stderr.log"
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        """Start the process and return once Health answers."""
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command or SERVE,
                cwd=REPOSITORY,
                env=environment(self.home, self.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                umask=0,
            )
        try:
            self._wait_until_healthy()
        except BaseException:
            self.kill()
            raise
        return self.process

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            code = self.process.poll()
            if code is not None:
                raise AssertionError(f"the daemon exited with {code}:\n{self.stderr()}")
            with contextlib.suppress(OSError, EOFError), self.connect() as connection:
                connection.call("Health")
                return
            time.sleep(0.01)
        raise AssertionError(f"not healthy in {PATIENCE_SECONDS} s:\n{self.stderr()}")

    @property
    def pid(self) -> int:
        """The process id of the daemon."""
        return self.process.pid

    def connect(self) -> Connection:
        """Open a new connection."""
        return Connection(self.socket_path)

    def stderr(self) -> str:
        """Return all that the daemon has said so far."""
        return self.log_path.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal and return at once."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end of the process and return its exit code."""
        try:
            return self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def stop(self) -> int:
        """Stop it with SIGTERM and return its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """Kill it with SIGKILL, as a power cut would."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """Start again on the same home, after a stop where it still runs."""
        if self.process.poll() is None:
            self.stop()
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.stop()


class Exit(NamedTuple):
    """How a process that refused to serve ended."""

    code: int
    output: str
    seconds: float

    @property
    def lines(self) -> list[str]:
        """What it said, blank lines left out."""
        return [line for line in self.output.splitlines() if line.strip()]


def serve_to_the_end(home: Path, **env: str | None) -> Exit:
    """Run `agentd serve` where it has to refuse, and return how it ended."""
    with subprocess.Popen(
        SERVE,
        cwd=REPOSITORY,
        env=environment(home, env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        watch = Stopwatch(process.pid)
        impatience = threading.Timer(PATIENCE_SECONDS, process.kill)
        impatience.start()
        assert process.stdout is not None
        output = process.stdout.read().decode(errors="replace")
        seconds = watch.seconds  # before it is waited for: then nobody knows of its queues
        code = process.wait()
        impatience.cancel()
    assert code != -signal.SIGKILL, f"it went on serving:\n{output}"
    return Exit(code, output, seconds)


def environment(home: Path, extra: Mapping[str, str | None]) -> dict[str, str]:
    """Return this process's environment without agentd's variables, then `extra` on top."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AGENTD_") and name != "RUST_LOG"
    }
    wanted = {**kept, "HOME": str(home.parent), "AGENTD_HOME": str(home), **extra}
    return {name: value for name, value in wanted.items() if value is not None}


def encoded(value: Any) -> bytes:
    """Return compact UTF-8 JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def checked(response: Object) -> Object:
    """Return the response; fail where it has both or none of `result` and `error`."""
    assert ("result" in response) != ("error" in response), response
    return response


@contextlib.contextmanager
def temporary_home() -> Iterator[Path]:
    """Give the path of a home that is not there yet, in a short directory of its own."""
    usual = tempfile.gettempdir()
    parent = usual if len(usual) <= LONGEST_TEMPORARY_DIRECTORY else "/tmp"  # noqa: S108
    base = Path(tempfile.mkdtemp(prefix="agentd-", dir=parent))
    try:
        yield base / "home"
    finally:
        shutil.rmtree(base, ignore_errors=True)
