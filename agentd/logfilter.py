"""The logging filter, in the spelling that Rust programs use: `info`, `agentd=debug,other=warn`.

The rule this file keeps: a directive that names agentd wins over one that names nobody, and of two
such the last. Directives for other programs are none of our business: RUST_LOG is shared with them.
"""

import re

from agentd.errors import BadSetting

DEFAULT_FILTER = "agentd=info"

# The numbers are those of the standard library's logging, whose import would cost clients 10 ms.
LEVELS = {"trace": 5, "debug": 10, "info": 20, "warn": 30, "error": 40, "off": 100}

_DIRECTIVE = re.compile(r"(?:(?P<target>[\w:.-]+)\s*=\s*)?(?P<level>\w+)")
_OURS = re.compile(r"agentd(?:[:.]|$)")


def level_of(name: str, value: str) -> int:
    """The level for agentd that the filter asks for. Raises `BadSetting` when it names no level."""
    ours_level: int | None = None
    level = LEVELS["error"]  # what a filter that does not speak of a target leaves on
    for directive in filter(None, (part.strip() for part in value.split(","))):
        found = _DIRECTIVE.fullmatch(directive)
        target = found["target"] if found else None
        ours = target is None or _OURS.match(target)
        if not ours or (name == "RUST_LOG" and not target and directive.lower() not in LEVELS):
            continue
        if found is None or found["level"].lower() not in LEVELS:
            raise BadSetting(
                f"{name}={value!r}: expected a level ({', '.join(LEVELS)}) or agentd=level"
            )
        if target:
            ours_level = LEVELS[found["level"].lower()]
        else:
            level = LEVELS[found["level"].lower()]
    return level if ours_level is None else ours_level
