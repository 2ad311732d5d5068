"""Something to look at: three workers on a plan of 30 nodes, until Ctrl-C: `make demo-views`.

The rule this file keeps: what a person has to find in the views is there: a node that fails, two
gates, a limit that is full, and an agent that hangs. The daemon and its home are the demo's own.
"""

import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from agentd import Client, Lease, WorkFailed
from examples.demo_agents import wait_until_healthy
from examples.demo_daemon import ROOT, Daemon
from examples.demo_screen import Screen, Style

PLAN = ROOT / "examples" / "orchard.yaml"
WORKERS = ("claude/orchard-1", "claude/orchard-2", "codex/orchard-1")
STEP_SECS = 1.0
WAIT_SECS = 5.0
LEASE_SECS = 60

TESTS = ("test-machine", 1)
"""The limit, and how many may run at once."""


USAGE = {"cost_usd": 0.01, "tokens": 800}
"""Of each step."""


class Hangs(Exception):
    """An agent hung until the demo was over, or its node was taken from it."""


class Workers:
    """Three of them, in threads; `stop` is set when the demo is over."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self.stop = threading.Event()

    def start(self) -> None:
        """Have them work on whatever there is."""
        for name in WORKERS:
            threading.Thread(target=self._work, args=(name,), daemon=True).start()

    def _work(self, name: str) -> None:
        with Client(self._socket) as client:
            while not self.stop.is_set():
                acquired = client.acquire_next_node(
                    lease_owner=name, lease_secs=LEASE_SECS, wait_secs=WAIT_SECS
                )
                if acquired is None:
                    continue
                with suppress(WorkFailed, Hangs), client.lease(acquired) as lease:
                    self._do(lease, acquired.attempt or 1)

    def _do(self, lease: Lease, attempt: int) -> None:
        """As long, and as often in vain, as the payload says. Raises `WorkFailed`, `Hangs`."""
        job: dict[str, Any] = lease.payload
        if job.get("hangs"):
            lease.commit("NOTE", {"message": "waiting for the lock on orchard.db"})
            while not (lease.is_lost or self.stop.wait(STEP_SECS)):
                pass
            raise Hangs
        began = time.monotonic()
        while (left := began + job["seconds"] - time.monotonic()) > 0:
            lease.commit("NOTE", {"message": f"{left:.0f} s to go"}, usage=USAGE)
            if self.stop.wait(min(left, STEP_SECS)):
                raise Hangs
        if attempt <= job.get("fails", 0):
            raise WorkFailed({"message": job["why"]}, kind="tool_error")
        lease.result = {"took_secs": job["seconds"]}


def agentd(daemon: Daemon, *arguments: str, check: bool = True) -> None:
    """Run a verb on the demo's daemon. Raises `subprocess.CalledProcessError` if it is to check."""
    command = [sys.executable, "-m", "agentd", *arguments]
    subprocess.run(command, cwd=ROOT, env=daemon.env, check=check, stdout=subprocess.DEVNULL)


def play(screen: Screen, daemon: Daemon, home: Path) -> int:
    """Start everything, say how to look, and go on. Returns the exit status."""
    daemon.start()
    if not wait_until_healthy(daemon):
        screen.block(f"FAILED: the daemon does not answer:\n{daemon.last_words()}", Style.BAD)
        return 1
    agentd(daemon, "limit", "set", TESTS[0], "--max-running", str(TESTS[1]))
    workers = Workers(daemon.socket_path)
    workers.start()
    screen.line("In another terminal:")
    screen.line(f"  export AGENTD_HOME={home}")
    screen.line("  agentd top     # or: agentd ui, agentd task graph @, agentd inbox")
    screen.line("Ctrl-C ends it.")
    try:
        while True:
            agentd(daemon, "task", "register", str(PLAN))
            agentd(daemon, "task", "wait", "@", check=False)  # a plan that ended has a next one
            time.sleep(WAIT_SECS)
    finally:
        workers.stop.set()


def main() -> int:
    """Run the demo until Ctrl-C. Returns the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    screen = Screen()
    home = Path(tempfile.mkdtemp(prefix="agentd-demo-", dir="/tmp"))  # a socket's path is short
    daemon = Daemon(home)
    try:
        return play(screen, daemon, home)
    except KeyboardInterrupt:
        return 0
    finally:
        daemon.kill()
        shutil.rmtree(home)


if __name__ == "__main__":
    sys.exit(main())
