"""Fields that no method knows.

The rule this file keeps: the first twelve methods ignore them, so that clients and daemons of
different ages get along, but nobody's data is lost in silence: a request that lacks its payload and
has such a field is refused, and a registration is told about those of its nodes. All other methods
refuse them.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from types import MappingProxyType

import msgspec
from msgspec import UNSET, Raw, Struct

from agentd.api import CommitEventParams, CompleteNodeParams, FailNodeParams, NodeSpec, Params
from agentd.text import quote

_PAYLOAD_NAMES: Mapping[type[Params], str] = MappingProxyType(
    {
        CommitEventParams: "payload",
        CompleteNodeParams: "result_payload",
        FailNodeParams: "error_payload",
    }
)
"""What the payload of a method is best called."""

_NODE_FIELDS = NodeSpec.__struct_fields__

MOST_WARNINGS = 10
"""Unknown fields that have a warning each; the others share one."""

_COMPARED_CHARACTERS = 80
"""Characters of a field's name that are compared with those that are known."""


class _StrictNode(Struct, forbid_unknown_fields=True):
    """As fast as a node can be looked at: nothing of it is decoded."""

    id: Raw = Raw(b"null")
    dependencies: Raw = Raw(b"null")
    payload_schema: Raw = Raw(b"null")


class _StrictRegistration(Struct):
    initial_nodes: list[_StrictNode] | None = None


class _RawRegistration(Struct):
    initial_nodes: list[dict[str, Raw]] | None = None


_check_nodes = msgspec.json.Decoder(_StrictRegistration).decode
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


def explain_refused(field: str, kind: type[Params]) -> str:
    """What is wrong with a field that the method's params do not have."""
    known = [name for name in kind.__struct_fields__ if name != "request_id"]
    near = get_close_matches(field[:_COMPARED_CHARACTERS].lower(), known, 1)
    meant = f"did you mean `{near[0]}`?" if near else f"the fields are {', '.join(known)}"
    return f"there is no field {quote(field)}: {meant}"


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
    near = get_close_matches(field[:_COMPARED_CHARACTERS].lower(), _NODE_FIELDS, 1)
    return f"did you mean `{near[0]}`?" if near else f"a node has {', '.join(_NODE_FIELDS)}"
