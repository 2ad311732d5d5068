"""The queue and the slots of limits follow the rows of nodes and tasks."""

from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from agentd.events import LimitClosed, NodeSettings
from agentd.projections import (
    DEMANDS,
    LIMITS,
    QUEUE,
    STARTS,
    TASK_STATES,
    TASKS,
    LimitRow,
    NodeRow,
    StartRow,
    StretchRow,
    limits,
    queue,
)
from agentd.projections.demands import demand_of
from agentd.store.memory import MemoryTx
from tests.core import NOW
from tests.test_projections import (
    ADDED,
    LATER,
    LIMIT_CLOSED,
    LIMIT_SET,
    PENDING,
    RUNNING,
    STATE_ROW,
    TASK,
    TASK_ROW,
    recorded,
)

DEMANDING = NodeSettings(requires=("x",), limits=("gpu", "net"))
READY = replace(PENDING, demand=demand_of(DEMANDING))


def followed(before: NodeRow | None, after: NodeRow | None, **state: Any) -> list[Struct]:
    """The stretches when a node's row has changed, beside one other node of the first."""
    tables = MemoryTx()
    tables.put(TASK_STATES, (TASK,), replace(STATE_ROW, **state))
    tables.put(TASKS, (TASK,), TASK_ROW)
    if before is not None:
        queue.follow_node(tables, None, before)
    queue.follow_node(tables, before, after)
    return list(tables.rows(QUEUE))


def stretch(**known: Any) -> StretchRow:
    """The stretch of PENDING, which is the only one in it."""
    row = StretchRow(TASK, "", 0, 2 - 3, 1, 1, held=False, hands_out=True, registered_seq=1)
    return replace(row, **known)


@pytest.mark.parametrize(
    ("before", "after", "state", "stretches"),
    [
        (None, PENDING, {}, [stretch()]),
        (None, replace(PENDING, waiting_on=1), {}, []),
        (None, replace(PENDING, not_before=9), {}, [stretch(runnable=0, hands_out=False)]),
        (replace(PENDING, not_before=9), PENDING, {}, [stretch()]),
        (replace(PENDING, waiting_on=1), PENDING, {}, [stretch()]),
        (PENDING, RUNNING, {}, []),
        (RUNNING, PENDING, {}, [stretch()]),
        (PENDING, replace(PENDING, updated_at=9), {}, [stretch()]),
        (PENDING, replace(PENDING, rank=-7), {}, [stretch(rank=-7)]),
        (PENDING, READY, {}, [stretch(demand=READY.demand)]),
        (PENDING, None, {}, []),
        (None, PENDING, {"paused_seq": 4}, [stretch(held=True, hands_out=False)]),
        (None, PENDING, {"spent": True}, [stretch(held=True, hands_out=False)]),
        (None, replace(PENDING, gate=True), {}, [stretch(runnable=0, hands_out=False)]),
        (None, replace(PENDING, locks_in_way=2), {}, [stretch(runnable=0, hands_out=False)]),
        (None, PENDING, {"cancelled_seq": 4}, []),
        (PENDING, RUNNING, {"cancelled_seq": 4}, []),
    ],
)
def test_a_ready_node_is_in_one_stretch(
    before: NodeRow | None, after: NodeRow | None, state: dict[str, Any], stretches: list[Struct]
) -> None:
    """Counted once, and as runnable unless it waits for its moment."""
    assert followed(before, after, **state) == stretches


@pytest.mark.parametrize(
    ("after", "stretches"),
    [
        ({"paused_seq": 4}, [stretch(held=True, hands_out=False)]),
        ({"spent": True}, [stretch(held=True, hands_out=False)]),
        ({"cancelled_seq": 4}, []),
        ({"pending": 3}, [stretch()]),
    ],
)
def test_what_holds_a_task_holds_its_stretches(
    after: dict[str, Any], stretches: list[Struct]
) -> None:
    """And lets them go again; a task that is cancelled has none for ever."""
    tables = MemoryTx()
    tables.put(TASK_STATES, (TASK,), STATE_ROW)
    tables.put(TASKS, (TASK,), TASK_ROW)
    queue.follow_node(tables, None, PENDING)
    changed = replace(STATE_ROW, **after)
    queue.follow_task(tables, STATE_ROW, changed)
    assert list(tables.rows(QUEUE)) == stretches
    queue.follow_task(tables, changed, STATE_ROW)
    assert list(tables.rows(QUEUE)) == ([] if changed.cancelled_seq else [stretch()])


def test_a_slot_goes_with_the_lease() -> None:
    """Of each limit that the node names, whether it is set or not; a rate counts beginnings."""
    tables = MemoryTx()
    event = replace(ADDED, settings=DEMANDING)
    for projection in (DEMANDS, LIMITS):
        for key in projection.keys(recorded(event), tables):
            tables.put(projection, key, projection.reduce(None, recorded(event), key))
    assert list(tables.rows(LIMITS)) == [LimitRow("gpu"), LimitRow("net")]
    rated = LIMITS.reduce(LimitRow("gpu"), recorded(LIMIT_SET), ("gpu",))
    tables.put(LIMITS, ("gpu",), rated)
    running = replace(RUNNING, demand=READY.demand)
    for _ in range(2):
        limits.follow_node(tables, READY, running)
    limits.follow_node(tables, running, READY)
    assert list(tables.rows(STARTS)) == [StartRow("gpu", 0, NOW), StartRow("gpu", 1, NOW)]
    gpu, net = tables.rows(LIMITS)
    assert gpu == LimitRow("gpu", 1, True, 3, 5, 1_000, 2)  # noqa: FBT003 - as it was set
    assert net == LimitRow("net", 1)


def test_a_closed_limit_knows_how_it_was_closed() -> None:
    """Until the moment; one that does not lie ahead opens it."""
    closed = LIMITS.reduce(None, recorded(LIMIT_CLOSED), ("gpu",))
    assert closed == LimitRow("gpu", is_known=True, closed_until=LATER + 9, closed_seq=7)
    opened = LIMITS.reduce(closed, recorded(LimitClosed("gpu", LATER)), ("gpu",))
    assert opened == LimitRow("gpu", is_known=True)
