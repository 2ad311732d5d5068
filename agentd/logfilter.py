"""The logging filter, in the spelling that Rust programs use: `info`, `agentd=debug,other=warn`.

The rule this file keeps: a directive that names agentd wins over one that names nobody, and of two
such the last. Directives for other programs are none of our business: RUST_LOG is shared with them.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from agentd.errors import BadSetting

DEFAULT_FILTER = "agentd=info"

# The numbers are those of the standard library's logging, whose import would cost clients 10 ms.
LEVELS = {"trace": 5, "debug": 10, "info": 20, "warn": 30, "error": 40, "off": 100}

_DIRECTIVE = re.compile(r"(?:(?P<target>[\w:.-]+)\s*=\s*)?(?P<level>[\w:.-]+)")
_OURS = re.compile(r"agentd(?:[:.]|$)")


class Shared(NamedTuple):
    """What a filter that is shared with other programs says of agentd.

    `left_out` are those of its directives that cannot be read.
    """

    level: int
    left_out: tuple[str, ...] = ()


def level_of(name: str, value: str) -> int:
    """The level for agentd that the filter asks for. Raises `BadSetting` when it names no level."""
    ours: int | None = None
    everybodys = LEVELS["error"]  # what a filter that does not speak of a target leaves on
    for directive in _directives(value):
        found = _DIRECTIVE.fullmatch(directive)
        target = found["target"] if found else None
        if target and not _OURS.match(target):
            continue
        if found is None or found["level"].lower() not in LEVELS:
            raise BadSetting(
                f"{name}={value!r}: expected a level ({', '.join(LEVELS)}) or agentd=level"
            )
        if target:
            ours = LEVELS[found["level"].lower()]
        else:
            everybodys = LEVELS[found["level"].lower()]
    return everybodys if ours is None else ours


def shared_level(value: str) -> Shared:
    """The level for agentd that RUST_LOG asks for: the default where it says nothing of agentd."""
    ours = everybodys = None
    left_out = []
    for directive in _directives(value):
        found = _DIRECTIVE.fullmatch(directive)
        target, word = (found["target"], found["level"]) if found else (None, None)
        if word is not None and target is None and word.lower() not in LEVELS:
            target, word = word, "trace"  # a program by itself: all that it says
        if target and not _OURS.match(target):
            continue
        if word is None or word.lower() not in LEVELS:
            left_out.append(directive)
        elif target:
            ours = LEVELS[word.lower()]
        else:
            everybodys = LEVELS[word.lower()]
    asked = everybodys if ours is None else ours
    level = level_of("AGENTD_LOG", DEFAULT_FILTER) if asked is None else asked
    return Shared(level, tuple(left_out))


def _directives(value: str) -> Iterable[str]:
    return filter(None, (part.strip() for part in value.split(",")))
