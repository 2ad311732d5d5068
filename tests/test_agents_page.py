"""docs/agents.md: what it says of hooks, names and commands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

from agentd.cli.prime.briefing import MOST_BYTES
from agentd.cli.verbs import parser
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, DaemonProcess, environment
from tests.documents import blocks, quoted, rows, section

if TYPE_CHECKING:
    from pathlib import Path

PAGE = REPOSITORY / "docs" / "agents.md"
AGENTD = f'#!/bin/sh\nexec "{sys.executable}" -m agentd "$@"\n'
CLAUDE = "#!/bin/sh\ncat > /dev/null\necho '{\"done\": true}'\n"


def test_its_hooks_are_verbs() -> None:
    """Each is one, and the briefing is no longer than it says."""
    hooks = [quoted(row[1])[0] for row in rows(section("Hooks", PAGE))]
    assert hooks == ["agentd prime --hook", "agentd hook tool-use", "agentd hook edit"]
    for hook in hooks:
        assert parser().parse_args(hook.split()[1:]).module
    assert f"{MOST_BYTES:,} bytes at most" in section("Hooks", PAGE)


def test_its_commands_are_typed(daemon: DaemonProcess, tmp_path: Path) -> None:
    """A worker's command, and then an agent by hand, do the nodes of a task."""
    for name, program in (("agentd", AGENTD), ("claude", CLAUDE)):
        (tmp_path / name).write_text(program)
        (tmp_path / name).chmod(0o755)
    worker, by_hand = blocks(section("Any command", PAGE), "sh")
    ids: dict[str, str] = {}
    for lines in ([worker], by_hand.splitlines()):
        with daemon.connect() as connection:
            ids["TASK"] = connection.call("RegisterTask", goal="g", initial_nodes=[{}])["task_id"]
        for line in lines:
            out = _typed(daemon, tmp_path, line, ids)
            if "node acquire" in line:
                ids |= dict(re.findall(r'"(node|lease)_id":"([^"]+)"', out))
                ids |= {name.upper(): ids[name] for name in ("node", "lease")}
        with daemon.connect() as connection:
            told = connection.call("TaskStatus", task_id=ids["TASK"], fields=["counts"])
        assert told["counts"] == {"COMPLETED": 1}


def _typed(daemon: DaemonProcess, folder: Path, line: str, ids: dict[str, str]) -> str:
    line = re.sub(r"\b(TASK|NODE|LEASE)\b", lambda word: shlex.quote(ids[word[1]]), line)
    env = environment(daemon.home, {"PYTHONPATH": str(REPOSITORY)})
    return subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=folder,
        env={**env, "PATH": f"{folder}:{env['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    ).stdout
