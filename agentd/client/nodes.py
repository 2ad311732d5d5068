"""The nodes of a new task, as a program writes them down.

The rule this file keeps: a field that agentd does not know is never dropped in silence, for the
work that a node stands for may be in it. All faults of all nodes are told at once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from agentd.api import NodeDefaults, NodeSpec, RateSpec, RetrySpec
from agentd.client.values import encode_optional
from agentd.errors import InvalidParams
from agentd.text import quote

Kind = TypeVar("Kind", NodeDefaults, RateSpec, RetrySpec)

_FIELDS = NodeSpec.__struct_fields__

_ALIKE = 0.6
"""How much of two names has to be the same, from 0 to 1: `depends_on` is 0.64 `dependencies`."""

_LESS_ALIKE = 0.5
"""Is enough for the fields that have many names elsewhere: `deps` is 0.5 `dependencies`."""

_OFTEN_MEANT = ("id", "dependencies", "payload_schema")

_MOST_FAULTS = 10
"""Faults that an error names."""


def node_specs(given_nodes: Iterable[NodeSpec | Mapping[str, Any]]) -> list[NodeSpec]:
    """The nodes of a request; the caller's own are left as they are.

    Raises `TypeError` for fields that no node has, or what `encode` raises of a payload.
    """
    nodes = list(given_nodes)  # looked through twice: an iterator would be at its end
    if faults := list(_faults(nodes)):
        more = f"; and {len(faults) - _MOST_FAULTS} more" if len(faults) > _MOST_FAULTS else ""
        fields = ", ".join(_FIELDS)
        raise TypeError(
            f"{'; '.join(faults[:_MOST_FAULTS])}{more}. The fields of a node are {fields}"
        )
    return [_node_spec(node, number) for number, node in enumerate(nodes)]


def _faults(nodes: Sequence[NodeSpec | Mapping[str, Any]]) -> Iterator[str]:
    for number, node in enumerate(nodes):
        if isinstance(node, NodeSpec):
            continue
        if not isinstance(node, Mapping):
            yield f"initial_nodes[{number}] is no NodeSpec and no mapping: {type(node).__name__}"
            continue
        for name in node:
            if name not in _FIELDS:
                yield f"initial_nodes[{number}] has no field {name!r} ({_advice(str(name))})"


def _advice(name: str) -> str:
    alike = get_close_matches(name.lower(), _FIELDS, n=1, cutoff=_ALIKE)
    alike = alike or get_close_matches(name.lower(), _OFTEN_MEANT, n=1, cutoff=_LESS_ALIKE)
    return f"did you mean {alike[0]}?" if alike else "put it into payload_schema"


def _node_spec(node: NodeSpec | Mapping[str, Any], number: int) -> NodeSpec:
    place = f"$.initial_nodes[{number}]"
    spec = node if isinstance(node, NodeSpec) else NodeSpec(**node)
    return replace(
        spec,
        id=None if spec.id is None else str(spec.id),
        dependencies=[str(dependency) for dependency in spec.dependencies or ()],
        payload_schema=encode_optional(spec.payload_schema, f"{place}.payload_schema"),
        retry=as_struct(spec.retry, RetrySpec, f"{place}.retry"),
    )


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


def as_texts(given: Iterable[str], place: str, method: str) -> list[str]:
    """A list of these texts. Raises `InvalidParams` for one text, which is a list of letters."""
    if isinstance(given, str):
        raise InvalidParams(f"{method}: `{place}`: Expected `array`, got `str`: {quote(given)}")
    return list(given)
