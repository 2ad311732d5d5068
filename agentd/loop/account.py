"""Who does what, told from the journal.

The rule this file keeps: nothing is told that is not recorded, so a person sees what a replay would
see, whichever process did it.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal, NamedTuple

import msgspec

from agentd.api import RecordedEventView, TaskStatusResult
from agentd.loop.agents import agent_of
from agentd.loop.handler import ANSWERED, RETRIED, STARTED
from agentd.loop.result import result_of

Mood = Literal["good", "bad", "news", "plain"]


class News(NamedTuple):
    """One line of the account. `at` is in Unix seconds."""

    at: float
    who: str
    what: str
    about: str
    mood: Mood = "plain"


class Account:
    """Turns the events of one task into news."""

    def __init__(self, status: TaskStatusResult) -> None:
        self._names = names(status)
        self._owners = {node.id: node.lease_owner or "" for node in status.nodes}

    def news(self, events: list[RecordedEventView]) -> Iterator[News]:
        """What of these is worth telling."""
        for event in events:
            payload = msgspec.json.decode(event.payload)
            node = event.node_id or ""
            match event.action_type, payload:
                case "ACQUIRE_NODE", {"lease_owner": str(owner)}:
                    self._owners[node] = owner
            told = _told(event.action_type, payload)
            if told is not None:
                what, more, mood = told
                about = self._names.get(node, node) + (f": {more}" if more else "")
                at = datetime.fromisoformat(event.timestamp).timestamp()
                yield News(at, self._owners.get(node, ""), what, about, mood)


def names(status: TaskStatusResult) -> dict[str, str]:
    """The agents of a task's nodes by node id; the id itself where a node has none."""
    found = {}
    for node in status.nodes:
        agent = agent_of(msgspec.json.decode(node.payload_schema))
        found[node.id] = agent.name if agent else node.id
    return found


def _told(action_type: str, payload: Any) -> tuple[str, str, Mood] | None:
    # Any client may commit an event of any type, so what is not as we know it is passed over.
    match action_type, payload:
        case "ACQUIRE_NODE", {"lease_owner": str()}:
            return "takes", "", "plain"
        case "TIMEOUT_ROLLBACK", _:
            return "loses", "the lease ran out, another worker gets the node", "news"
        case "COMPLETE_NODE", {"result": result}:
            ours = result_of(result)
            return "completes", ours.artifact.name if ours else "", "good"
        case "FAIL_NODE", {"error": error}:
            return "FAILS", complaint(error), "bad"
    return _told_by_handler(action_type, payload)


def _told_by_handler(action_type: str, payload: Any) -> tuple[str, str, Mood] | None:
    match action_type, payload:
        case _, {"model": str(model)} if action_type == STARTED:
            return "asks", model, "plain"
        case _, {"wait_ms": int(wait), "message": str(message)} if action_type == RETRIED:
            return "waits", f"{wait / 1000:.1f} s, {message}", "news"
        case _, {"latency_ms": int(latency), "usage": usage} if action_type == ANSWERED:
            tokens = usage.get("completion_tokens") if isinstance(usage, dict) else None
            spent = f", {tokens} tokens" if tokens is not None else ""
            return "is answered", f"in {latency} ms{spent}", "plain"
    return None


def complaint(error: Any) -> str:
    """What a failed node's payload says, in a few words."""
    message = error.get("message") if isinstance(error, dict) else None
    return str(message or msgspec.json.encode(error).decode())
