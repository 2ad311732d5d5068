"""The nodes of a document: a list of them, or a mapping by their names.

The rule this file keeps: each becomes one node of the request, in the order in which they stand;
ids that are made follow from the request's, so that a repeat of it has the same.
"""

import re
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from agentd import graph
from agentd.api import NodeSpec, RetrySpec
from agentd.documents.fields import Fields, json_kind, names_in
from agentd.documents.kinds import NODE, NODES, ObjectKind
from agentd.documents.names import check_unique
from agentd.documents.needs import Nodes
from agentd.documents.node import DocumentNode, node_spec, read_node
from agentd.errors import InvalidGraph

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


class NamedNodes(NamedTuple):
    """Nodes as they are to be sent, and their names by their ids.

    `kept` are the fields that are not known and go along in payloads, each with how often;
    `warnings` are what somebody should look at.
    """

    specs: list[NodeSpec]
    names: dict[str, str]
    kept: Mapping[str, int] = {}
    warnings: Sequence[str] = ()


def read_nodes(
    document: Fields, request_id: str, inherited: RetrySpec | None, *, empty: bool
) -> NamedNodes:
    """The nodes of a document. That there are none is a fault, unless they may be `empty`.

    `inherited` is how often nodes are tried that say nothing.
    """
    nodes = written_nodes(document, request_id, empty=empty)
    found = by_what_they_are_called(nodes)
    specs = [node_spec(each, found, inherited) for each in nodes]
    names = names_of(nodes)
    _check_cycle(nodes, specs, names)  # the daemon would tell it alone, without the line
    return NamedNodes(specs, names, kept_in(nodes), labels_that_are_nodes(nodes, specs, found))


def written_nodes(
    document: Fields, request_id: str, kind: ObjectKind = NODE, *, empty: bool
) -> list[DocumentNode]:
    """The nodes as they were written. That two are called alike is a fault."""
    nodes = [*_read(document, uuid.UUID(request_id), kind, empty=empty)]
    check_unique([(each.fields, each.called) for each in nodes])
    return nodes


def names_of(nodes: Sequence[DocumentNode]) -> dict[str, str]:
    """The names by the ids."""
    return {each.node_id: each.called.name for each in nodes if each.called.name is not None}


def kept_in(nodes: Sequence[DocumentNode]) -> Mapping[str, int]:
    """The fields that are not known, each with how often."""
    return Counter(name for each in nodes for name in each.fields.others)


def labels_that_are_nodes(
    nodes: Sequence[DocumentNode], specs: Sequence[NodeSpec], found: Nodes
) -> list[str]:
    """A label may be called as a node is; but who requires a node mostly means to wait for it."""
    return [
        f"{node.fields.place.who}: `requires` are labels of workers, and {label!r} is a node too; "
        "did you mean `dependencies`?"
        for node, spec in zip(nodes, specs, strict=True)
        for label in spec.requires or ()
        if found.find(label) is not None
    ]


def _read(
    document: Fields, request_id: uuid.UUID, kind: ObjectKind, *, empty: bool
) -> Iterator[DocumentNode]:
    field = document.which(*NODES)
    written = document.raw(field, b"[]")
    is_mapping = json_kind(written) == "an object"
    steps: Sequence[tuple[str | int, msgspec.Raw]]
    if is_mapping:
        steps = [*msgspec.json.decode(written, type=dict[str, msgspec.Raw]).items()]
        _check_keys(document, field, written)
    else:
        expected = "a list of nodes, or a mapping of them by name"
        steps = [*enumerate(document.get(field, list[msgspec.Raw], expected, []))]
    if not steps and not empty and json_kind(written) in ("a list", "an object"):
        _fault_empty(document, field)
    for at, (step, each) in enumerate(steps):
        # As a repeat of this request has to name them.
        made_id = str(uuid.uuid5(request_id, f"{at}"))
        key = step if isinstance(step, str) else None
        yield read_node(document.place.below(field, step), each, at + 1, made_id, key, kind)


def _check_keys(document: Fields, field: str, written: msgspec.Raw) -> None:
    for key, times in names_in(written).items():
        if times > 1:
            told = f"`{field}`: the name {key!r} is given to {times} nodes; each needs one of its"
            document.place.fault(f"{told} own", field, key)


def _fault_empty(document: Fields, field: str) -> None:
    if document.advised.isdisjoint(NODES):
        state = "is empty" if field in document else "is missing"
        document.place.fault(
            f"`{field}` {state}: a task without nodes has nothing to do; `--empty` allows it", field
        )


def by_what_they_are_called(nodes: Sequence[DocumentNode], *, join: bool = False) -> Nodes:
    """The nodes by what they are called; `join`: others may be nodes of the task that they join."""
    by_name: dict[str, str] = {}
    also: dict[str, set[str]] = {}
    for each in nodes:
        if each.called.name is not None:
            by_name.setdefault(each.called.name, each.node_id)
        for text in each.called.also:
            also.setdefault(text, set()).add(each.node_id)
    ids = {each.node_id for each in nodes}
    return Nodes(by_name, also, ids, [each.fields for each in nodes], join)


def _check_cycle(
    nodes: Sequence[DocumentNode], specs: Sequence[NodeSpec], names: Mapping[str, str]
) -> None:
    written = {each.node_id: each for each in nodes}
    needs = {each.node_id: made.dependencies for each, made in zip(nodes, specs, strict=True)}
    try:
        graph.check([*needs], needs, ())
    except InvalidGraph as error:
        node = written[error.data["node_ids"][0]]
        node.fields.place.fault(replace_ids(error.message, names), node.field)


def replace_ids(message: str, names: Mapping[str, str]) -> str:
    """The message with names in the place of ids that were made for them."""
    return _UUID.sub(lambda found: names.get(found[0], found[0]), message)
