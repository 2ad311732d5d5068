"""Reads the skill for agents, and does what it says.

The rule this file keeps: nothing is typed but what the skill has in its blocks, with ids in the
place of its words.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from tests.command_line import Ended
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, environment
from tests.documents import blocks, text
from tests.test_autostart import stop_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SKILL = REPOSITORY / "skills" / "agentd" / "SKILL.md"

_PROGRAMS = {
    "agentd": f'#!/bin/sh\nexec "{sys.executable}" -m agentd "$@"\n',
    "python3": f'#!/bin/sh\nexec "{sys.executable}" "$@"\n',
    "claude": "#!/bin/sh\ncat > /dev/null\necho '{\"done\": true}'\n",
}


def lines() -> list[str]:
    """What is to be typed into a shell, from top to bottom."""
    return [line for block in blocks(text(SKILL), "sh") for line in block.splitlines()]


def line_with(words: str) -> str:
    """The first line that has these words."""
    return next(line for line in lines() if words in line)


class Agent:
    """Types the skill's lines where its files are, with its programs at hand."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._folder = home.parent
        self._ids: dict[str, str] = {}
        for name, program in _PROGRAMS.items():
            (self._folder / name).write_text(program)
            (self._folder / name).chmod(0o755)
        for name, language in {"release.yaml": "yaml", "worker.py": "python"}.items():
            [block] = blocks(text(SKILL), language)
            (self._folder / name).write_text(block)

    def follow(self) -> Iterator[tuple[str, Ended]]:
        """Do all that the skill says; gives each line and how it ended."""
        for line in lines():
            if "agentd work" in line or ("LEASE" in line and "LEASE" not in self._ids):
                yield self._take(line_with("task register"))
            if "LEASE" in line and "LEASE" not in self._ids:
                yield self._take(line_with("node acquire"))
            yield self._take(line)

    def status(self) -> Any:
        """The task that the skill's lines are about now."""
        return json.loads(self.type('agentd call TaskStatus \'{"task_id": "TASK"}\'').out)

    def type(self, line: str) -> Ended:
        """Type a line and wait for its end; of what it leaves behind, the process id is printed."""
        line = re.sub(r"\b(TASK|NODE|LEASE)\b", lambda word: self._ids.get(word[1], word[1]), line)
        if line.endswith("&"):
            line = f"{line.replace('sleep 100', 'sleep 0')} echo $!"
        env = environment(self._home, {"AGENTD_HOME": None})
        ended = subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=self._folder,
            env={**env, "PATH": f"{self._folder}:{env['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def stop(self) -> None:
        """Stop the daemon, if the skill had it started, and wait until it is gone."""
        stop_daemon(self._folder / ".agentd")

    def _take(self, line: str) -> tuple[str, Ended]:
        ended = self.type(line)
        if "task register" in line:
            self._ids = {"TASK": json.loads(ended.out)["data"]["task_id"]}
        elif "node acquire" in line:
            data = json.loads(ended.out)["data"]
            self._ids |= {"NODE": data["node_id"], "LEASE": data["lease_id"]}
        elif "node complete" in line or "node fail" in line:
            del self._ids["LEASE"]
        return line, ended
