"""The document that describes a task, in JSON or YAML, and the request that it becomes.

The rule this file keeps: whatever does not fit is refused before anything is sent, with the name
of the document, the node and the field. Payloads in JSON go on as they were written.
"""

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from agentd.api import NodeSpec
from agentd.cli.fields import BadDocument, Fields, closest
from agentd.cli.naming import full_id

_TASK_FIELDS = ("goal", "context", "nodes", "initial_nodes")
_NODE_FIELDS = ("name", "id", "dependencies", "payload_schema", "payload")
_NAMED = 10
"""Names that are listed where none was meant."""

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


class Document(NamedTuple):
    """A task as it is to be registered, and the names of its nodes by their ids."""

    goal: str
    context: msgspec.Raw
    nodes: list[NodeSpec]
    names: dict[str, str]

    def renamed(self, message: str) -> str:
        """The message with names in the place of ids that were made for them."""
        return _UUID.sub(lambda found: self.names.get(found[0], found[0]), message)


class _Node(NamedTuple):
    """A node as it was written: its dependencies may still be names."""

    fields: Fields
    node_id: str
    name: str | None
    needs: list[str]


def read(text: bytes, source: str, form: str | None = None) -> Document:
    """The task that a document describes; `form` is "json", "yaml", or None: then it is looked at.

    Raises `BadDocument`, which names the document as `source`.
    """
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadDocument(f"{source} is not UTF-8: {error}") from error
    if (form or ("json" if decoded.lstrip()[:1] in ("{", "[") else "yaml")) == "yaml":
        from agentd.cli.yaml_form import as_json

        return _document(as_json(decoded, source), source)
    try:
        return _document(decoded.encode(), source)
    except RecursionError as error:
        raise BadDocument(f"{source} is nested too deeply") from error


def _document(text: bytes, source: str) -> Document:
    _check_syntax(text, source)
    task = Fields(source, msgspec.Raw(text), _TASK_FIELDS)
    if "nodes" in task and "initial_nodes" in task:
        raise task.refused("`nodes` and `initial_nodes` are two names of one field: give one")
    if "goal" not in task:
        raise task.refused("`goal` is missing: it says what is to be done")
    goal = task.get("goal", str, "a text", b"")
    field = "initial_nodes" if "initial_nodes" in task else "nodes"
    listed = task.get(field, list[msgspec.Raw], "a list of nodes", b"[]")
    nodes = [_node(each, number, source) for number, each in enumerate(listed, 1)]
    ids = _ids(nodes)
    specs = [_spec(node, ids) for node in nodes]
    names = {node.node_id: node.name for node in nodes if node.name is not None}
    return Document(goal, task.raw("context", b"{}"), specs, names)


def _check_syntax(text: bytes, source: str) -> None:
    try:
        msgspec.json.decode(text)
    except msgspec.MsgspecError as error:
        raise BadDocument(f"{source} is not valid JSON: {_place(text) or error}") from error


def _place(text: bytes) -> str | None:
    """Where the JSON goes wrong: msgspec counts bytes, people count lines."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"line {error.lineno}, column {error.colno}: {error.msg}"
    return None


def _node(written: msgspec.Raw, number: int, source: str) -> _Node:
    fields = Fields(f"{source}, node #{number}", written, _NODE_FIELDS)
    name = fields.get("name", str, "a text", b"") if "name" in fields else None
    if name is not None:
        if not name.strip() or full_id(name) is not None:
            raise fields.refused("`name`: expected a word, neither empty nor a UUID")
        fields.where = f"{source}, node {name!r}"
    given = fields.get("id", str, "a UUID", b"") if "id" in fields else None
    node_id = str(uuid.uuid4()) if given is None else full_id(given)
    if node_id is None:
        raise fields.refused(f"`id`: {given!r} is no UUID; leave it out, and one is made")
    needs = fields.get("dependencies", list[str], "a list of names or ids", b"[]")
    return _Node(fields, node_id, name, needs)


def _ids(nodes: Sequence[_Node]) -> dict[str, str]:
    """The ids of the nodes by their names."""
    ids: dict[str, str] = {}
    for node in nodes:
        if node.name is None:
            continue
        if node.name in ids:
            raise node.fields.refused("`name`: another node has it too; each needs one of its own")
        ids[node.name] = node.node_id
    return ids


def _spec(node: _Node, ids: Mapping[str, str]) -> NodeSpec:
    needs = [ids.get(need) or full_id(need) or _unknown(node, need, ids) for need in node.needs]
    return NodeSpec(id=node.node_id, dependencies=needs, payload_schema=_payload(node))


def _unknown(node: _Node, need: str, ids: Mapping[str, str]) -> str:
    meant = closest(need, list(ids))
    some = ", ".join([*ids][:_NAMED]) + (", ..." if len(ids) > _NAMED else "")
    hint = f"did you mean {meant}" if meant else f"names there are: {some or 'none'}"
    raise node.fields.refused(f"`dependencies`: no node is named {need!r}; {hint}")


def _payload(node: _Node) -> msgspec.Raw:
    """The payload, with the node's name in it, where workers and pictures look for it."""
    fields = node.fields
    if "payload" in fields and "payload_schema" in fields:
        raise fields.refused("`payload` and `payload_schema` are two names of one field: give one")
    field = "payload" if "payload" in fields else "payload_schema"
    written = fields.raw(field, b"{}")
    if node.name is None:
        return written
    try:
        values = msgspec.json.decode(written, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError as error:
        raise fields.refused(
            f"`{field}`: expected an object, for the node's name to stand in it"
        ) from error
    named = msgspec.Raw(msgspec.json.encode(node.name))
    there = values.setdefault("name", named)
    if msgspec.json.decode(there) != node.name:
        raise fields.refused(f"`{field}.name` is {bytes(there).decode()}: it has to be the name")
    return msgspec.Raw(msgspec.json.encode({"name": named, **values}))
