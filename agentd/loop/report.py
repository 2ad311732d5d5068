"""The report of a run: who does what, told from the journal.

The rule this file keeps: nothing is told that is not recorded, so a person sees what a replay would
see, whichever process did it.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal, NamedTuple

from msgspec import Raw, Struct

from agentd.api import RecordedEventView, TaskStatusResult
from agentd.loop.agents import agent_of
from agentd.loop.decoding import Count, decode_or_none
from agentd.loop.handler import REQUEST_RETRIED, REQUEST_STARTED, RESPONSE_RECEIVED
from agentd.loop.result import decode_result

Tone = Literal["good", "bad", "notice", "plain"]


class ReportLine(NamedTuple):
    """One line of the report. `at` is in Unix seconds."""

    at: float
    who: str
    what: str
    about: str
    tone: Tone = "plain"


_Description = tuple[str, str, Tone]
"""What happened, what more there is to say of it, and in which tone."""


class _Acquired(Struct):
    lease_owner: str


class _Completed(Struct):
    result: Raw


class _Failed(Struct):
    error: Raw


class _Started(Struct):
    model: str


class _Retried(Struct):
    wait_ms: Count
    message: str


class _Answered(Struct):
    latency_ms: Count
    usage: Raw


class _Usage(Struct):
    completion_tokens: Count


class _ErrorMessage(Struct):
    message: str


class _ErrorAdvice(Struct):
    next: str


class RunReport:
    """Turns the events of one task into lines for a person."""

    def __init__(self, status: TaskStatusResult) -> None:
        self._names = agent_names(status)
        self._owners = {node.id: node.lease_owner or "" for node in status.nodes}

    def lines(self, events: list[RecordedEventView]) -> Iterator[ReportLine]:
        """What of these is worth telling."""
        for event in events:
            node = event.node_id or ""
            is_taken = event.action_type == "ACQUIRE_NODE"
            if is_taken and (acquired := decode_or_none(event.payload, _Acquired)):
                self._owners[node] = acquired.lease_owner
            told = _describe_event(event.action_type, event.payload)
            if told is not None:
                what, more, tone = told
                about = self._names.get(node, node) + (f": {more}" if more else "")
                at = datetime.fromisoformat(event.timestamp).timestamp()
                yield ReportLine(at, self._owners.get(node, ""), what, about, tone)


def agent_names(status: TaskStatusResult) -> dict[str, str]:
    """The agents of a task's nodes by node id; the id itself where a node has none."""
    agents = {node.id: agent_of(node.payload_schema) for node in status.nodes}
    return {node: agent.name if agent else node for node, agent in agents.items()}


def _describe_event(action_type: str, payload: Raw) -> _Description | None:
    # Any client may commit an event of any type, so what is not as we know it is passed over.
    match action_type:
        case "ACQUIRE_NODE" if decode_or_none(payload, _Acquired):
            return "takes", "", "plain"
        case "TIMEOUT_ROLLBACK":
            return "loses", "the lease ran out, another worker gets the node", "notice"
        case "COMPLETE_NODE" if completed := decode_or_none(payload, _Completed):
            ours = decode_result(completed.result)
            return "completes", ours.artifact.name if ours else "", "good"
        case "FAIL_NODE" if failed := decode_or_none(payload, _Failed):
            return "FAILS", error_message(failed.error), "bad"
    return _describe_handler_event(action_type, payload)


def _describe_handler_event(action_type: str, payload: Raw) -> _Description | None:
    if action_type == REQUEST_STARTED and (started := decode_or_none(payload, _Started)):
        return "asks", started.model, "plain"
    if action_type == REQUEST_RETRIED and (retried := decode_or_none(payload, _Retried)):
        return "waits", f"{retried.wait_ms / 1000:.1f} s, {retried.message}", "notice"
    if action_type == RESPONSE_RECEIVED and (answered := decode_or_none(payload, _Answered)):
        usage = decode_or_none(answered.usage, _Usage)
        spent = f", {usage.completion_tokens} tokens" if usage else ""
        return "is answered", f"in {answered.latency_ms} ms{spent}", "plain"
    return None


def error_message(error: Raw) -> str:
    """What a failed node's payload says, in a few words, or as it stands."""
    told = decode_or_none(error, _ErrorMessage)
    return (told and told.message) or bytes(error).decode(errors="replace")


def error_advice(error: Raw) -> str | None:
    """What a failed node's payload says is to be done next, where it does."""
    told = decode_or_none(error, _ErrorAdvice)
    return told.next if told else None
