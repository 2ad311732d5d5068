"""Whether an entry of `exclude` or `include` means a combination of a matrix.

The rule this file keeps: as GitHub compares. Each value within the entry, however deep, is compared
with what stands at the same place; texts are alike whatever their case, and a text is like a number
if it says that number.
"""

import math
from collections.abc import Mapping

import msgspec

from agentd.plans.part import Part

_DECODER = msgspec.json.Decoder(float_hook=float)


def comparable(part: Part) -> object:
    """A value of a matrix, for comparing it."""
    return _DECODER.decode(part.raw)


def fits(values: Mapping[str, object], entry: Mapping[str, object]) -> bool:
    """Whether all that an entry names is so in these values."""
    return all(name in values and _holds(values[name], wanted) for name, wanted in entry.items())


def _holds(there: object, wanted: object) -> bool:
    if isinstance(wanted, dict):
        within = there if isinstance(there, dict) else {}
        return all(_holds(within.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list):
        listed = dict(enumerate(there)) if isinstance(there, list) else {}
        return all(_holds(listed.get(at), value) for at, value in enumerate(wanted))
    return is_alike(there, wanted)


def is_alike(one: object, other: object) -> bool:
    """Whether two values are the same to GitHub; lists and objects are like nothing."""
    if isinstance(one, str) and isinstance(other, str):
        return one.casefold() == other.casefold()
    return _number(one) == _number(other)


def _number(value: object) -> float:
    try:
        match value:
            case str():
                return float(value.strip() or 0)
            case None | bool() | int() | float():
                return float(value or 0)
    except (ValueError, OverflowError):
        pass
    return math.nan
