"""The logging filter, in the spelling that Rust programs use: `info`, `agentd=debug,other=warn`.

The rule this file keeps: a directive that names agentd wins over one that names nobody, and of two
such the last; where there is neither, the default holds. Directives for other programs are none of
our business: RUST_LOG is shared with them.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from agentd.errors import BadSetting

# The numbers are those of the standard library's logging, whose import would cost clients 10 ms.
LEVELS = {"trace": 5, "debug": 10, "info": 20, "warn": 30, "error": 40, "off": 100}
DEFAULT_LEVEL = LEVELS["info"]

_DIRECTIVE = re.compile(r"(?:(?P<target>[\w:.-]+)\s*=\s*)?(?P<level>\w+)")
_PROGRAM = re.compile(r"[\w:.-]+")
_OURS = re.compile(r"agentd(?:[:.]|$)")


class Filter(NamedTuple):
    """What a filter says of agentd, and those of its directives that cannot be read."""

    level: int
    unreadable: tuple[str, ...] = ()


def parse_filter(name: str, value: str) -> int:
    """The level for agentd that a filter of its own asks for. Raises `BadSetting`."""
    found = _parse_directives(_split(value))
    if found.unreadable:
        raise BadSetting(
            f"{name}={value!r}: expected a level ({', '.join(LEVELS)}) or agentd=level"
        )
    return found.level


def parse_shared_filter(value: str) -> Filter:
    """What a filter that other programs read as well asks of agentd."""
    return _parse_directives(
        # A program by itself asks for all that it says.
        f"{each}=trace" if each.lower() not in LEVELS and _PROGRAM.fullmatch(each) else each
        for each in _split(value)
    )


def _parse_directives(directives: Iterable[str]) -> Filter:
    """The default level holds where no directive is about agentd or everybody."""
    ours = everybodys = None
    unreadable = []
    for directive in directives:
        found = _DIRECTIVE.fullmatch(directive)
        target = found["target"] if found else None
        if target and not _OURS.match(target):
            continue
        if found is None or found["level"].lower() not in LEVELS:
            unreadable.append(directive)
        elif target:
            ours = LEVELS[found["level"].lower()]
        else:
            everybodys = LEVELS[found["level"].lower()]
    level = next((each for each in (ours, everybodys) if each is not None), DEFAULT_LEVEL)
    return Filter(level, tuple(unreadable))


def _split(value: str) -> Iterable[str]:
    return filter(None, (part.strip() for part in value.split(",")))
