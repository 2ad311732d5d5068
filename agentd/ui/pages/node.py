"""`/tasks/ID/nodes/ID`: a node, its attempts, what it was given and what came of it, and why.

The rule this file keeps: a payload is shown as text, and of a large one the beginning, with an
address of its own for the whole.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from starlette.requests import Request

from agentd.api import NULL, NodeStatusResult, NodeView
from agentd.api.attempts import AttemptView
from agentd.label import SHORTEST_ID
from agentd.live import Span
from agentd.references import node_name
from agentd.text import printable_json
from agentd.times import format_seconds
from agentd.ui.attempt_logs import logs_of
from agentd.ui.found_task import node_state
from agentd.ui.lookout import Lookout
from agentd.ui.pages import asked
from agentd.ui.pages.drawings import chart
from agentd.ui.pages.page import SHARED, Page, lookout_of

_SHOWN = 20_000
"""Characters of a payload on the page."""


class Payload(Struct):
    """What is shown of one; `bytes` are all that there are."""

    name: str
    title: str
    text: str
    bytes: int
    is_cut: bool


class Attempt(Struct):
    """One attempt: how it ended where it has, and when it began where that is known."""

    number: int
    owner: str | None
    how: str | None
    kind: str | None
    error: str
    begin: float | None
    end: float | None


async def _load(request: Request) -> Mapping[str, Any]:
    lookout = lookout_of(request)
    task_id, node_id = asked.task_id(request), request.path_params["node"]
    at, chosen = asked.place(request), asked.number(request, "attempt", 1)
    status = await lookout.client.node_status(task_id, node_id, at=at)
    node = status.node
    task = await lookout.client.task_status(task_id, fields=["counts"])
    worked = await lookout.worked.of(task_id, at) if node.attempt else None
    spans = [each for each in worked.spans if each.node_id == node.id] if worked else []
    waits = node.status == "PENDING"
    why = await lookout.client.explain_node(task_id, node.id, at=at) if waits else None
    attempt = chosen or node.attempt
    logs = logs_of(node.task_id, node.id, attempt) if node.attempt and at is None else []
    return {
        "task": task.task,
        "node": node,
        "state": node_state(node),
        "label": node_name(node) or node.id[-SHORTEST_ID:],
        "at": at,
        "payloads": payloads(status),
        "attempts": _attempts(status, spans, await _last_word(lookout, node, at))[::-1],
        "gantt": chart(spans, lambda each: f"try {each.attempt}", task_id),
        "why": why,
        "gate": node.gate or None,
        "settings": _settings(node),
        "dependencies": await _dependencies(lookout, node, at),
        "attempt": attempt,
        "logs": logs,
    }


async def _dependencies(
    lookout: Lookout, node: NodeView, at: int | str | None
) -> list[tuple[str, str, str]]:
    """Those that it depends on: id, what to call it, and its state now where that is known."""
    is_known = at is None and lookout.knows(node.task_id)
    rows = (await lookout.task(node.task_id)).nodes if is_known else {}
    return [
        (each, rows[each].label, rows[each].state) if each in rows else (each, each[-8:], "")
        for each in node.dependencies
    ]


def payloads(status: NodeStatusResult) -> list[Payload]:
    """What the node was given, what came of it, and what its holder keeps."""
    node = status.node
    outcome = "Error" if node.status == "FAILED" else "Result"
    found = [("given", "What it was given", node.payload_schema)]
    if node.status in ("COMPLETED", "FAILED"):
        found.insert(0, ("result", outcome, node.result_payload))
    if status.checkpoint is not None:
        found.append(("checkpoint", "Kept for the next attempt", status.checkpoint.payload))
    empty = (NULL, b"{}")
    return [_payload(*each) for each in found if each[0] == "result" or bytes(each[2]) not in empty]


def _payload(name: str, title: str, payload: Raw) -> Payload:
    written = bytes(payload)
    shown = written
    if len(written) <= _SHOWN * 4:
        shown = msgspec.json.format(written, indent=2)
    text = printable_json(shown[: _SHOWN * 4])[:_SHOWN]
    return Payload(name, title, text, len(written), is_cut=len(text) == _SHOWN)


async def _last_word(lookout: Lookout, node: NodeView, at: int | str | None) -> str:
    """What its holder said last, where its task is followed."""
    if at is not None or not lookout.knows(node.task_id):
        return ""
    row = (await lookout.task(node.task_id)).nodes.get(node.id)
    return (row and row.last_word) or ""


def _attempts(status: NodeStatusResult, spans: list[Span], last_word: str) -> list[Attempt]:
    begun = {each.attempt: each for each in spans}
    found = [_ended_attempt(each, begun.get(each.attempt)) for each in status.attempts]
    node = status.node
    if node.status == "RUNNING":
        began = None if node.acquired_at is None else float(node.acquired_at)
        found.append(Attempt(node.attempt, node.lease_owner, None, None, last_word, began, None))
    return found


def _ended_attempt(attempt: AttemptView, span: Span | None) -> Attempt:
    error = bytes(attempt.error)
    told = "" if error == NULL else printable_json(error)
    return Attempt(
        attempt.attempt,
        attempt.owner,
        attempt.how,
        attempt.kind,
        told,
        span.begin if span else None,
        attempt.ended_at,
    )


def _settings(node: NodeView) -> list[tuple[str, str]]:
    """What was asked for when it was registered."""
    retry = None if node.retry is UNSET else node.retry.max_attempts or 1
    locks = [each if isinstance(each, str) else each.key for each in node.locks or ()]
    found = {
        "priority": node.priority or None,
        "lease": _seconds(node.lease_secs),
        "timeout": _seconds(node.timeout_secs),
        "on failure": node.on_failure or None,
        "requires": ", ".join(node.requires or ()),
        "limits": ", ".join(node.limits or ()),
        "attempts at most": retry,
        "locks": ", ".join(locks),
    }
    return [(name, str(value)) for name, value in found.items() if value]


def _seconds(given: int | UnsetType) -> str | None:
    return format_seconds(given) if given else None


def _names(request: Request) -> tuple[str, ...]:
    return (asked.task_id(request), *SHARED)


PAGE = Page("node.html", _load, _names)
