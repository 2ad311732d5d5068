"""What a person is told of an event, and what to type then.

The rule this file keeps: it is the event as WatchEvents shows it, and beside it the words for a
person: one line of text, which a terminal may print as it is, and a command.
"""

import shlex
from typing import Literal, NamedTuple

import msgspec

from agentd.api import RecordedEventView, fractional_seconds, rfc3339
from agentd.events import LimitClosed, TaskCancelled
from agentd.journal import Recorded
from agentd.projections import NODES, GateRow, NodeRow
from agentd.queries.event_fields import event_fields, is_by_client
from agentd.queries.gates import gate_row
from agentd.queries.nodes import node_row, node_settings
from agentd.queries.registration import registration_of
from agentd.queries.tasks import require_task_row
from agentd.store import Reader
from agentd.text import printable

About = Literal[
    "gate_opened",
    "gate_times_out",
    "task_completed",
    "task_failed",
    "task_cancelled",
    "limit_closed",
]

_QUOTED = 200
"""Characters of a goal or a reason in the line of text."""


class Matter(NamedTuple):
    """What people are to be told of: what it is about, and its record in the journal.

    Of a gate also which it is, and when its time is over: it may be another when it is told.
    """

    about: About
    seq: int
    node_id: str = ""
    timeout_at: int | None = None


class Notice(RecordedEventView):
    """An event, and what a person needs to know of it; null is what it has not.

    `dropped` is how many were left out before it, because there were too many at a time.
    """

    about: str = ""
    text: str = ""
    command: str = ""
    goal: str | None = None
    name: str | None = None
    ask: str | None = None
    timeout_at: float | None = None
    dropped: int = 0


def read_notice(reader: Reader, matter: Matter, dropped: int) -> bytes | None:
    """The notice of that matter, one line of JSON; None where there is nothing to tell any more.

    Raises `StorageError`, `JournalDamaged`.
    """
    gate = _open_gate(reader, matter)
    if matter.node_id and gate is None:
        return None
    recorded = reader.record_at(matter.seq if gate is None else gate.opened_seq or 0)
    told = Notice(*event_fields(recorded), recorded.seq, is_by_client(recorded), matter.about)
    told.dropped = dropped
    if matter.about == "limit_closed":
        _tell_of_limit(told, recorded)
    else:
        _tell_of_task(told, reader, recorded)
        if gate is not None:
            _tell_of_gate(told, reader, gate)
    return msgspec.json.encode(told) + b"\n"


def _open_gate(reader: Reader, matter: Matter) -> GateRow | None:
    """The gate that the matter is about, where it is open and nothing was changed of it since."""
    node: NodeRow | None = reader.get(NODES, (matter.node_id,)) if matter.node_id else None
    row = None if node is None else gate_row(reader, node)
    is_so = row is not None and row.stage == "open" and row.timeout_at == matter.timeout_at
    return row if is_so else None


def _tell_of_gate(told: Notice, reader: Reader, row: GateRow) -> None:
    gate = node_settings(reader, reader.get(NODES, (row.node_id,))).gate
    told.ask = "" if gate is None else gate.ask
    told.timeout_at = fractional_seconds(row.timeout_at)
    told.text = f"gate {_words(told.name or row.node_id)} of {_words(told.goal or '')}"
    until = "" if row.timeout_at is None else rfc3339(row.timeout_at)
    if told.about == "gate_opened":
        told.text += f" asks{until and f' until {until}'}: {_words(told.ask)}"
    else:
        told.text += f" times out at {until}: {_words(told.ask)}"
    told.command = f"agentd gate show {row.task_id} {row.node_id}"


def _tell_of_limit(told: Notice, recorded: Recorded) -> None:
    event = recorded.event
    if isinstance(event, LimitClosed):
        told.text = f"limit {_words(event.name)} is closed until {rfc3339(event.until)}"
        told.text += _because(event.by, event.reason)
        opens = f"agentd limit open {shlex.quote(event.name)}"
        told.command = opens if opens.isprintable() else "agentd limit list"


def _tell_of_task(told: Notice, reader: Reader, recorded: Recorded) -> None:
    row = require_task_row(reader, recorded.task_id)
    told.goal = registration_of(reader, row)[1].goal
    if recorded.node_id is not None:
        node = node_row(reader, recorded.task_id, recorded.node_id)
        told.name = None if node is None else node.name
    state = told.about.removeprefix("task_").upper()
    told.text = f"task {_words(told.goal)} has ended: {state}"
    verb = "why" if state == "FAILED" else "show"
    told.command = f"agentd task {verb} {recorded.task_id}"
    if isinstance(recorded.event, TaskCancelled):
        told.text += _because(recorded.event.by, recorded.event.reason)


def _because(by: str | None, reason: str | None) -> str:
    told = f" by {_words(by)}" if by else ""
    return f"{told}: {_words(reason)}" if reason else told


def _words(text: str) -> str:
    return printable(text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…")
