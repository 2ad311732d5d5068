"""The commands of the fleets: good ones, and every bad one that people have met.

The rule this file keeps: it is a program of its own (`python fleet_command.py`), reads what
`agentd work` gives a command, and knows nothing else of agentd. What it does stands in its node's
payload.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

FOR_EVER = 100_000
TALK_BYTES = 2_000_000


def good(_node: dict[str, Any]) -> None:
    """A little work, and a result."""
    time.sleep(0.05)
    sys.stdout.write('{"done": true}')


def failing(_node: dict[str, Any]) -> None:
    """It never works."""
    sys.exit("a test fails")


def hanging(_node: dict[str, Any]) -> None:
    """It goes on for ever with a child of its own, and no polite word ends either."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # its child inherits that
    subprocess.Popen(["sleep", str(FOR_EVER)])  # noqa: S607
    time.sleep(FOR_EVER)


def quota(node: dict[str, Any]) -> None:
    """At first the provider wants nothing of it."""
    if node["attempt"] <= 2:
        said = {"after_secs": 0.5, "close_limit": "provider", "reason": "429"}
        sys.stderr.write(f"AGENTD_LATER {json.dumps(said)}\n")
        sys.exit(75)
    good(node)


def killed(_node: dict[str, Any]) -> None:
    """Something out there kills it, every time."""
    os.kill(os.getpid(), signal.SIGKILL)


def killing(_node: dict[str, Any]) -> None:
    """It takes its worker's life, every time."""
    guardian = os.getppid()
    os.kill(_parent(guardian), signal.SIGKILL)
    time.sleep(FOR_EVER)


def talkative(_node: dict[str, Any]) -> None:
    """It says more than fits into an answer, and more than is kept."""
    for stream, letter in ((sys.stderr, "e"), (sys.stdout, "o")):
        for _ in range(TALK_BYTES // 80):
            stream.write(letter * 79 + "\n")


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


COMMANDS = {
    each.__name__: each for each in (good, failing, hanging, quota, killed, killing, talkative)
}

if __name__ == "__main__":
    given = json.load(sys.stdin)["node"]
    COMMANDS[given["payload_schema"]["do"]](given)
