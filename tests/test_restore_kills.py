"""A restore that is killed leaves the old database or the new one."""

import re
import subprocess
import sys
from pathlib import Path

from tests.daemon_process import REPOSITORY


def test_a_restore_that_is_killed_at_any_step(tmp_path: Path) -> None:
    """Killed before each of its steps, over every kind of old database; see `restore_kills`."""
    command = [sys.executable, "-m", "tests.restore_kills", str(tmp_path)]
    ended = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    steps = list(map(int, re.findall(r"each of (\d+) steps", ended.stdout)))
    assert len(steps) == 5
    assert min(steps) >= 10
