"""A task as `agentd task export` wrote it, in JSON Lines: a head, its nodes, its events, an end.

The rule this file keeps: all that a task can be imported with comes back; how nodes were tried and
what they used is for reading. A file that was cut off has no end, and is a fault.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from agentd.api import ImportedNodeSpec, RegisterTaskParams
from agentd.api.imports import settle_ends
from agentd.api.moments import to_milliseconds
from agentd.api.registration import settle_nodes
from agentd.documents.faults import DocumentText
from agentd.documents.kinds import NODE_SETTINGS
from agentd.plans.builder import Builder
from agentd.plans.names import name_of
from agentd.plans.part import Part, null_left_out, text_in
from agentd.plans.plan import Ended, Plan, PlanEvent, PlanNode

VERSION = 1

HEAD = "agentd_task"
"""The field of the first line that tells the form; its value is the version."""

_NODE_FIELDS = (*NODE_SETTINGS, "gate")
_TASK_FIELDS = ("labels", "budget", "priority", "node_defaults")
_TYPES: Mapping[str, Any] = {
    field.name: field.type
    for kind in (RegisterTaskParams, ImportedNodeSpec)
    for field in msgspec.structs.fields(kind)
}
_ENDED: Mapping[str | None, Ended] = {"COMPLETED": "COMPLETED", "FAILED": "FAILED"}
_OF_OTHER_TASKS = {
    "parent_task_id": "the task above it may not be here: it begins without one",
    "forked_from": "it is for reading: the task that it was forked from may not be here",
}
_READING = "it is for reading: attempts and what they used begin anew"


def read_exported(source: str, written: DocumentText) -> Plan:
    """The plan of a task that was exported. Raises `BadDocument`."""
    builder = Builder("agentd", source, written)
    lines = [(part, null_left_out(part.fields("an object"))) for part in builder.root.items()]
    head = lines[0][1] if lines else {}
    if HEAD not in head or head[HEAD].whole(f"{VERSION}") != VERSION:
        builder.root.fault(f"the first line has to say `{HEAD}`: {VERSION}")
    counts = {"node": 0, "event": 0}
    for part, line in lines[1:-1]:
        kind = next(iter(counts.keys() & line.keys()), None)
        if kind is None:
            part.fault("it has neither a `node` nor an `event`")
            continue
        counts[kind] += 1
        (_read_node if kind == "node" else _read_event)(builder, line[kind])
    _check_end(builder, lines, counts)
    settings = _task_settings(head)
    if "state" in head and head["state"].text() == "CANCELLED":
        builder.note(head["state"], "it was cancelled there: it begins paused")
        settings["paused"] = True
    builder.note_each(head, _OF_OTHER_TASKS)
    if "usage" in head:
        builder.note(head["usage"], _READING)
    goal = text_in(head, "goal")
    context = lines[0][0].fields().get("context") if lines else None
    own_id = text_in(head, "task_id")
    written_context = Raw(b"{}") if context is None else context.raw
    return builder.plan(goal or "", written_context, settings=settings, own_id=own_id)


def _task_settings(head: Mapping[str, Part]) -> dict[str, Any]:
    found = _sent(head, _TASK_FIELDS)
    if "created_at" in head and (moment := head["created_at"].text("a moment")) is not None:
        _check_moment(head["created_at"], moment, "created_at")
        found["created_at"] = moment
    if "paused" in head and head["paused"].truth():
        found["paused"] = True
    return found


def _check_moment(part: Part, moment: str, name: str) -> None:
    try:
        to_milliseconds(moment, name)
    except ValueError as error:
        part.fault(str(error))


def _sent(fields: Mapping[str, Part], names: Sequence[str]) -> dict[str, Any]:
    """Fields that go on as they are; what the daemon would refuse is a fault."""
    found = {}
    for name in names:
        if name not in fields:
            continue
        try:
            found[name] = msgspec.json.decode(fields[name].raw, type=_TYPES[name])
        except msgspec.MsgspecError as error:
            fields[name].fault(f"`{name}`: {error}")
    return found


def _read_node(builder: Builder, part: Part) -> None:
    fields = null_left_out(part.fields("a node, an object with `id`"))
    key = text_in(fields, "id")
    if key is None:
        part.fault("`id` is missing: what depends on it names that")
        return
    name = text_in(fields, "name")
    needs = fields["dependencies"].texts("a list of ids") if "dependencies" in fields else []
    payload = part.fields().get("payload_schema")
    made = PlanNode(
        key,
        part.place,
        [*dict.fromkeys(needs)],
        Raw(b"{}") if payload is None else payload.raw,
        None if name is None else name_of(fields["name"], name),
        _sent(fields, _NODE_FIELDS),
    )
    _read_end(builder, part, fields, made)
    _check_settings(part, made)
    builder.take(made)


def _check_settings(part: Part, node: PlanNode) -> None:
    """Keep as a fault what the types alone do not tell."""
    if not node.settings and node.ended_at is None:
        return
    spec = ImportedNodeSpec(status=node.ended, ended_at=node.ended_at, **node.settings)
    try:
        settle_nodes([spec], "nodes")
        settle_ends([spec], "nodes")
    except ValueError as error:
        part.fault(str(error).replace("nodes[0].", ""))


def _read_end(builder: Builder, part: Part, fields: Mapping[str, Part], node: PlanNode) -> None:
    status = fields["status"].text() if "status" in fields else "PENDING"
    if status in _ENDED:
        result = part.fields().get("result_payload")
        node.ended = _ENDED[status]
        node.result = None if result is None else result.raw
        if "ended_at" in fields:
            node.ended_at = _sent(fields, ("ended_at",)).get("ended_at")
    elif status == "RUNNING":
        builder.note(fields["status"], "its lease was another daemon's: it is PENDING")
    elif status != "PENDING":
        fields["status"].fault(f"`status`: {status!r} is none of PENDING, COMPLETED and FAILED")
    if "checkpoint" in fields:
        told = "its next holder finds it among what was noted, and not as a checkpoint"
        builder.note(fields["checkpoint"], told)
    for name in ("attempts", "usage"):
        if name in fields:
            builder.note(fields[name], _READING)


def _read_event(builder: Builder, part: Part) -> None:
    fields = part.fields("an event, an object with `node_id`")
    told = {}
    for name in ("node_id", "action_type", "timestamp"):
        given = fields[name].text() if name in fields else None
        if given is None:
            part.fault(f"`{name}` is missing")
        else:
            told[name] = given
    if len(told) == len(("node_id", "action_type", "timestamp")):
        payload = fields["payload"].raw if "payload" in fields else Raw(b"null")
        at = told["timestamp"]
        _check_moment(part, at, "timestamp")
        builder.say(PlanEvent(told["node_id"], told["action_type"], payload, at, part.place))


def _check_end(
    builder: Builder, lines: Sequence[tuple[Part, Mapping[str, Part]]], counts: Mapping[str, int]
) -> None:
    """The last line says how many there are."""
    part, fields = lines[-1] if lines else (builder.root, {})
    if "end" not in fields:
        part.fault("the last line has to have an `end`: the file was cut off")
        return
    said = null_left_out(fields["end"].fields())
    for kind, name in (("node", "nodes"), ("event", "events")):
        many = said[name].whole("a number") if name in said else None
        if many != counts[kind]:
            part.fault(f"it tells of {many} {name}, and there are {counts[kind]}")
