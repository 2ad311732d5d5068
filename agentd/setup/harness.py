"""The harnesses: which files of theirs hold what.

The rule this file keeps: the files are a literal table. A harness that is moved by a variable of
its own is followed there.
"""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from agentd.setup.wanted import Hook, hooks_for


class Scope(StrEnum):
    """For whom it is set up: who works in a folder, or this user everywhere."""

    PROJECT = "project"
    USER = "user"


class Part(StrEnum):
    """What a file may hold of ours."""

    SERVER = "server"
    HOOKS = "hooks"
    SOCKET = "socket"
    SKILL = "skill"


class SettingsFile(NamedTuple):
    """A file of a harness, below the folder or, with `~`, below the user's home."""

    path: str
    parts: tuple[Part, ...]


class Harness(NamedTuple):
    """A program that runs agents."""

    title: str
    project: tuple[SettingsFile, ...]
    user: tuple[SettingsFile, ...]
    hooks: tuple[Hook, ...] = ()
    is_typed: bool = False
    confirm: str = ""
    """What a person still has to do, once."""

    trust: str = ""
    """What besides for a project."""


_SKILL = "skills/agentd/SKILL.md"

HARNESSES: Mapping[str, Harness] = MappingProxyType(
    {
        "claude": Harness(
            "Claude Code",
            (
                SettingsFile(".mcp.json", (Part.SERVER,)),
                SettingsFile(".claude/settings.json", (Part.HOOKS, Part.SOCKET)),
                SettingsFile(f".claude/{_SKILL}", (Part.SKILL,)),
            ),
            (
                SettingsFile("~/.claude.json", (Part.SERVER,)),
                SettingsFile("~/.claude/settings.json", (Part.HOOKS, Part.SOCKET)),
                SettingsFile(f"~/.claude/{_SKILL}", (Part.SKILL,)),
            ),
            hooks_for("Edit|Write|MultiEdit|NotebookEdit"),
            is_typed=True,
            confirm="start Claude Code anew",
            trust="it asks whether to trust the project's MCP server",
        ),
        "codex": Harness(
            "Codex",
            (
                SettingsFile(".codex/config.toml", (Part.SERVER, Part.SOCKET)),
                SettingsFile(".codex/hooks.json", (Part.HOOKS,)),
                SettingsFile(f".agents/{_SKILL}", (Part.SKILL,)),
            ),
            (
                SettingsFile("~/.codex/config.toml", (Part.SERVER, Part.SOCKET)),
                SettingsFile("~/.codex/hooks.json", (Part.HOOKS,)),
                SettingsFile(f"~/.agents/{_SKILL}", (Part.SKILL,)),
            ),
            hooks_for("apply_patch"),
            confirm="start Codex anew, and type /hooks to trust the hooks: else it skips them",
            trust="before that, it asks whether to trust the project",
        ),
        "cursor": Harness(
            "Cursor",
            (SettingsFile(".cursor/mcp.json", (Part.SERVER,)),),
            (SettingsFile("~/.cursor/mcp.json", (Part.SERVER,)),),
            is_typed=True,
            confirm="start Cursor anew, and switch the server on under MCP in its settings",
        ),
        "gemini": Harness(
            "Gemini CLI",
            (SettingsFile(".gemini/settings.json", (Part.SERVER,)),),
            (SettingsFile("~/.gemini/settings.json", (Part.SERVER,)),),
            confirm="start Gemini CLI anew; /mcp shows the server",
        ),
    }
)

_MOVED = {
    "CLAUDE_CONFIG_DIR": {"~/.claude.json": ".claude.json", "~/.claude/": ""},
    "CODEX_HOME": {"~/.codex/": ""},
}
"""The variables that move a harness' files, and what of them moves where."""

MOVING = tuple(_MOVED)


def settings_files(
    name: str, scope: Scope, folder: Path, environment: Mapping[str, str]
) -> list[tuple[Path, SettingsFile]]:
    """The files of a harness, each with its whole path."""
    harness = HARNESSES[name]
    files = harness.project if scope is Scope.PROJECT else harness.user
    return [(_place(file.path, folder, environment), file) for file in files]


def _place(path: str, folder: Path, environment: Mapping[str, str]) -> Path:
    if not path.startswith("~"):
        return folder / path
    for variable, moved in _MOVED.items():
        for start, instead in moved.items():
            if path.startswith(start) and environment.get(variable):
                return Path(environment[variable]).absolute() / path.replace(start, instead, 1)
    return Path(environment.get("HOME") or Path.home()) / path.removeprefix("~/")
