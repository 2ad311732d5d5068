"""CompleteNode, FailNode and ReleaseNode."""

from agentd import decide
from agentd.api import FailNodeResult, ReleaseNodeResult, fractional_seconds
from agentd.decide import Context
from agentd.events import NodeFailed, NodeReleased
from agentd.journal import Recorded
from agentd.methods.events import show_event_id
from agentd.methods.method import Command
from agentd.methods.state import load_ending
from agentd.store import Reader


def _show_failure(_reader: Reader, recorded: Recorded, _context: Context) -> FailNodeResult:
    event = recorded.event
    assert isinstance(event, NodeFailed)  # noqa: S101 - that is what fail_node decides
    not_before = fractional_seconds(event.not_before)
    return FailNodeResult(recorded.event_id, event.status, event.attempt, not_before)


def _show_release(_reader: Reader, recorded: Recorded, _context: Context) -> ReleaseNodeResult:
    event = recorded.event
    assert isinstance(event, NodeReleased)  # noqa: S101 - that is what release_node decides
    not_before = fractional_seconds(event.not_before)
    return ReleaseNodeResult(recorded.event_id, event.status, not_before)


COMPLETE_NODE = Command(load_ending, decide.complete_node, show_event_id)
FAIL_NODE = Command(load_ending, decide.fail_node, _show_failure)
RELEASE_NODE = Command(load_ending, decide.release_node, _show_release)
