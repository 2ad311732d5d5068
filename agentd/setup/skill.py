"""The skill: what an agent has to know to use agentd.

The rule this file keeps: it is the one that came with this agentd, installed or in a source tree.
"""

from pathlib import Path

from agentd.errors import Failure

_PACKAGE = Path(__file__).parents[1]
_SKILL = "skills/agentd/SKILL.md"


def skill_text() -> bytes:
    """The skill: in the package where it is installed, beside it in a source tree."""
    for root in (_PACKAGE, _PACKAGE.parent):
        if (root / _SKILL).is_file():
            return (root / _SKILL).read_bytes()
    raise Failure(f"{_PACKAGE / _SKILL} is missing: install agentd again")
