"""Fields that no method knows.

The rule this file keeps: at the top of the methods of old they are ignored, so that clients and
daemons of different ages get along, but nobody's data is lost in silence: a request that lacks its
payload and has such a field is refused, and a registration is told about those of its nodes.
Everywhere else they are refused, and the message names what may have been meant.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import GenericAlias, MappingProxyType
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, inspect

from agentd.api import CommitEventParams, CompleteNodeParams, FailNodeParams, NodeSpec, Params
from agentd.suggestion import closest_name
from agentd.text import quote

_PAYLOAD_NAMES: Mapping[type[Params], str] = MappingProxyType(
    {
        CommitEventParams: "payload",
        CompleteNodeParams: "result_payload",
        FailNodeParams: "error_payload",
    }
)
"""What the payload of a method is best called."""

_NAMES_IN_PATH = re.compile(r"\.(\w+)")
_NODE_FIELDS = NodeSpec.__struct_fields__

MOST_WARNINGS = 10
"""Unknown fields that have a warning each; the others share one."""

_COMPARED_CHARACTERS = 80
"""Characters of a field's name that are compared with those that are known."""


class _RawRegistration(Struct):
    initial_nodes: list[dict[str, Raw]] | None = None


def _strict_registration() -> type[Struct]:
    """As fast as nodes can be looked at: they have no other fields, and nothing is decoded."""
    fields = [(name, Raw, Raw(b"null")) for name in _NODE_FIELDS]
    node = msgspec.defstruct("_StrictNode", fields, forbid_unknown_fields=True)
    nodes = GenericAlias(list, (node,)) | None
    return msgspec.defstruct("_StrictRegistration", [("initial_nodes", nodes, None)])


_check_nodes = msgspec.json.Decoder(_strict_registration()).decode
_decode_raw = msgspec.json.Decoder(_RawRegistration).decode


def explain_lost_payload(params: Params, written: Raw) -> str | None:
    """Why this request would lose its payload: it has none, but a field that is not known."""
    name = _PAYLOAD_NAMES.get(type(params))
    if name is None or getattr(params, "payload", UNSET) is not UNSET:
        return None
    known = type(params).__struct_fields__
    for field in msgspec.json.decode(written, type=dict[str, Raw]):
        if field not in known:
            return f"there is no field {quote(field)}, and no payload: did you mean `{name}`?"
    return None


def warnings_for_nodes(written: Raw) -> tuple[str, ...]:
    """What a registration, whose params are valid, has in its nodes that is not known."""
    try:
        _check_nodes(written)
    except msgspec.ValidationError:
        return tuple(_describe_unknown(_decode_raw(written).initial_nodes or []))
    return ()


def _describe_unknown(nodes: list[dict[str, Raw]]) -> Iterator[str]:
    found: dict[str, list[int]] = {}
    for number, node in enumerate(nodes):
        for field in node:
            if field not in _NODE_FIELDS:
                found.setdefault(field, []).append(number)
    for field, numbers in [*found.items()][:MOST_WARNINGS]:
        others = f" and of {len(numbers) - 1:,} more" if len(numbers) > 1 else ""
        yield (
            f"the field {quote(field)} of `$.initial_nodes[{numbers[0]}]`{others} is not known "
            f"and was ignored: {_suggestion(field)}"
        )
    if len(found) > MOST_WARNINGS:
        yield f"{len(found) - MOST_WARNINGS:,} more fields of nodes are not known and were ignored"


def _suggestion(field: str) -> str:
    meant = _closest_field(field, _NODE_FIELDS)
    return f"did you mean `{meant}`?" if meant else f"a node has {', '.join(_NODE_FIELDS)}"


def explain_unknown(params: type[Struct], path: str, field: str) -> str:
    """Why params are refused whose object at the path has this field."""
    known = _fields_at(params, path)
    meant = _closest_field(field, known)
    hint = f"did you mean `{meant}`?" if meant else f"there are {', '.join(known)}"
    return f"there is no field {quote(field)} in `{path}`: {hint}"


def _fields_at(params: type[Struct], path: str) -> tuple[str, ...]:
    """The fields of the object that stands at the path, such as `$.nodes[3].retry`."""
    kind: Any = inspect.type_info(params)
    for name in _NAMES_IN_PATH.findall(path):
        field = next(each for each in kind.fields if each.encode_name == name)
        kind = _object_in(field.type)
    return tuple(field.encode_name for field in kind.fields)


def _object_in(kind: Any) -> Any:
    """The one kind of object that is meant, in a list, or where it may be null too."""
    while not hasattr(kind, "fields"):
        if isinstance(kind, inspect.ListType):
            kind = kind.item_type
        elif isinstance(kind, inspect.UnionType):
            kind = next(each for each in kind.types if _holds_object(each))
        else:
            kind = kind.type
    return kind


def _holds_object(kind: Any) -> bool:
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    return isinstance(kind, inspect.StructType | inspect.ListType | inspect.UnionType)


def _closest_field(field: str, known: Sequence[str]) -> str | None:
    return closest_name(field[:_COMPARED_CHARACTERS].lower(), known)
