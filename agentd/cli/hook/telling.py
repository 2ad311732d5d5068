"""What an agent's program tells its hook: JSON on standard input.

The rule this file keeps: it is taken as far as it goes. What is missing, is of another type, never
ends or is no JSON at all is as if nothing had been told.
"""

import json
import os
import select
import sys
import time
from typing import Any, NamedTuple

from agentd.cli.hook import patience

_PIECE = 1 << 20
_MOST_BYTES = 1 << 26


class Telling(NamedTuple):
    """As Claude Code and Codex tell it; empty where they do not."""

    session_id: str = ""
    cwd: str = ""
    transcript_path: str = ""
    tool_name: str = ""
    tool_input: dict[str, Any] = {}  # noqa: RUF012 - never changed


def read_telling() -> Telling:
    """What stands on standard input."""
    try:
        told = json.loads(_read_input())
    except (ValueError, RecursionError):
        return Telling()
    if not isinstance(told, dict):
        return Telling()
    texts = {name: _text(told.get(name)) for name in Telling._fields[:-1]}
    given = told.get("tool_input")
    return Telling(**texts, tool_input=given if isinstance(given, dict) else {})


def _text(given: object) -> str:
    """What can be a text of a file's, or of the protocol's."""
    try:
        os.fsencode(str(given))
    except UnicodeEncodeError:
        return ""
    return given if isinstance(given, str) else ""


def _read_input() -> bytes:
    """All of it, or what comes until the time is over; nothing from a person's terminal."""
    if sys.stdin is None or sys.stdin.isatty():
        return b""
    source, found = sys.stdin.fileno(), bytearray()
    deadline = time.monotonic() + patience.INPUT
    while len(found) < _MOST_BYTES:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([source], [], [], left)[0]:
            break
        if not (piece := os.read(source, _PIECE)):
            break
        found += piece
    return bytes(found)
