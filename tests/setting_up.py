"""A user's home and a project in it, and `agentd setup` run there."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agentd.cli.setup import run
from agentd.setup.harness import HARNESSES
from agentd.setup.wanted import Wanted
from tests.command_line import Ended, agentd_here

SETTINGS = ".claude/settings.json"

Tree = dict[str, bytes | None]
"""What a folder holds: files by their paths, None for folders."""

CLAUDE = Wanted(
    "/opt/bin/agentd", "/run/agentd.sock", is_typed=True, hooks=HARNESSES["claude"].hooks
)
CODEX = Wanted("/opt/bin/agentd", "/run/agentd.sock", {"AGENTD_HOME": "/srv/agentd"})
SOMEBODYS = {
    "model": "opus",
    "hooks": {
        "SessionStart": [{"matcher": "", "hooks": [{"type": "command", "command": "mine --x"}]}],
        "PreToolUse": [
            {"matcher": "Edit|Write", "hooks": [{"type": "command", "command": "lint"}]},
            {"matcher": "Bash", "hooks": []},
        ],
        "Stop": [],
    },
    "sandbox": {"enabled": True, "network": {"allowUnixSockets": ["/run/docker.sock"]}},
}
"""Somebody's settings of Claude Code, with the same events and nearly the same matcher."""


class Place(NamedTuple):
    """Where it is set up: `home` is agentd's, `program` an agentd that stays."""

    home: Path
    project: Path
    program: Path

    def setup(self, *arguments: str, **extra: str) -> Ended:
        """`agentd setup` in the project, which is the current folder."""
        looking = {"--check", "--undo"} & set(arguments)
        program = () if looking else ("--program", str(self.program))
        return agentd_here(self.home, "setup", *arguments, *program, extra=extra)

    def data(self, *arguments: str) -> Any:
        """What it says to a program: its data, or what went wrong."""
        ended = self.setup(*arguments, "--json")
        assert ended.err == ""
        envelope = json.loads(ended.out)
        return envelope["data"] if envelope["ok"] else envelope["error"]

    def read(self, name: str) -> Any:
        """What a settings file of the project holds."""
        return json.loads((self.project / name).read_text())

    def write(self, name: str, content: Mapping[str, Any] | str | bytes) -> Path:
        """Put a settings file of somebody's into the project."""
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Mapping):
            content = json.dumps(content, indent=4) + "\n"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


def make_place(home: Path, monkeypatch: pytest.MonkeyPatch, project: str = "shop") -> Place:
    """A project in a user's home, an agentd that stays, and no time to wait."""
    folder, program = home.parent / project, home.parent / "bin" / "agentd"
    folder.mkdir()
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(run, "_MOMENT_SECS", 0)
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    return Place(home, folder.resolve(), program)


def tree(folder: Path) -> Tree:
    """All that is below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def commands(settings: Any, event: str) -> list[str]:
    """What runs at an event, in order."""
    return [
        handler["command"]
        for group in settings.get("hooks", {}).get(event, [])
        for handler in group["hooks"]
    ]
