"""A daemon that is killed while it starts."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from tests.daemon_process import REPOSITORY, SERVE, environment

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

START_SECONDS = 0.3
"""Within that time a start is killed that is not waited for."""

SHORT_LEASES = {"AGENTD_NODE_TIMEOUT_SECS": "1"}
"""Leases of the dead run out while there is somebody to see it."""


def killed_while_starting(home: Path, chance: Random) -> None:
    """Start the daemon and kill it before, or just after, it is ready."""
    process = subprocess.Popen(
        SERVE,
        cwd=REPOSITORY,
        env=environment(home, SHORT_LEASES),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(chance.random() * START_SECONDS)
    process.kill()
    process.wait()
