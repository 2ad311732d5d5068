"""Fields that no method knows.

The rule this file keeps: they are ignored, so that clients and daemons of different ages get along,
but nobody's data is lost in silence: a request that lacks its payload and has such a field is
refused, and a registration is told about its own and those of its nodes.
"""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from types import MappingProxyType

import msgspec
from msgspec import UNSET, Raw, Struct

from agentd.api import (
    CommitEventParams,
    CompleteNodeParams,
    FailNodeParams,
    NodeSpec,
    Params,
    RegisterTaskParams,
)
from agentd.errors import quoted

_PAYLOADS: Mapping[type[Params], str] = MappingProxyType(
    {
        CommitEventParams: "payload",
        CompleteNodeParams: "result_payload",
        FailNodeParams: "error_payload",
    }
)
"""What the payload of a method is best called."""

_KNOWN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "a registration": RegisterTaskParams.__struct_fields__,
        "a node": NodeSpec.__struct_fields__,
    }
)

MOST_WARNINGS = 10
"""Fields of a registration that are told one by one."""

_COMPARED = 80
"""Characters of a field's name that are compared with those that are known."""

_ALIKE = 0.5
"""How much of two names has to be the same, from 0 to 1: `nodes` is 0.56 `initial_nodes`."""


class _Node(Struct, forbid_unknown_fields=True):
    """As fast as a node can be looked at: nothing of it is decoded."""

    id: Raw = Raw(b"null")
    dependencies: Raw = Raw(b"null")
    payload_schema: Raw = Raw(b"null")


class _Registration(Struct, forbid_unknown_fields=True):
    request_id: Raw = Raw(b"null")
    goal: Raw = Raw(b"null")
    context: Raw = Raw(b"null")
    initial_nodes: list[_Node] | None = None


class _Members(Struct):
    initial_nodes: list[dict[str, Raw]] | None = None


_check = msgspec.json.Decoder(_Registration).decode
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_members = msgspec.json.Decoder(_Members).decode


def lost(params: Params, written: Raw) -> str | None:
    """Why this request would lose its payload: it has none, but a field that is not known."""
    name = _PAYLOADS.get(type(params))
    if name is None or getattr(params, "payload", UNSET) is not UNSET:
        return None
    known = type(params).__struct_fields__
    for field in _decode_fields(written):
        if field not in known:
            return f"there is no field {quoted(field)}, and no payload: did you mean `{name}`?"
    return None


def warnings(written: Raw) -> tuple[str, ...]:
    """What a registration, whose params are valid, has in it that is not known."""
    try:
        _check(written)
    except msgspec.ValidationError:
        return tuple(_warnings(written))
    return ()


def _warnings(written: Raw) -> Iterator[str]:
    found: dict[tuple[str, str], list[str]] = {}
    for what, place, fields in _parts(written):
        for field in fields:
            if field not in _KNOWN[what]:
                found.setdefault((what, field), []).append(place)
    for (what, field), places in [*found.items()][:MOST_WARNINGS]:
        others = f" and of {len(places) - 1:,} more" if len(places) > 1 else ""
        yield (
            f"the field {quoted(field)} of `{places[0]}`{others} is not known "
            f"and was ignored: {_meant(what, field)}"
        )
    if len(found) > MOST_WARNINGS:
        yield f"{len(found) - MOST_WARNINGS:,} more fields are not known and were ignored"


def _parts(written: Raw) -> Iterator[tuple[str, str, Iterable[str]]]:
    """What has fields in a registration, where it stands in it, and its fields."""
    yield "a registration", "$", _decode_fields(written)
    for number, node in enumerate(_decode_members(written).initial_nodes or []):
        yield "a node", f"$.initial_nodes[{number}]", node


def _meant(what: str, field: str) -> str:
    near = get_close_matches(field[:_COMPARED].lower(), _KNOWN[what], 1, _ALIKE)
    return f"did you mean `{near[0]}`?" if near else f"{what} has {', '.join(_KNOWN[what])}"
