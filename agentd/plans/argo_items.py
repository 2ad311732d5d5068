"""The items for which an Argo task or step is done, once each.

The rule this file keeps: what is written down is spread out, as the value of a parameter too; what
is known only when the workflow runs is a fault.
"""

import re
from collections.abc import Callable, Mapping

import msgspec
from msgspec import Raw

from agentd.plans.builder import MOST_NODES
from agentd.plans.part import Part, null_left_out, plain_value, text_in
from agentd.plans.settings import is_expression

Items = list[tuple[str, Raw]]

_SHOWN = 40
"""Characters of an item in a name."""

_FORMAT = re.compile(r"([^%]*)%(0?)(\d{0,3})([dxX])([^%]*)")
_UNKNOWN = "which items there are is known only when it runs: write them as `withItems`"


def read_items(fields: Mapping[str, Part], known: Callable[[Part], Part]) -> Items | None:
    """The items, each with what tells it from others; None where it is done once.

    Where it is not known how often that is, which is a fault, it is read as done once. `known`
    answers a parameter with its value, where that is known.
    """
    if "withItems" in fields:
        part = fields["withItems"]
        if part.kind == "a text":
            part.fault(f"`withItems`: {_UNKNOWN}")
            return None
        return _number_items([each.raw for each in part.items("a list of items")])
    if "withParam" in fields:
        return _of_param(known(fields["withParam"]))
    return _sequence(fields["withSequence"], known) if "withSequence" in fields else None


def _number_items(items: list[Raw]) -> Items:
    return [(f"{number}:{_label(item)}", item) for number, item in enumerate(items)]


def _label(item: Raw) -> str:
    """An item as Argo shows it: a text as it is, an object by its fields."""
    value = plain_value(item)
    if isinstance(value, dict):
        words = ",".join(f"{name}:{own}" for name, own in value.items())
    else:
        words = str(value) if isinstance(value, str) else bytes(item).decode()
    return words if len(words) <= _SHOWN else f"{words[:_SHOWN]}…"


def _of_param(part: Part) -> Items | None:
    """A list that is written down as JSON in a text."""
    text = part.text() or ""
    try:
        return _number_items(msgspec.json.decode(text, type=list[Raw]))
    except msgspec.MsgspecError:
        part.fault(f"`withParam`: {_UNKNOWN}")
        return None


def _sequence(part: Part, known: Callable[[Part], Part]) -> Items | None:
    """Numbers from `start` to `end`, or `count` of them, as `format` writes them."""
    given = null_left_out(part.fields("an object with `count`, or `start` and `end`"))
    fields = {name: known(each) for name, each in given.items()}
    for name in ("count", "start", "end"):
        if name in fields and is_expression(fields[name]):
            fields[name].fault(f"`{name}`: {_UNKNOWN}")
            return None
    numbers = {
        name: fields[name].whole("a whole number")
        for name in ("count", "start", "end")
        if name in fields
    }
    start = numbers.get("start") or 0
    if "count" in numbers:
        wanted = range(start, start + (numbers["count"] or 0))
    else:
        end = numbers.get("end") or 0
        wanted = range(start, end + 1) if end >= start else range(start, end - 1, -1)
    if len(wanted) > MOST_NODES:
        part.fault(f"`withSequence`: it has more than {MOST_NODES:,} numbers")
        return []
    written = text_in(fields, "format")
    return _number_items(
        [Raw(msgspec.json.encode(_format(part, written, each))) for each in wanted]
    )


def _format(part: Part, written: str | None, value: int) -> str:
    if written is None:
        return str(value)
    found = _FORMAT.fullmatch(written)
    if found is None:
        if not part.place.faults.are_many:
            part.fault(f"`format`: {written!r} is no format for one number, such as %02d")
        return str(value)
    before, zero, width, kind, after = found.groups()
    return f"{before}{value:{zero}{width}{kind}}{after}"
