"""The nodes of a task, as a program writes them down.

The rule this file keeps: a field that agentd does not know is never dropped in silence, for the
work that a node stands for may be in it. All faults of all nodes are told at once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.structs import replace

from agentd.api import (
    AddedNodeSpec,
    GateSpec,
    ImportedEventSpec,
    ImportedNodeSpec,
    LeaseRef,
    NodeDefaults,
    NodeSpec,
    NoteSpec,
    RateSpec,
    RetrySpec,
)
from agentd.client.values import encode_optional
from agentd.errors import InvalidParams
from agentd.text import quote

Kind = TypeVar("Kind", GateSpec, LeaseRef, NodeDefaults, RateSpec, RetrySpec)
T = TypeVar("T")

Spec = TypeVar("Spec", NodeSpec, AddedNodeSpec, ImportedNodeSpec)
Note = TypeVar("Note", NoteSpec, ImportedEventSpec)

_ALIKE = 0.6
"""How much of two names has to be the same, from 0 to 1: `depends_on` is 0.64 `dependencies`."""

_LESS_ALIKE = 0.5
"""Is enough for the fields that have many names elsewhere: `deps` is 0.5 `dependencies`."""

_OFTEN_MEANT = ("id", "dependencies", "payload_schema")

_MOST_FAULTS = 10
"""Faults that an error names."""


def node_specs(given_nodes: Iterable[NodeSpec | Mapping[str, Any]]) -> list[NodeSpec]:
    """The nodes of a new task; the caller's own are left as they are.

    Raises `TypeError` for fields that no node has, or what `encode` raises of a payload.
    """
    return _specs(given_nodes, NodeSpec, "initial_nodes")


def added_node_specs(given_nodes: Iterable[NodeSpec | Mapping[str, Any]]) -> list[AddedNodeSpec]:
    """The same of nodes that are added to a task: they may have a `before`."""
    return _specs(given_nodes, AddedNodeSpec, "nodes")


def imported_node_specs(
    given_nodes: Iterable[NodeSpec | Mapping[str, Any]],
) -> list[ImportedNodeSpec]:
    """The same of nodes that are imported: they may have ended."""
    return _specs(given_nodes, ImportedNodeSpec, "nodes")


def notes_of(given: Iterable[Note | Mapping[str, Any]], kind: type[Note]) -> list[Note]:
    """What was noted elsewhere; the caller's own are left as they are.

    Raises `TypeError` for fields that none has, or what `encode` raises of a payload.
    """
    return [_note(each, kind, f"$.events[{at}]") for at, each in enumerate(given)]


def _note(given: Note | Mapping[str, Any], kind: type[Note], place: str) -> Note:
    said = dict(_fields_of(given))
    ids = {name: str(said[name]) for name in ("node_id", "id") if said.get(name) is not None}
    note = kind(**{**said, **ids})
    return replace(note, payload=encode_optional(note.payload, f"{place}.payload"))


def _specs(
    given_nodes: Iterable[NodeSpec | Mapping[str, Any]], kind: type[Spec], field: str
) -> list[Spec]:
    nodes = list(given_nodes)  # looked through twice: an iterator would be at its end
    if faults := list(_faults(nodes, kind, field)):
        more = f"; and {len(faults) - _MOST_FAULTS} more" if len(faults) > _MOST_FAULTS else ""
        fields = ", ".join(kind.__struct_fields__)
        raise TypeError(
            f"{'; '.join(faults[:_MOST_FAULTS])}{more}. The fields of a node are {fields}"
        )
    return [_node_spec(node, kind, f"$.{field}[{at}]") for at, node in enumerate(nodes)]


def _faults(
    nodes: Sequence[NodeSpec | Mapping[str, Any]], kind: type[NodeSpec], field: str
) -> Iterator[str]:
    fields = kind.__struct_fields__
    for number, node in enumerate(nodes):
        if isinstance(node, NodeSpec):
            if unknown := [name for name in _fields_of(node) if name not in fields]:
                yield f"{field}[{number}] has no field {', '.join(map(repr, unknown))} there"
            continue
        if not isinstance(node, Mapping):
            yield f"{field}[{number}] is no NodeSpec and no mapping: {type(node).__name__}"
            continue
        for name in node:
            if name not in fields:
                yield f"{field}[{number}] has no field {name!r} ({_advice(str(name), fields)})"


def _advice(name: str, fields: Sequence[str]) -> str:
    alike = get_close_matches(name.lower(), fields, n=1, cutoff=_ALIKE)
    alike = alike or get_close_matches(name.lower(), _OFTEN_MEANT, n=1, cutoff=_LESS_ALIKE)
    return f"did you mean {alike[0]}?" if alike else "put it into payload_schema"


def _node_spec(node: NodeSpec | Mapping[str, Any], kind: type[Spec], place: str) -> Spec:
    spec = node if type(node) is kind else kind(**_fields_of(node))
    if isinstance(spec, AddedNodeSpec):
        spec = replace(spec, before=[str(each) for each in spec.before or ()])
    if isinstance(spec, ImportedNodeSpec):
        result = encode_optional(spec.result_payload, f"{place}.result_payload")
        spec = replace(spec, result_payload=result)
    return replace(
        spec,
        id=None if spec.id is None else str(spec.id),
        dependencies=[str(dependency) for dependency in spec.dependencies or ()],
        payload_schema=encode_optional(spec.payload_schema, f"{place}.payload_schema"),
        retry=as_struct(spec.retry, RetrySpec, f"{place}.retry"),
        gate=as_struct(spec.gate, GateSpec, f"{place}.gate"),
    )


def _fields_of(node: Struct | Mapping[str, Any]) -> Mapping[str, Any]:
    """What it says: a Struct of another kind may have fields that are not set."""
    if isinstance(node, Mapping):
        return node
    return {
        field.name: value
        for field in msgspec.structs.fields(node)
        if (value := getattr(node, field.name)) != _default_of(field)
    }


def _default_of(field: msgspec.structs.FieldInfo) -> Any:
    factory = field.default_factory
    return field.default if factory is NODEFAULT else factory()


def node_defaults_of(given: NodeDefaults | Mapping[str, Any] | None) -> NodeDefaults | None:
    """What the nodes have that say nothing. Raises `InvalidParams` for what is no such thing."""
    return as_struct(given, NodeDefaults, "$.node_defaults")


def as_struct(
    given: object, kind: type[Kind], place: str, method: str = "RegisterTask"
) -> Kind | None:
    """A mapping as the kind of Struct that it stands for. Raises `InvalidParams` for no such."""
    if given is None or isinstance(given, kind):
        return given
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise InvalidParams(f"{method}: `{place}`: {error}") from error


def as_texts(given: Iterable[T], place: str, method: str) -> list[T]:
    """A list of these texts. Raises `InvalidParams` for one text, which is a list of letters."""
    if isinstance(given, str):
        raise InvalidParams(f"{method}: `{place}`: Expected `array`, got `str`: {quote(given)}")
    return list(given)
