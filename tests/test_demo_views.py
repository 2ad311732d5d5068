"""`make demo-views`: something to look at, and what is to be found in it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from agentd import Client
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, environment

NODES = 30


def test_it_runs_until_it_is_ended(tmp_path: Path) -> None:
    """Workers work on the plan; Ctrl-C ends all of it, and nothing is left behind."""
    with subprocess.Popen(
        [sys.executable, "-m", "examples.demo_views"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(tmp_path, {}),
    ) as demo:
        try:
            assert demo.stdout is not None
            told = [demo.stdout.readline().strip() for _ in range(4)]
            home = Path(told[1].removeprefix("export AGENTD_HOME="))
            with Client(home / "agentd.sock") as client:
                ends = time.monotonic() + PATIENCE_SECONDS
                while not (tasks := client.list_tasks().tasks) or not client.list_workers().workers:
                    assert time.monotonic() < ends, "nobody works"
                    time.sleep(0.05)
                counts = tasks[0].counts
            demo.send_signal(signal.SIGINT)
            assert demo.wait(PATIENCE_SECONDS) == 0
        finally:
            demo.kill()
    assert sum(counts.values()) == NODES
    assert not home.exists()
