"""The demo's daemon: started, killed, started again and stopped, always on one temporary home.

The rule this file keeps: nothing of the user's reaches the daemon, and it reaches nothing of the
user's; it sees an environment and an env file of its own.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from agentd.client import Client
from agentd.errors import DaemonUnreachable, RequestRefused

ROOT = Path(__file__).resolve().parent.parent
NODE_TIMEOUT_SECS = 5


class Daemon:
    """One home and the process that serves it, when there is one."""

    def __init__(self, home: Path, server: str | None = None) -> None:
        """`server`: the URL of a database on a server, where it is not a file in the home."""
        self.socket_path = home / "agentd.sock"
        self.database_path = home / "agent_state.db"
        self.log_path = home / "daemon.log"
        env_file = home / "demo.env"
        env_file.touch(mode=0o600)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AGENTD_", "RUST_LOG"))}
        self.env = kept | {
            "AGENTD_HOME": str(home),
            "AGENTD_ENV_FILE": str(env_file),
            "AGENTD_NODE_TIMEOUT_SECS": str(NODE_TIMEOUT_SECS),
        }
        if server is not None:
            self.env["AGENTD_DATABASE_URL"] = server
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> int:
        """Start `agentd serve`; its output goes to the log. Returns the pid."""
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "agentd", "serve"],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self._process.pid

    def exit_status(self) -> int | None:
        """The exit status of the process, or None while it runs."""
        return None if self._process is None else self._process.poll()

    def is_healthy(self) -> bool:
        """Does the daemon answer, and is its database well?"""
        try:
            with Client(self.socket_path, timeout=1.0) as client:
                return bool(client.call("Health")["status"] == "ok")
        except (DaemonUnreachable, RequestRefused):
            return False

    def kill(self) -> None:
        """SIGKILL: the daemon gets no chance to finish anything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self, timeout: float) -> int:
        """SIGTERM, and the exit status; raises `subprocess.TimeoutExpired` after `timeout` s."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout)

    def check_replay(self, timeout: float) -> subprocess.CompletedProcess[str]:
        """`agentd replay --check` on this home, in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "agentd", "replay", "--check"],
            cwd=ROOT,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def last_words(self, lines: int = 5) -> str:
        """The end of the daemon's log."""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])
