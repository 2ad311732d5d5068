"""What a form's reader puts a plan together with.

The rule this file keeps: all that is found wrong is kept, each with its line, and told at once;
what is left out is remembered, so that who waits for it is told why.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from agentd.api import GateSpec
from agentd.documents.faults import BadDocument, DocumentText, Faults, Place
from agentd.plans.checking import MOST_EDGES, check, check_events, check_task
from agentd.plans.names import name_with_title
from agentd.plans.part import Part
from agentd.plans.plan import Ended, NotTaken, Plan, PlanEvent, PlanNode
from agentd.text import quote

MOST_NODES = 200_000
"""Nodes of one plan: more of them are no plan that anybody made."""

_STREAMS = ("argo", "dagu", "github", "tekton")
"""Forms whose files may have several documents, of which most have one."""

_MOST_BYTES = 512 * 1024 * 1024
"""Of all payloads together: a few lines of a matrix can ask for any amount."""


class Done(NamedTuple):
    """How a node has ended elsewhere, with what result, and when."""

    ended: Ended
    result: Any
    at: float | str | None


class Builder:
    """A plan in the making, of the document that is called `source`."""

    def __init__(self, form: str, source: str, written: DocumentText) -> None:
        self.form = form
        self.source = source
        self.faults = Faults(source, written)
        self.root = Part(Place(self.faults), Raw(written.json))
        self.nodes: list[PlanNode] = []
        self.events: list[PlanEvent] = []
        self.groups: dict[str, Sequence[str]] = {}
        """Keys that stand for several nodes: who waits for one waits for them all."""
        self.left_out: dict[str, str] = {}
        """Why there is no node of that key, which the form has."""
        self.not_taken: list[NotTaken] = []
        self._bytes = 0
        self._edges = 0

    def documents(self) -> list[Part]:
        """The documents of the file that say something; where none does, one that is null."""
        found = [each for each in self.root.items() if each.kind != "null"]
        return found or [Part(self.root.place, Raw(b"null"))]

    def note(self, part: Part, why: str, *path: str | int) -> None:
        """Something at that place, or within it, has no counterpart."""
        there = Part(part.place.below(*path), part.raw) if path else part
        where = there.where.removeprefix("[0]." if self.form in _STREAMS else "")
        self.not_taken.append(NotTaken(there.line, where, why))

    def note_each(self, fields: Mapping[str, Part], why: Mapping[str, str]) -> None:
        """Note those of the fields that are there, each with its reason."""
        for name, reason in why.items():
            if name in fields:
                self.note(fields[name], reason)

    def add(
        self,
        part: Part,
        key: str,
        needs: Iterable[str],
        payload: Mapping[str, Any],
        *,
        title: str | None = None,
        settings: Mapping[str, Any] | None = None,
        done: Done | None = None,
    ) -> None:
        """One more node. Raises `BadDocument` where there are too many.

        Its name goes in front of its payload, where workers and pictures look for it.
        """
        name = name_with_title(part, key, title)
        own = {"name": name or key, **{at: value for at, value in payload.items() if at != "name"}}
        written = msgspec.json.encode(own)
        waits_for = [*dict.fromkeys(needs)]
        made = PlanNode(key, part.place, waits_for, Raw(written), name, settings or {})
        if done is not None:
            made.ended, made.ended_at = done.ended, done.at
            made.result = Raw(msgspec.json.encode(done.result))
        self.take(made)

    def take(self, node: PlanNode) -> None:
        """One more node, as it is. Raises `BadDocument` where there are too many."""
        self._grow(len(bytes(node.payload)) + len(bytes(node.result or b"")), len(node.needs))
        self.nodes.append(node)

    def add_gate(self, part: Part, key: str, needs: Iterable[str], ask: str) -> str:
        """A question that somebody answers before the work goes on; its key."""
        self.add(part, key, needs, {}, settings={"gate": GateSpec(ask)})
        return key

    def forget_missing(self) -> None:
        """Note what ended nodes waited for and is not there: they wait for nothing any more."""
        known = {node.key for node in self.nodes} | {*self.groups, *self.left_out}
        for node in (node for node in self.nodes if node.ended is not None):
            gone = [need for need in node.needs if need not in known]
            for need in gone:
                why = f"it has ended, and waited for {quote(need)}, which is not there: left out"
                self.note(Part(node.place, node.payload), why)
            if gone:
                node.needs = [need for need in node.needs if need in known]

    def say(self, event: PlanEvent) -> None:
        """One more event."""
        self.events.append(event)

    def _grow(self, size: int, edges: int) -> None:
        self._bytes += size
        self._edges += edges
        if len(self.nodes) >= MOST_NODES:
            raise BadDocument(f"{self.source} has more than {MOST_NODES:,} nodes: make it several")
        if self._bytes > _MOST_BYTES:
            raise BadDocument(
                f"{self.source} has more than {_MOST_BYTES >> 20} MiB once it is spread out"
            )
        if self._edges > MOST_EDGES:
            raise BadDocument(f"{self.source} has more than {MOST_EDGES:,} dependencies")

    def plan(
        self,
        goal: str,
        context: Mapping[str, Any] | Raw,
        *,
        settings: Mapping[str, Any] | None = None,
        own_id: str | None = None,
    ) -> Plan:
        """The plan. Raises `BadDocument` with all that is wrong."""
        check(self.nodes, self.groups, self.left_out, self.root)
        check_events(self.events, self.nodes)
        written = Raw(msgspec.json.encode(context))
        check_task(goal, written, self.root)
        self.faults.refuse()
        return Plan(
            self.form,
            goal,
            written,
            self.nodes,
            self.events,
            settings or {},
            own_id,
            sorted(dict.fromkeys(self.not_taken), key=lambda each: each.line),
        )
