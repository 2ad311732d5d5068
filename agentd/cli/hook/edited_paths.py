"""Which files a tool is about to change, as the agents' programs say it.

The rule this file keeps: paths are absolute, as they were written and where their links lead. What
a shell's command may change cannot be told, and is not guessed.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from agentd.cli.hook.telling import Telling

_FIELDS = ("file_path", "notebook_path", "path")
_PATCH = "*** Begin Patch"
_IN_PATCH = re.compile(
    r"^\*\*\* (?:(?:Add|Update|Delete) File|Move to): (.+?)[ \t\r]*$", re.MULTILINE
)
"""How Codex's `apply_patch` names files."""

_MOST = 200


def edited_paths(telling: Telling) -> list[str]:
    """The absolute paths, each once."""
    found: dict[str, None] = {}
    for path in _told_paths(telling):
        written = Path(telling.cwd or Path.cwd()) / Path(path).expanduser()
        whole = os.path.abspath(written)  # noqa: PTH100 - keep links
        if "\0" not in whole and len(found) < _MOST:
            found[whole] = None
            found[os.path.realpath(whole)] = None
    return [*found]


def _told_paths(telling: Telling) -> Iterator[str]:
    given = telling.tool_input
    for field in _FIELDS:
        if isinstance(path := given.get(field), str) and path:
            yield path
    for text in given.values():
        if isinstance(text, str) and _PATCH in text[:1_000]:
            yield from _IN_PATCH.findall(text)
