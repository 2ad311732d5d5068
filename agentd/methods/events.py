"""CommitEvent and TaskEvents."""

from agentd import decide, queries
from agentd.api import EventResult, TaskEventsParams, TaskEventsResult
from agentd.decide import Context
from agentd.journal import Recorded
from agentd.methods.method import Command
from agentd.methods.state import load_node_to_charge
from agentd.store import Reader


def show_event_id(_reader: Reader, recorded: Recorded, _context: Context) -> EventResult:
    """The answer of a command whose event is all that there is to tell."""
    return EventResult(recorded.event_id)


COMMIT_EVENT = Command(load_node_to_charge, decide.commit_event, show_event_id)


def task_events(reader: Reader, params: TaskEventsParams, _context: Context) -> TaskEventsResult:
    """A page of a task's events."""
    return queries.task_events(reader, params)
