"""The document with nodes that are added to a task: a list of them, or a task file's `nodes`.

The rule this file keeps: nodes are written as in a task file, and may say `before` besides. What
names none of them is a node of the task, which the daemon knows.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import asdict

from agentd import graph
from agentd.api import AddedNodeSpec, NodeSpec
from agentd.documents.document import parse, request_id_of
from agentd.documents.faults import BadDocument, DocumentText, Faults, Path, Place
from agentd.documents.fields import Fields, json_kind
from agentd.documents.kinds import ADDED, MORE
from agentd.documents.needs import Nodes, needed_ids, read_needs
from agentd.documents.node import DocumentNode, node_spec
from agentd.documents.nodes import (
    by_what_they_are_called,
    kept_in,
    labels_that_are_nodes,
    names_of,
    replace_ids,
    written_nodes,
)
from agentd.errors import InvalidGraph


class Additions(NamedTuple):
    """Nodes as they are to be added, and their names by their ids.

    `kept` are the fields that are not known and go along in payloads, each with how often;
    `warnings` are to be looked at.
    """

    request_id: str
    nodes: list[AddedNodeSpec]
    names: dict[str, str]
    kept: Mapping[str, int]
    warnings: Sequence[str]

    def replace_ids(self, message: str) -> str:
        """The message with names in the place of ids that were made for them."""
        return replace_ids(message, self.names)


def read_additions(
    text: bytes, source: str, form: str | None = None, *, request_id: str | None = None
) -> Additions:
    """The nodes that a document describes; `form` and `request_id` are as in `read_document`.

    Raises `BadDocument`, which names the document as `source`.
    """
    written = _as_object(parse(text, source, form))
    faults = Faults(source, written)
    try:
        document = Fields(Place(faults), msgspec.Raw(written.json), MORE)
        if not document.is_object:
            faults.refuse()
        document.sort_names()
        additions = _additions(document, request_id)
        faults.refuse()
    except RecursionError as error:
        raise BadDocument(f"{source} is nested too deeply") from error
    return additions


def _as_object(written: DocumentText) -> DocumentText:
    """A list is what stands under `nodes` where there is more."""
    if json_kind(msgspec.Raw(written.json.lstrip())) != "a list":
        return written

    def line_of(path: Path) -> int:
        return written.line_of(path[1:])

    return written._replace(json=b'{"nodes":%b}' % written.json, line_of=line_of)


def _additions(document: Fields, beside: str | None) -> Additions:
    request_id = request_id_of(document, beside) or str(uuid.uuid4())
    written = written_nodes(document, request_id, ADDED, empty=True)
    if not written and not document.place.faults:
        document.place.fault("there are no nodes: nothing to add", "nodes")
    found = by_what_they_are_called(written, join=True)
    specs = [_added_spec(each, found) for each in written]
    names = names_of(written)
    _check_cycle(written, specs, names)
    warnings = labels_that_are_nodes(written, specs, found)
    return Additions(request_id, specs, names, kept_in(written), warnings)


def _added_spec(node: DocumentNode, found: Nodes) -> AddedNodeSpec:
    spec: NodeSpec = node_spec(node, found)
    field, refs = read_needs(node.fields, ("before",))
    before = needed_ids(node.fields, node.node_id, field, refs, found)
    return AddedNodeSpec(**asdict(spec), before=before)


def _check_cycle(
    nodes: Sequence[DocumentNode], specs: Sequence[AddedNodeSpec], names: Mapping[str, str]
) -> None:
    """A cycle among the new nodes alone: of those through the task the daemon tells."""
    written = {each.node_id: each for each in nodes}
    needs = {
        each.node_id: {*made.dependencies} & written.keys()
        for each, made in zip(nodes, specs, strict=True)
    }
    for each, made in zip(nodes, specs, strict=True):
        for follower in {*made.before} & written.keys():
            needs[follower].add(each.node_id)
    try:
        graph.check_acyclic(needs)
    except InvalidGraph as error:
        node = written[error.data["node_ids"][0]]
        node.fields.place.fault(replace_ids(error.message, names), node.field)
