"""Workers that run beside the daemon: `claude=2:agentd work --all -- claude -p "..."`.

The rule this file keeps: a command is words, as a shell parts them, and no shell runs it. What a
shell would do with them (variables, pipes, a folder) is for `sh -c`.
"""

import re
import shlex
from collections.abc import Iterable
from typing import NamedTuple

from agentd.errors import BadSetting
from agentd.text import quote

MOST_INSTANCES = 64

_FORM = 'claude=2:agentd work --all -- claude -p "..."'
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_PARTS = re.compile(r"([^=:]*)(?:=([^:]*))?:(.*)", re.DOTALL)


class Workers(NamedTuple):
    """So many processes of one command; `told` is how it was written."""

    name: str
    instances: int
    words: tuple[str, ...]
    told: str


def parse_workers(told: str) -> Workers:
    """What `--workers` says: NAME=N:COMMAND, or NAME:COMMAND for one. Raises `BadSetting`."""
    told = told.strip()
    parts = _PARTS.fullmatch(told)
    if parts is None:
        raise BadSetting(f"--workers {quote(told)}: expected NAME=N:COMMAND, such as {_FORM}")
    name, count, command = parts[1], parts[2] or "1", parts[3]
    if not _NAME.fullmatch(name):
        raise BadSetting(
            f"--workers {quote(told)}: the name is {quote(name)}, and may have up to 32 of "
            "a-z, 0-9, - and _, a letter or a digit first"
        )
    is_number = count.isascii() and count.isdigit() and len(count) <= len(str(MOST_INSTANCES))
    if not is_number or not 1 <= int(count) <= MOST_INSTANCES:
        raise BadSetting(
            f"--workers {quote(told)}: {quote(count)} is no number from 1 to {MOST_INSTANCES}"
        )
    return Workers(name, int(count), _words(command, told), told)


def parse_all(told: Iterable[str]) -> tuple[Workers, ...]:
    """The workers of every `--workers`, by name. Raises `BadSetting`."""
    found = [parse_workers(each) for each in told]
    names = [each.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise BadSetting(f"--workers {name}: is given twice; give each a name of its own")
    return tuple(sorted(found))


def _words(command: str, told: str) -> tuple[str, ...]:
    if any(ord(each) < ord(" ") or each == "\x7f" for each in command):
        raise BadSetting(f"--workers {quote(told)}: has a control character, such as a new line")
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise BadSetting(f"--workers {quote(told)}: {str(error).lower()}") from error
    if not words or not words[0]:
        raise BadSetting(f"--workers {quote(told)}: no command, such as in {_FORM}")
    return words
