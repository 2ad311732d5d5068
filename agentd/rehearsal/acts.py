"""What people and agents did, done once more: as commands, or as the facts that were recorded.

The rule this file keeps: what is decided is decided by the methods' own commands, without their
answers, which nobody reads. A fact is what arrived from outside and is nobody's decision here.
"""

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct

from agentd.decide import Context
from agentd.journal import Draft
from agentd.methods import SETTLE_DUE, TIME_OUT_GATES, TIME_OUT_TASK, Command
from agentd.methods.control import CANCEL_TASK, PAUSE_TASK, RESUME_TASK, SET_BUDGET
from agentd.methods.endings import COMPLETE_NODE, FAIL_NODE, RELEASE_NODE
from agentd.methods.events import COMMIT_EVENT
from agentd.methods.gates import DECIDE_GATE
from agentd.methods.heartbeats import HEARTBEAT_NODE
from agentd.methods.leases import ACQUIRE_NEXT_NODE
from agentd.methods.retries import RETRY_NODE
from agentd.store import Reader


class Facts(Struct, frozen=True):
    """What is recorded as it was, in the stream of one task."""

    task_id: str
    drafts: Sequence[Draft]
    request_id: ClassVar[None] = None


class _Stream(Struct, frozen=True):
    task_id: str
    version: int
    result_seq: ClassVar[int] = 0


def _load(reader: Reader, facts: Facts, _context: Context) -> _Stream:
    return _Stream(facts.task_id, reader.head(facts.task_id).version)


def _record(_state: _Stream, facts: Facts, _context: Context) -> list[Draft]:
    return [*facts.drafts]


def _quiet(command: Command) -> Command:
    """The same, and nobody is told."""
    return command._replace(view=None, unchanged=None, show=None, worth_waiting=None)


RECORD = Command(_load, _record)
ACQUIRE = _quiet(ACQUIRE_NEXT_NODE)
BEAT = _quiet(HEARTBEAT_NODE)
COMMIT = _quiet(COMMIT_EVENT)
COMPLETE = _quiet(COMPLETE_NODE)
FAIL = _quiet(FAIL_NODE)
RELEASE = _quiet(RELEASE_NODE)
RETRY = _quiet(RETRY_NODE)
DECIDE = _quiet(DECIDE_GATE)
CANCEL = _quiet(CANCEL_TASK)
PAUSE = _quiet(PAUSE_TASK)
RESUME = _quiet(RESUME_TASK)
BUDGET = _quiet(SET_BUDGET)
SETTLE = _quiet(SETTLE_DUE)
CLOSE_GATES = _quiet(TIME_OUT_GATES)
END_TASK = _quiet(TIME_OUT_TASK)
