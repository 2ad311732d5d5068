"""What a node of a plan is called: as in its form, as far as agentd allows that name.

The rule this file keeps: a name that is too long is cut, and ends in what tells it from others that
begin alike; a name that would be taken for an id is in the payload alone. What no name can have is
a fault. Where a form has titles besides, its id is the first word of the name.
"""

import hashlib
import re

from agentd.api.node_settings import LONGEST_NAME
from agentd.api.types import is_id
from agentd.plans.part import Part
from agentd.text import quote

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TELLING = 8
"""Characters of a digest that tell long names from each other."""


def name_of(part: Part, key: str) -> str | None:
    """The name of the node with that key; None where it has to do without."""
    if not key.strip():
        part.fault("a name is empty: each node needs one of its own")
        return None
    if found := _CONTROL.search(key):
        part.fault(f"the name {quote(key)} has a control character in it (U+{ord(found[0]):04X})")
        return None
    return None if is_id(key) else cut(key)


def name_with_title(part: Part, key: str, title: str | None) -> str | None:
    """As `name_of`, with a title behind the key, on one line."""
    name = name_of(part, key)
    words = " ".join(_CONTROL.sub(" ", title or "").split())
    return cut(f"{key} {words}") if words and key.strip() and not _CONTROL.search(key) else name


def cut(name: str) -> str:
    """A name that is not too long."""
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_TELLING]
    return f"{name[: LONGEST_NAME - _TELLING - 2].rstrip()}… {digest}"
