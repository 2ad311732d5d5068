"""The multi-agent loop on a daemon of its own, without a key: `make demo-agents`.

The rule this file keeps: it shows what `agentd loop --offline` does and adds nothing to it but a
daemon in a temporary home, a look at what was written, and the cleaning up.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from examples.demo_daemon import ROOT, Daemon
from examples.demo_screen import Screen, Style

READY_SECS = 10.0
STOP_SECS = 10.0
POLL_SECS = 0.02


def wait_until_healthy(daemon: Daemon) -> bool:
    """Does the daemon answer in time?"""
    ends_at = time.monotonic() + READY_SECS
    while time.monotonic() < ends_at and daemon.exit_status() is None:
        if daemon.is_healthy():
            return True
        time.sleep(POLL_SECS)
    return False


def show(screen: Screen, home: Path) -> None:
    """What the agents have written."""
    for path in sorted((home / "artifacts").glob("*/*"), key=lambda path: path.stat().st_mtime):
        screen.heading(path.name)
        screen.block(path.read_text(encoding="utf-8"))


def play(screen: Screen, daemon: Daemon, home: Path, arguments: list[str]) -> int:
    """Run the loop and show what came of it. Returns its exit status."""
    daemon.start()
    if not wait_until_healthy(daemon):
        screen.block(f"the daemon does not answer: {daemon.last_words()}", Style.BAD)
        return 1
    command = [sys.executable, "-m", "agentd", "loop", "--offline", *arguments]
    status = subprocess.run(command, cwd=ROOT, env=daemon.env, check=False).returncode
    show(screen, home)
    daemon.stop(STOP_SECS)
    return status


def main(arguments: list[str]) -> int:
    """Run the demo with these arguments of `agentd loop`. Returns the exit status."""
    screen = Screen()
    home = Path(tempfile.mkdtemp(prefix="agentd-demo-", dir="/tmp"))  # a socket's path is short
    screen.line("agentd demo: four agents, two workers, one goal", Style.HEAD)
    screen.line(f"Everything happens in {home}, which is removed at the end.")
    screen.line()
    daemon = Daemon(home)
    try:
        return play(screen, daemon, home, arguments)
    except KeyboardInterrupt:
        return 130
    finally:
        daemon.kill()
        shutil.rmtree(home)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
