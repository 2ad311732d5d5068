"""What a parameter of Argo is, where the file says it.

The rule this file keeps: a text that is one reference to a parameter of the workflow, or of the
template it stands in, is its value; any other expression stays as it is.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw

from agentd.plans.part import Part, plain_value

_REFERENCE = re.compile(r"\s*\{\{\s*(workflow|inputs)\.parameters\.([\w-]+)\s*\}\}\s*")
_VALUES = ("value", "default")

Scope = Mapping[str, Raw]
"""What a template was called with: its `inputs`, and the `arguments` of who called it."""

Values = Mapping[str, str]
"""Parameters that have a value, by their names."""


def with_known_value(part: Part, within: Sequence[Scope], arguments: Values) -> Part:
    """The value of the parameter that a text refers to; the part itself where that is not known.

    `within` are the templates around it, the outermost first, `arguments` those of the workflow.
    """
    text = plain_value(part.raw)
    found = _value_of(text, within, arguments) if isinstance(text, str) else None
    return part if found is None else Part(part.place, Raw(msgspec.json.encode(found)))


def values_in(parameters: Raw | None) -> Values:
    """The values in {parameters: [{name, value}]}; of two of one name the first."""
    whole = None if parameters is None else plain_value(parameters)
    listed = whole.get("parameters") if isinstance(whole, dict) else None
    found: dict[str, str] = {}
    for each in listed if isinstance(listed, list) else ():
        name = each.get("name") if isinstance(each, dict) else None
        if not isinstance(name, str):
            continue
        value = next((each[key] for key in _VALUES if each.get(key) is not None), None)
        if value is not None:
            written = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            found.setdefault(name, written)
    return found


def _value_of(text: str, within: Sequence[Scope], arguments: Values) -> str | None:
    reference = _REFERENCE.fullmatch(text)
    if reference is None:
        return None
    of, name = reference.groups()
    if of == "workflow":
        return arguments.get(name)
    if not within:
        return None
    given = values_in(within[-1].get("arguments")).get(name)
    if given is None:
        return values_in(within[-1].get("inputs")).get(name)
    if "{{" in given:
        return _value_of(given, within[:-1], arguments)
    return given
