"""The span of one attempt, as OpenTelemetry has it.

The rule this file keeps: its name tells the kind of work and nothing of this one; what tells one
from another are attributes. It is a child of whoever planned the node, and a link leads to what was
active where it runs.
"""

import os
from collections import Counter
from collections.abc import Mapping

from opentelemetry import context, trace
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from agentd.api import FailNodeResult, NodeContext, ReleaseNodeResult
from agentd.errors import LeaseLost, WorkFailed, WorkReleased
from agentd.traces.context import inherited_headers
from agentd.traces.failure import failure_attributes, failure_words, recorded
from agentd.traces.held import Held

NAME = "agentd.attempt"

_extract = TraceContextTextMapPropagator().extract


class AttemptSpan:
    """Begins with the attempt; until its end it is the active span of this thread or task."""

    def __init__(self, held: Held) -> None:
        parent, links = _origin(held.context)
        self._span = trace.get_tracer("agentd").start_span(
            NAME,
            parent,
            kind=SpanKind.CONSUMER,
            attributes=_attributes(held.context),
            links=links,
        )
        self._token = context.attach(trace.set_span_in_context(self._span))
        self._usage: Counter[str] = Counter()

    @property
    def is_recorded(self) -> bool:
        """Whether anybody looks at it: it was sampled, and there is who exports it."""
        return self._span.is_recording()

    def add_usage(self, usage: Mapping[str, int | float]) -> None:
        """So much was used besides."""
        for unit, amount in usage.items():
            self._usage[unit] += amount  # type: ignore[assignment]  # fractions are added, too

    def end(self, held: Held, error: BaseException | None) -> None:
        """The attempt ended so, with this error or without one."""
        try:
            if self.is_recorded:
                self._describe_end(held, error)
        finally:
            self._span.end()
            context.detach(self._token)

    def _describe_end(self, held: Held, error: BaseException | None) -> None:
        outcome = _outcome(held)
        self._span.set_attribute("agentd.outcome", outcome)
        self.add_usage(held.usage)
        for unit, amount in self._usage.items():
            self._span.set_attribute(f"agentd.usage.{unit}", amount)
        if error is None or isinstance(error, WorkReleased) or not isinstance(error, Exception):
            return
        self._span.set_attributes(failure_attributes(error))
        self._span.set_status(Status(StatusCode.ERROR, failure_words(error)))
        if not isinstance(error, WorkFailed | LeaseLost):  # these two are said, not met
            self._span.add_event("exception", recorded(error))


def _outcome(held: Held) -> str:
    match held.ending:
        case FailNodeResult():
            return "failed"
        case ReleaseNodeResult():
            return "released"
        case None:
            return "lost" if held.is_lost else "interrupted"
        case _:
            return "completed"


def _origin(of: NodeContext) -> tuple[context.Context, list[Link]]:
    """What it is a child of, and what it is linked with."""
    here = context.get_current()
    active = trace.get_current_span(here).get_span_context()
    planned = of.node.traceparent or of.task.traceparent
    if planned:
        links = [Link(active)] if active.is_valid else []
        return _extract({"traceparent": planned}, here), links
    return here if active.is_valid else _extract(inherited_headers(os.environ), here), []


def _attributes(of: NodeContext) -> dict[str, str | int]:
    node = of.node
    found: dict[str, str | int] = {
        "agentd.task.id": of.task.id,
        "agentd.node.id": node.id,
        "agentd.attempt": node.attempt,
        "agentd.lease.owner": node.lease_owner or "",
    }
    if node.name is not None:
        found["agentd.node.name"] = node.name
    return found
