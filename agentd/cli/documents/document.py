"""The document that describes a task, in JSON or YAML, and the request that it becomes.

The rule this file keeps: whatever does not fit is refused before anything is sent, all of it at
once, with the document, the line, the node and the field. The same document under the same
`request_id` is the same request.
"""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from agentd import graph
from agentd.api import NodeDefaults, NodeSpec, Priority
from agentd.cli.documents import json_form
from agentd.cli.documents.faults import BadDocument, DocumentText, Faults, Place
from agentd.cli.documents.fields import TASK, Fields
from agentd.cli.documents.holds import read_holds
from agentd.cli.documents.node import DocumentNode, node_spec, read_defaults, read_node
from agentd.cli.ids import parse_id
from agentd.errors import InvalidGraph
from agentd.text import malformed_reason

_MOST_NAMED = 10
"""Nodes that are named where several have what each needs for itself."""

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


class Document(NamedTuple):
    """A task as it is to be registered, and the names of its nodes by their ids.

    `holds` are the other fields of the request that are given.
    """

    request_id: str
    goal: str
    context: msgspec.Raw
    nodes: list[NodeSpec]
    names: dict[str, str]
    priority: int
    node_defaults: NodeDefaults | None
    holds: dict[str, Any]

    def replace_ids(self, message: str) -> str:
        """The message with names in the place of ids that were made for them."""
        return _replace_ids(message, self.names)


def read_document(
    text: bytes,
    source: str,
    form: str | None = None,
    *,
    request_id: str | None = None,
    empty: bool = False,
) -> Document:
    """The task that a document describes; `form` is "json", "yaml", or None: then it is looked at.

    `request_id` is a UUID that was given beside the document; without any one is made. A task
    without nodes has to be meant (`empty`). Raises `BadDocument`, which names the document as
    `source`.
    """
    written = _parse(text, source, form)
    faults = Faults(source, written.line_of)
    try:
        task = Fields(Place(faults), msgspec.Raw(written.json), TASK)
        if not task.is_object:
            faults.refuse()
        task.check_names()
        document = _document(task, request_id, empty=empty)
        faults.refuse()
    except RecursionError as error:
        raise BadDocument(f"{source} is nested too deeply") from error
    return document


def _parse(text: bytes, source: str, form: str | None) -> DocumentText:
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadDocument(f"{source} cannot be read: {malformed_reason(error)}") from error
    if not decoded.strip():
        raise BadDocument(f"{source} is empty: expected a task, in YAML or JSON")
    if (form or ("json" if decoded.lstrip()[:1] in ("{", "[") else "yaml")) == "json":
        return json_form.parse_json(decoded, source)
    from agentd.cli.documents import yaml_form

    return yaml_form.parse_yaml(decoded, source)


def _document(task: Fields, request_id: str | None, *, empty: bool) -> Document:
    if "goal" not in task and "goal" not in task.advised:
        task.place.fault("`goal` is missing: it says what is to be done")
    goal = task.get("goal", str, "a text", "")
    request_id = _request_id(task, request_id)
    holds = read_holds(task)
    nodes = _nodes(task, uuid.UUID(request_id), empty=empty)
    _check_unique(nodes, "name", lambda each: each.name)
    _check_unique(nodes, "id", lambda each: each.node_id)
    ids: dict[str, str] = {}
    for each in nodes:
        if each.name is not None:
            ids.setdefault(each.name, each.node_id)
    known = {each.node_id for each in nodes}
    defaults = read_defaults(task)
    inherited = None if defaults is None else defaults.retry
    specs = [node_spec(each, ids, known, inherited) for each in nodes]
    names = {each.node_id: each.name for each in nodes if each.name is not None}
    _check_cycle(nodes, specs, names)  # the daemon would tell it alone, without the line
    context = task.own("context", b"{}")
    priority = task.sent("priority", Priority) or 0
    return Document(request_id, goal, context, specs, names, priority, defaults, holds)


def _request_id(task: Fields, beside: str | None) -> str:
    within = task.get("request_id", str, "a UUID", None)
    chosen = None if within is None else parse_id(within)
    if within is not None and chosen is None:
        message = f"`request_id`: {within!r} is no UUID; leave it out, and one is made"
        task.place.fault(message, "request_id")
    if beside is not None and chosen is not None and beside != chosen:
        task.place.fault(
            f"`request_id`: {chosen} here, and {beside} on the command line: give one of them",
            "request_id",
        )
    return beside or chosen or str(uuid.uuid4())


def _nodes(task: Fields, request_id: uuid.UUID, *, empty: bool) -> list[DocumentNode]:
    if "nodes" in task and "initial_nodes" in task:
        task.place.fault("`nodes` and `initial_nodes` are two names of one field: give one")
    field = "initial_nodes" if "initial_nodes" in task else "nodes"
    listed = task.get(field, list[msgspec.Raw], "a list of nodes", [])
    is_empty = bytes(task.raw(field, b"[]")).startswith(b"[") and not listed
    if is_empty and not empty and task.advised.isdisjoint({"nodes", "initial_nodes"}):
        state = "is empty" if field in task else "is missing"
        task.place.fault(
            f"`{field}` {state}: a task without nodes has nothing to do; `--empty` allows it", field
        )
    return [
        # As a repeat of this request has to name them.
        read_node(task.place.below(field, at), each, at + 1, str(uuid.uuid5(request_id, f"{at}")))
        for at, each in enumerate(listed)
    ]


def _check_unique(
    nodes: Sequence[DocumentNode], field: str, of: Callable[[DocumentNode], str | None]
) -> None:
    found: dict[str, list[int]] = {}
    for number, each in enumerate(nodes, 1):
        if (value := of(each)) is not None:
            found.setdefault(value, []).append(number)
    for value, numbers in found.items():
        if len(numbers) > 1:
            some = ", ".join(f"#{number}" for number in numbers[:_MOST_NAMED])
            more = f" and {len(numbers) - _MOST_NAMED:,} more" if len(numbers) > _MOST_NAMED else ""
            nodes[numbers[1] - 1].fields.place.fault(
                f"`{field}`: {value!r} is given to nodes {some}{more}; each needs one of its own",
                field,
            )


def _check_cycle(
    nodes: Sequence[DocumentNode], specs: Sequence[NodeSpec], names: Mapping[str, str]
) -> None:
    places = {each.node_id: each.fields.place for each in nodes}
    needs = {each.node_id: made.dependencies for each, made in zip(nodes, specs, strict=True)}
    try:
        graph.check([*needs], needs, ())
    except InvalidGraph as error:
        places[error.data["node_ids"][0]].fault(_replace_ids(error.message, names), "dependencies")


def _replace_ids(message: str, names: Mapping[str, str]) -> str:
    return _UUID.sub(lambda found: names.get(found[0], found[0]), message)
