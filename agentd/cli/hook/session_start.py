"""The hook for a session's start: the briefing, and the name for the agent's own shell.

The rule this file keeps: the name is given before the daemon is asked for anything, so that an
agent is called the same whether the daemon was there when it began or not.
"""

import contextlib
import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path

from agentd.cli.hook import patience
from agentd.cli.hook.bounded import bounded
from agentd.cli.hook.session import Session
from agentd.cli.hook.telling import read_telling
from agentd.cli.owner import OWNER, named_owner


def run_hook(briefing: Callable[[str | None, Path], str | None]) -> int:
    """Print what the hook answers, where there is something to say."""
    with bounded(patience.START):
        session = Session.of(read_telling())
        is_named = named_owner() is not None
        if not is_named:
            with contextlib.suppress(OSError):
                is_named = _name_in_shell(session.owner)
        session.keep()
        session.forget_others()
        text = briefing(session.owner, session.folder)
        if text is not None:
            text += "" if is_named else _how_to_be_named(session.owner)
            told = {"hookEventName": "SessionStart", "additionalContext": text}
            print(json.dumps({"hookSpecificOutput": told}), flush=True)
    return 0


def _name_in_shell(owner: str) -> bool:
    """Add the name to what Claude Code's shell reads before each command, unless it is there.

    Returns whether it is there now: other programs have no such file.
    """
    place = os.environ.get("CLAUDE_ENV_FILE")
    if not place:
        return False
    path, line = Path(place), f"export {_setting(owner)}\n"
    before = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    if path.exists() and not path.is_file():
        return False  # a pipe or a device: writing there may never end
    if f"\n{line}" not in f"\n{before}":
        with path.open("a", encoding="utf-8") as file:
            file.write(line if before.endswith("\n") or not before else f"\n{line}")
    return True


def _how_to_be_named(owner: str) -> str:
    return f"\nYou are {owner}: in a shell begin agentd's commands with {_setting(owner)}"


def _setting(owner: str) -> str:
    return f"{OWNER}={shlex.quote(owner)}"
