"""A task, written out: to be imported again, for programs, or for people.

The rule this file keeps: all three have the whole task. What can be imported is written as it is
imported; how nodes were tried and what they used stands beside it, for reading.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, UnsetType

from agentd.api import AttemptView, Checkpoint, NodeView, RecordedEventView, TaskStatusResult
from agentd.documents.kinds import NODE_SETTINGS
from agentd.plans.exported import HEAD, VERSION
from agentd.text import printable, printable_json

_SETTINGS = (*NODE_SETTINGS, "gate")
_ENDED = ("COMPLETED", "FAILED")
_SIGNS = re.compile(r"[\\`*_\[\]<>&!~]")
_OF_TASK = ("labels", "parent_task_id", "forked_from", "imported_from")


class Written(NamedTuple):
    """All that there is to write of a task; attempts and checkpoints by the ids of their nodes."""

    status: TaskStatusResult
    attempts: Mapping[str, Sequence[AttemptView]]
    checkpoints: Mapping[str, Checkpoint]
    events: Sequence[RecordedEventView]

    @property
    def notes(self) -> list[RecordedEventView]:
        """What agents committed."""
        return [event for event in self.events if event.by_client]


def write_agentd(task: Written) -> Iterator[bytes]:
    """Lines of JSON: a head, the nodes in their order, what was noted about them, and an end."""
    yield _line(_head(task.status))
    for node in task.status.nodes:
        yield _line({"node": _node(node, task)})
    for event in task.notes:
        fields = ("node_id", "action_type", "payload", "timestamp")
        yield _line({"event": {name: getattr(event, name) for name in fields}})
    yield _line({"end": {"nodes": len(task.status.nodes), "events": len(task.notes)}})


def _line(value: object) -> bytes:
    """One line: what users wrote may have line ends between its values."""
    written = msgspec.json.encode(value)
    if b"\n" in written or b"\r" in written:
        written = written.replace(b"\n", b" ").replace(b"\r", b" ")
    return written + b"\n"


def _head(status: TaskStatusResult) -> dict[str, Any]:
    task = status.task
    head: dict[str, Any] = {
        HEAD: VERSION,
        "task_id": task.id,
        "goal": task.goal,
        "context": task.context,
        "created_at": task.created_at,
        "state": status.state,
        "paused": status.state == "PAUSED",
    }
    head.update({name: getattr(task, name) for name in _OF_TASK})
    head.update(budget=status.budget, usage=status.usage)
    return {name: value for name, value in head.items() if _says_something(value)}


def _node(node: NodeView, task: Written) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "id": node.id,
        "name": node.name,
        "dependencies": node.dependencies,
        "payload_schema": node.payload_schema,
        **{name: getattr(node, name) for name in _SETTINGS},
        "status": node.status,
    }
    if node.priority == 0:
        del fields["priority"]
    if node.status in _ENDED:
        fields.update(result_payload=node.result_payload, ended_at=node.updated_at)
    else:
        fields.update(checkpoint=task.checkpoints.get(node.id))
    fields.update(attempts=task.attempts.get(node.id, ()), usage=node.usage)
    return {name: value for name, value in fields.items() if _says_something(value)}


def _says_something(value: object) -> bool:
    return not (value is None or value is False or isinstance(value, UnsetType)) and value not in (
        {},
        [],
        (),
    )


def write_json(task: Written) -> bytes:
    """One object: the task as the daemon shows it, its nodes with their attempts, all events."""
    nodes = [
        {
            **_fields(node),
            "attempts": task.attempts.get(node.id, ()),
            "checkpoint": task.checkpoints.get(node.id),
        }
        for node in task.status.nodes
    ]
    whole = {**_fields(task.status), "nodes": nodes, "events": task.events}
    del whole["next"]
    return msgspec.json.encode(whole)


def _fields(view: msgspec.Struct) -> dict[str, Any]:
    """What is set of it."""
    fields = msgspec.structs.asdict(view)
    return {name: value for name, value in fields.items() if not isinstance(value, UnsetType)}


def write_markdown(task: Written) -> Iterator[str]:
    """A checklist in the order of registration, with all that is known of each node below it."""
    status = task.status
    yield f"# {_words(status.task.goal)}"
    yield ""
    yield f"{status.state}, registered {status.task.created_at}, task {status.task.id}"
    for name, value in (("context", status.task.context), ("usage", status.usage)):
        if _says_something(value) and bytes(msgspec.json.encode(value)) != b"{}":
            yield f"{name}: {_code(value)}"
    yield ""
    called = {node.id: _words(node.name or node.id) for node in status.nodes}
    notes: dict[str, list[RecordedEventView]] = {}
    for event in task.notes:
        notes.setdefault(event.node_id or "", []).append(event)
    for node in status.nodes:
        yield f"- [{'x' if node.status == 'COMPLETED' else ' '}] {called[node.id]}"
        for line in _details(node, task, called, notes.get(node.id, ())):
            yield f"  - {line}"


def _details(
    node: NodeView,
    task: Written,
    called: Mapping[str, str],
    notes: Sequence[RecordedEventView],
) -> Iterator[str]:
    ended = f" {_moment(node.updated_at)}" if node.status in _ENDED else ""
    yield f"{node.status}{ended}"
    if node.dependencies:
        yield f"after: {', '.join(called[each] for each in node.dependencies)}"
    if bytes(node.payload_schema) != b"{}":
        yield f"payload: {_code(node.payload_schema)}"
    for name in _SETTINGS:
        if _says_something(value := getattr(node, name)) and value != 0:
            yield f"{name}: {_code(value)}"
    if node.status in _ENDED:
        yield f"result: {_code(node.result_payload)}"
    for attempt in task.attempts.get(node.id, ()):
        by = _words(attempt.owner or "nobody")
        yield f"attempt {attempt.attempt}: {attempt.how} by {by} {_moment(attempt.ended_at)}"
    if (checkpoint := task.checkpoints.get(node.id)) is not None:
        yield f"checkpoint: {_code(checkpoint.payload)}"
    if node.usage:
        yield f"usage: {_code(node.usage)}"
    for note in notes:
        yield f"{note.timestamp} {_words(note.action_type)}: {_code(note.payload)}"


def _words(text: str) -> str:
    """A line as Markdown shows it: signs are escaped where they would be more than signs."""
    from agentd.plans.inline import plain  # noqa: PLC0415 - a library of its own

    line = printable(text)
    return line if "<" not in line and plain(line) == line else _SIGNS.sub(r"\\\g<0>", line)


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(int(seconds), UTC).replace(tzinfo=None).isoformat()}Z"


def _code(value: object) -> str:
    """A value as JSON in a code span, whatever backticks are in it."""
    compact = value if isinstance(value, Raw) else msgspec.json.encode(value)
    words = printable_json(bytes(compact).replace(b"\n", b" ").replace(b"\r", b" "))
    fence = "`"
    while fence in words:
        fence += "`"
    space = " " if words.startswith("`") or words.endswith("`") else ""
    return f"{fence}{space}{words}{space}{fence}"
