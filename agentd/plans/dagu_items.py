"""What a step of Dagu is done for, once each: `parallel`.

The rule this file keeps: items that are written there are taken, as a list or in one text; items in
a variable are a fault, for nobody knows which nodes there are.
"""

import re
from collections.abc import Mapping

import msgspec
from msgspec import Raw

from agentd.plans.builder import Builder
from agentd.plans.dagu_names import snake
from agentd.plans.instead import LIMIT
from agentd.plans.part import Part
from agentd.plans.settings import is_expression

_ITEM = re.compile(r'"([^"]*)"|([^\s,;|"]+)')


def items_of(builder: Builder, fields: Mapping[str, Part]) -> list[Part] | None:
    """The items of a step; None where it is done once, or it is a fault how often it is."""
    part = fields.get("parallel")
    if part is None:
        return None
    if part.kind == "an object":
        own = snake(part.fields())
        for name in ("max_concurrent", "max_concurrency"):
            if name in own:
                builder.note(own[name], LIMIT)
        if "items" not in own:
            part.fault("`items` is missing")
            return None
        part = own["items"]
    if part.kind != "a text":
        return part.items("a list of items")
    if is_expression(part) or "$" in (part.text() or ""):
        told = "`parallel`: its items are known only when it runs: write them as a list"
        part.fault(told)
        return None
    return _in_one_text(part)


def _in_one_text(part: Part) -> list[Part] | None:
    """A list in JSON, or words between blanks, commas and the like; None where there are none."""
    text = (part.text() or "").strip()
    try:
        written = msgspec.json.decode(text, type=list[Raw])
    except msgspec.MsgspecError:
        words = (found[1] if found[2] is None else found[2] for found in _ITEM.finditer(text))
        written = [Raw(msgspec.json.encode(word)) for word in words]
    if not written:
        part.fault("`parallel`: there are no items in it")
        return None
    return [Part(part.place, item) for item in written]
