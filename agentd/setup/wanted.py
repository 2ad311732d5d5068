"""What an agent's settings are to hold: the MCP server, the hooks, the socket.

The rule this file keeps: command lines are constant, so that a person who has trusted one is asked
once; and what is ours is known by its command line alone. No secret is among them.
"""

import shlex
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from msgspec import Struct

from agentd.setup.json_text import Place
from agentd.text import printable

NAME = "agentd"
"""What the server is called in the settings of every harness."""

SERVER_ARGUMENTS = ("mcp",)

AUTOSTART = "AGENTD_AUTOSTART"
"""Of the server's environment, what says that it starts the daemon; the rest says where it is."""

_HOOK_SECS = 10
"""Seconds after which a harness goes on without a hook; a hook takes no more than two."""


class Hook(Struct, frozen=True):
    """When a harness runs which verb of agentd."""

    event: str
    matcher: str
    arguments: tuple[str, ...]


class Wanted(Struct, frozen=True):
    """What is to be in place: `program` and `socket` are absolute paths.

    `environment` is what the server is given, `at_first` what it is given only where it is new.
    """

    program: str
    socket: str
    environment: Mapping[str, str] = {}
    at_first: Mapping[str, str] = {}
    is_typed: bool = False
    hooks: tuple[Hook, ...] = ()

    def server(self) -> dict[str, Any]:
        """The entry of the MCP server."""
        entry: dict[str, Any] = {"type": "stdio"} if self.is_typed else {}
        entry |= {"command": self.program, "args": list(SERVER_ARGUMENTS)}
        variables = {**self.environment, **self.at_first}
        return entry | ({"env": variables} if variables else {})

    def differing(self, entry: Mapping[str, Any]) -> dict[Place, str]:
        """What an entry of ours has to say instead: its program, and where the daemon is.

        Other variables are as a person left them.
        """
        found: dict[Place, str] = {("command",): self.program}
        found |= {("env", name): value for name, value in self.environment.items()}
        return {place: value for place, value in found.items() if _at(entry, place) != value}

    def group(self, hook: Hook) -> dict[str, Any]:
        """A matcher of our own, with our handler."""
        handler = {"type": "command", "command": self.command(hook), "timeout": _HOOK_SECS}
        return {"matcher": hook.matcher, "hooks": [handler]}

    def command(self, hook: Hook) -> str:
        """The command line of a hook, for a shell."""
        return shlex.join((self.program, *hook.arguments))


def hooks_for(edits: str) -> tuple[Hook, ...]:
    """The hooks, for a harness whose tools that edit files are called so."""
    return (
        Hook("SessionStart", "", ("prime", "--hook")),
        Hook("PostToolUse", "", ("hook", "tool-use")),
        Hook("PreToolUse", edits, ("hook", "edit")),
    )


def _at(entry: Any, place: Place) -> Any:
    for key in place:
        entry = entry.get(key) if isinstance(entry, Mapping) else None
    return entry


def as_it_was(entry: Mapping[str, Any], differing: Iterable[Place]) -> str:
    """What an entry said before it was changed, for a person."""
    told = {place: _at(entry, place) for place in differing}
    return ", ".join(
        it_ran(value) if place == ("command",) else f"its {place[-1]} was {_said(value)}"
        for place, value in told.items()
    )


def it_ran(command: str) -> str:
    """What an entry ran before it was changed."""
    return f"it ran {printable(command)}"


def _said(value: Any) -> str:
    return "not set" if value is None else printable(value)


def is_agentd(program: Any) -> bool:
    """Whether a command is an agentd, this one or another: by its name."""
    return isinstance(program, str) and PurePath(program).name.startswith(NAME)


def is_our_server(entry: Any) -> bool:
    """Whether an MCP server is `agentd mcp`, with whatever options behind it."""
    if not isinstance(entry, Mapping):
        return False
    arguments = entry.get("args")
    first = tuple(arguments[:1]) if isinstance(arguments, list) else ()
    return is_agentd(entry.get("command")) and first == SERVER_ARGUMENTS


def is_our_handler(handler: Any, hook: Hook) -> bool:
    """Whether a handler runs that verb of an agentd."""
    if not isinstance(handler, Mapping):
        return False
    command = handler.get("command")
    try:
        words = shlex.split(command) if isinstance(command, str) else []
    except ValueError:  # a quote that is not closed
        return False
    return bool(words) and is_agentd(words[0]) and tuple(words[1:]) == hook.arguments
