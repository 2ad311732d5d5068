"""One node of a document, and the node of the request that it becomes.

The rule this file keeps: a payload goes on as it was written. Only the node's name is put in front
of what it holds, where workers and pictures look for it.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import msgspec

from agentd.api import NodeDefaults, NodeSpec, RetrySpec, check_name
from agentd.cli.documents.faults import Place
from agentd.cli.documents.fields import DEFAULTS, NODE, Fields, json_kind
from agentd.cli.documents.settings import read_settings
from agentd.cli.ids import parse_id
from agentd.suggestion import closest_name

_DEPENDENCIES = "a list of names or ids"
_MOST_NAMED = 10
"""Names that are listed where none was meant."""


class DocumentNode(NamedTuple):
    """A node as it was written: its dependencies may still be names."""

    fields: Fields
    node_id: str
    name: str | None
    needs: list[str]


def read_node(place: Place, written: msgspec.Raw, number: int, made_id: str) -> DocumentNode:
    """A node of the document; `made_id` is its id where it gives none."""
    fields = Fields(place.below(who=f"node #{number}"), written, NODE)
    name = fields.get("name", str, "a text", None)
    if name is not None:
        if not name.strip() or parse_id(name) is not None:
            fields.place.fault("`name`: expected a word, neither empty nor a UUID", "name")
            name = None
        else:
            fields.place = fields.place.below(who=f"node {name!r}")
    fields.check_names()
    given = fields.get("id", str, "a UUID", None)
    node_id = made_id if given is None else parse_id(given)
    if node_id is None:
        fields.place.fault(f"`id`: {given!r} is no UUID; leave it out, and one is made", "id")
    return DocumentNode(fields, node_id or made_id, name, _read_dependencies(fields))


def _read_dependencies(fields: Fields) -> list[str]:
    needs = []
    for at, each in enumerate(fields.get("dependencies", list[msgspec.Raw], _DEPENDENCIES, [])):
        if json_kind(each) == "a text":
            needs.append(msgspec.json.decode(each, type=str))
        else:
            found = json_kind(each)
            fields.place.fault(
                f"`dependencies`: expected {_DEPENDENCIES}, {found} in it", "dependencies", at
            )
    return needs


def node_spec(
    node: DocumentNode,
    ids: Mapping[str, str],
    known: Collection[str],
    inherited: RetrySpec | None = None,
) -> NodeSpec:
    """The node as it is sent; `ids` are those of the nodes by name, `known` are all of them.

    `inherited` is how often nodes are tried that say nothing.
    """
    settings = read_settings(node.fields, inherited=inherited)
    _check_backoff(node.fields, settings["retry"])
    needs = []
    for need in node.needs:
        found = ids.get(need) or parse_id(need)
        if found == node.node_id:
            node.fields.place.fault("`dependencies`: it depends on itself", "dependencies")
        elif found is not None and found in known:
            needs.append(found)
        else:
            _fault_unknown(node, need, ids)
    return NodeSpec(
        id=node.node_id,
        dependencies=needs,
        payload_schema=_payload(node),
        name=_name(node),
        **settings,
    )


def _check_backoff(fields: Fields, retry: RetrySpec | None) -> None:
    if "attempts" in fields or "backoff" not in fields:
        return
    if retry is not None and retry.max_attempts is None:
        fields.place.fault(
            "`backoff`: without `attempts` it is tried once, and never waits", "backoff"
        )


def _name(node: DocumentNode) -> str | None:
    """The name that the daemon knows the node by; what can be none is in the payload only."""
    try:
        check_name(node.name or "", "")
    except ValueError:
        return None
    return node.name


def read_defaults(task: Fields) -> NodeDefaults | None:
    """What the nodes of a document have that say nothing; None where it does not tell."""
    if "node_defaults" not in task:
        return None
    place = task.place.below("node_defaults", who="`node_defaults`")
    fields = Fields(place, task.raw("node_defaults", b"{}"), DEFAULTS)
    fields.check_names()
    return NodeDefaults(**read_settings(fields, NodeDefaults.__struct_fields__))


def _fault_unknown(node: DocumentNode, need: str, ids: Mapping[str, str]) -> None:
    meant = None if node.fields.place.faults.are_many else closest_name(need, list(ids))
    some = ", ".join([*ids][:_MOST_NAMED]) + (", ..." if len(ids) > _MOST_NAMED else "")
    hint = f"did you mean `{meant}`?" if meant else f"names there are: {some or 'none'}"
    what = "has the id" if parse_id(need) else "is named"
    node.fields.place.fault(f"`dependencies`: no node {what} {need!r}; {hint}", "dependencies")


def _payload(node: DocumentNode) -> msgspec.Raw:
    """The payload, with the node's name in it, where workers and pictures look for it."""
    fields = node.fields
    if "payload" in fields and "payload_schema" in fields:
        fields.place.fault("`payload` and `payload_schema` are two names of one field: give one")
    field = "payload" if "payload" in fields else "payload_schema"
    written = fields.own(field, b"{}")
    return written if node.name is None else _put_name_into(fields, field, written, node.name)


def _put_name_into(fields: Fields, field: str, written: msgspec.Raw, name: str) -> msgspec.Raw:
    if json_kind(written) != "an object":
        found = json_kind(written)
        fields.place.fault(
            f"`{field}`: expected an object, where the name can stand too, got {found}", field
        )
        return written
    there = msgspec.json.decode(written, type=dict[str, msgspec.Raw]).get("name")
    if there is None:
        held = bytes(written)[1:].lstrip()
        comma = b"" if held.startswith(b"}") else b","
        return msgspec.Raw(b'{"name":' + msgspec.json.encode(name) + comma + held)
    if json_kind(there) != "a text" or msgspec.json.decode(there, type=str) != name:
        fields.place.fault(
            f"`{field}.name` is {bytes(there).decode()}: it has to be the node's name",
            field,
            "name",
        )
    return written
