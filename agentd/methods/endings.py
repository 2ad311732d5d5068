"""CompleteNode, FailNode and ReleaseNode, and in the same transaction what its worker gets next."""

from collections.abc import Sequence

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from agentd import decide, queries
from agentd.api import (
    AcquireNextNodeResult,
    CompleteNodeParams,
    EndingResult,
    FailNodeParams,
    FailNodeResult,
    ReleaseNodeParams,
    ReleaseNodeResult,
    fractional_seconds,
)
from agentd.decide import Context, LeaseState, NodeState
from agentd.events import NodeFailed, NodeReleased
from agentd.journal import Recorded
from agentd.methods.leases import acquire_behind_ending, find_wanted, show_lease
from agentd.methods.lock_endings import Steps
from agentd.methods.method import Command
from agentd.methods.state import load_ending
from agentd.store import Reader

EndingParams = CompleteNodeParams | FailNodeParams | ReleaseNodeParams


def _load(reader: Reader, params: EndingParams, context: Context) -> NodeState:
    """The node to end, and where it is named the task that the next one is wanted of."""
    state, wanted = load_ending(reader, params, context), params.acquire_next
    if wanted is None or isinstance(wanted.task_id, UnsetType):
        return state
    task_id = wanted.task_id
    task = queries.find_state_row(reader, task_id)
    named = None if task is None else find_wanted(reader, task_id, wanted)
    return replace(state, wanted_next=LeaseState(task_id, 0, task, named))


def _acquire_next(
    reader: Reader, params: EndingParams, context: Context, recorded: Sequence[Recorded]
) -> Steps:
    """Once the node has ended: a repeat of the ending gets nothing more."""
    if recorded and params.acquire_next is not None:
        yield from acquire_behind_ending(reader, params.acquire_next, context)


def _show_next(
    reader: Reader, records: Sequence[Recorded], params: EndingParams, context: Context
) -> AcquireNextNodeResult | UnsetType | None:
    """What was acquired behind the ending, with which the records begin."""
    wanted = params.acquire_next
    return UNSET if wanted is None else show_lease(reader, records[1:], wanted, context)


def _show_completion(
    reader: Reader, records: Sequence[Recorded], params: CompleteNodeParams, context: Context
) -> EndingResult:
    following = _show_next(reader, records, params, context)
    return EndingResult(records[0].event_id, following)


def _show_failure(
    reader: Reader, records: Sequence[Recorded], params: FailNodeParams, context: Context
) -> FailNodeResult:
    event = records[0].event
    assert isinstance(event, NodeFailed)  # noqa: S101 - that is what fail_node decides
    following = _show_next(reader, records, params, context)
    not_before = fractional_seconds(event.not_before)
    event_id = records[0].event_id
    return FailNodeResult(event_id, following, event.status, event.attempt, not_before)


def _show_release(
    reader: Reader, records: Sequence[Recorded], params: ReleaseNodeParams, context: Context
) -> ReleaseNodeResult:
    event = records[0].event
    assert isinstance(event, NodeReleased)  # noqa: S101 - that is what release_node decides
    following = _show_next(reader, records, params, context)
    not_before = fractional_seconds(event.not_before)
    return ReleaseNodeResult(records[0].event_id, following, event.status, not_before)


COMPLETE_NODE = Command(_load, decide.complete_node, show=_show_completion, more=_acquire_next)
FAIL_NODE = Command(_load, decide.fail_node, show=_show_failure, more=_acquire_next)
RELEASE_NODE = Command(_load, decide.release_node, show=_show_release, more=_acquire_next)
