"""One node of a document, and the node of the request that it becomes.

The rule this file keeps: a payload goes on as it was written. Only the node's name, and the fields
that are none of the daemon's, are put in front of what it holds, where workers look for them.
"""

from typing import NamedTuple

import msgspec

from agentd.api import NodeDefaults, NodeSpec, RetrySpec, check_name
from agentd.documents.faults import Place
from agentd.documents.fields import Fields, json_kind, put_into, text_or_number
from agentd.documents.gate import read_gate
from agentd.documents.kinds import DEFAULTS, NODE, PAYLOAD, ObjectKind
from agentd.documents.names import Called, composed, read_called
from agentd.documents.needs import Nodes, needed_ids, read_needs
from agentd.documents.settings import read_settings


class DocumentNode(NamedTuple):
    """A node as it was written: what it depends on (`needs`, under that `field`) are names."""

    fields: Fields
    called: Called
    node_id: str
    field: str
    needs: list[str]


def read_node(
    place: Place,
    written: msgspec.Raw,
    number: int,
    made_id: str,
    key: str | None = None,
    kind: ObjectKind = NODE,
) -> DocumentNode:
    """A node of the document; `made_id` is its id where it gives none, `key` its name in a mapping.

    In a mapping nothing need stand behind the name.
    """
    if key is not None and json_kind(written) == "null":
        written = msgspec.Raw(b"{}")
    who = f"node {composed(key)!r}" if key else f"node #{number}"
    fields = Fields(place.below(who=who), written, kind)
    called = read_called(fields, key)
    if called.name is not None:
        fields.place = fields.place.below(who=f"node {called.name!r}")
    fields.sort_names()
    if called.name is None:
        _check_unnamed(fields)
    return DocumentNode(fields, called, called.node_id or made_id, *read_needs(fields))


def _check_unnamed(fields: Fields) -> None:
    """What stands like a name before the fields of a node is no data of a node without a name."""
    if len(fields.others) != 1:
        return
    [(name, value)] = fields.others.items()
    kind = json_kind(value)
    if kind == "null" or (kind == "an object" and len(fields) == 1):
        fields.place.fault(
            f"there is no field `{name}`: is it the node's name? Then write `name: {name}`, or "
            "make `nodes` a mapping (else put it under `payload`)",
            name,
        )


def node_spec(node: DocumentNode, nodes: Nodes, inherited: RetrySpec | None = None) -> NodeSpec:
    """The node as it is sent; `inherited` is how often nodes are tried that say nothing."""
    settings = read_settings(node.fields, inherited=inherited)
    _check_backoff(node.fields, settings["retry"])
    return NodeSpec(
        id=node.node_id,
        dependencies=needed_ids(node.fields, node.node_id, node.field, node.needs, nodes),
        payload_schema=_payload(node.fields, node.called.name),
        name=_name(node.called.name),
        gate=read_gate(node.fields),
        **settings,
    )


def _check_backoff(fields: Fields, retry: RetrySpec | None) -> None:
    if "attempts" in fields or "backoff" not in fields:
        return
    if retry is not None and retry.max_attempts is None:
        fields.place.fault(
            "`backoff`: without `attempts` it is tried once, and never waits", "backoff"
        )


def _name(name: str | None) -> str | None:
    """The name that the daemon knows the node by; what can be none is in the payload only."""
    try:
        check_name(name or "", "")
    except ValueError:
        return None
    return name


def read_defaults(task: Fields) -> NodeDefaults | None:
    """What the nodes of a document have that say nothing; None where it does not tell."""
    if "node_defaults" not in task:
        return None
    place = task.place.below("node_defaults", who="`node_defaults`")
    fields = Fields(place, task.raw("node_defaults", b"{}"), DEFAULTS)
    fields.sort_names()
    return NodeDefaults(**read_settings(fields, NodeDefaults.__struct_fields__))


def _payload(fields: Fields, name: str | None) -> msgspec.Raw:
    """The payload, with the node's name in it, where workers and pictures look for it."""
    field = fields.which(*PAYLOAD)
    written = fields.own(field)
    return written if name is None else _put_name_into(fields, field, written, name)


def _put_name_into(fields: Fields, field: str, written: msgspec.Raw, name: str) -> msgspec.Raw:
    if json_kind(written) != "an object":
        if not fields.others:  # else it is told already
            found = json_kind(written)
            fields.place.fault(
                f"`{field}`: expected an object, where the name can stand too, got {found}", field
            )
        return written
    there = msgspec.json.decode(written, type=dict[str, msgspec.Raw]).get("name")
    if there is None:
        return put_into(written, {"name": msgspec.Raw(msgspec.json.encode(name))})
    if json_kind(there) != "a text" or composed(text_or_number(there) or "") != name:
        fields.place.fault(
            f"`{field}.name` is {bytes(there).decode()}: it has to be the node's name",
            field,
            "name",
        )
    return written
