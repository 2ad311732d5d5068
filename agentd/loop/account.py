"""Who does what, told from the journal.

The rule this file keeps: nothing is told that is not recorded, so a person sees what a replay would
see, whichever process did it.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal, NamedTuple

from msgspec import Raw, Struct

from agentd.api import RecordedEventView, TaskStatusResult
from agentd.loop.agents import agent_of
from agentd.loop.handler import ANSWERED, RETRIED, STARTED
from agentd.loop.reading import Count, read
from agentd.loop.result import result_of

Mood = Literal["good", "bad", "news", "plain"]


class News(NamedTuple):
    """One line of the account. `at` is in Unix seconds."""

    at: float
    who: str
    what: str
    about: str
    mood: Mood = "plain"


Told = tuple[str, str, Mood]
"""What happened, what more there is to say of it, and in which mood."""


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


class _Complaint(Struct):
    message: str


class _Advice(Struct):
    next: str


class Account:
    """Turns the events of one task into news."""

    def __init__(self, status: TaskStatusResult) -> None:
        self._names = names(status)
        self._owners = {node.id: node.lease_owner or "" for node in status.nodes}

    def news(self, events: list[RecordedEventView]) -> Iterator[News]:
        """What of these is worth telling."""
        for event in events:
            node = event.node_id or ""
            is_taken = event.action_type == "ACQUIRE_NODE"
            if is_taken and (acquired := read(event.payload, _Acquired)):
                self._owners[node] = acquired.lease_owner
            told = _told(event.action_type, event.payload)
            if told is not None:
                what, more, mood = told
                about = self._names.get(node, node) + (f": {more}" if more else "")
                at = datetime.fromisoformat(event.timestamp).timestamp()
                yield News(at, self._owners.get(node, ""), what, about, mood)


def names(status: TaskStatusResult) -> dict[str, str]:
    """The agents of a task's nodes by node id; the id itself where a node has none."""
    agents = {node.id: agent_of(node.payload_schema) for node in status.nodes}
    return {node: agent.name if agent else node for node, agent in agents.items()}


def _told(action_type: str, payload: Raw) -> Told | None:
    # Any client may commit an event of any type, so what is not as we know it is passed over.
    match action_type:
        case "ACQUIRE_NODE" if read(payload, _Acquired):
            return "takes", "", "plain"
        case "TIMEOUT_ROLLBACK":
            return "loses", "the lease ran out, another worker gets the node", "news"
        case "COMPLETE_NODE" if completed := read(payload, _Completed):
            ours = result_of(completed.result)
            return "completes", ours.artifact.name if ours else "", "good"
        case "FAIL_NODE" if failed := read(payload, _Failed):
            return "FAILS", complaint(failed.error), "bad"
    return _told_by_handler(action_type, payload)


def _told_by_handler(action_type: str, payload: Raw) -> Told | None:
    if action_type == STARTED and (started := read(payload, _Started)):
        return "asks", started.model, "plain"
    if action_type == RETRIED and (retried := read(payload, _Retried)):
        return "waits", f"{retried.wait_ms / 1000:.1f} s, {retried.message}", "news"
    if action_type == ANSWERED and (answered := read(payload, _Answered)):
        usage = read(answered.usage, _Usage)
        spent = f", {usage.completion_tokens} tokens" if usage else ""
        return "is answered", f"in {answered.latency_ms} ms{spent}", "plain"
    return None


def complaint(error: Raw) -> str:
    """What a failed node's payload says, in a few words, or as it stands."""
    told = read(error, _Complaint)
    return (told and told.message) or bytes(error).decode(errors="replace")


def advice(error: Raw) -> str | None:
    """What a failed node's payload says is to be done next, where it does."""
    told = read(error, _Advice)
    return told.next if told else None
