"""WatchEvents: the journal as a cursor over all tasks, or one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd.errors import TaskNotFound
from agentd.queries import watch_events
from tests.core import STORES, Core, spec, uid

WATCH = watch_events.__module__


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    store = STORES[request.param](tmp_path)
    yield Core(store)
    store.close()


def work(core: Core) -> list[str]:
    """Two tasks, and a node of the first with a heartbeat and a note that calls itself an end."""
    tasks = [core.register(spec(1)), core.register(spec(2), spec(3))]
    held = core.hold(tasks[0])
    core.do("HeartbeatNode", **held.params)
    core.do("CommitEvent", **held.params, action_type="COMPLETE_NODE", payload=1)
    core.do("CompleteNode", **held.params, payload=2)
    return tasks


def seen(page: dict[str, Any]) -> list[tuple[int, str, bool]]:
    """Seq, action type and who wrote it."""
    return [(e["seq"], e["action_type"], e["by_client"]) for e in page["events"]]


def test_all_events(core: Core) -> None:
    """Those of all tasks in the journal's order, heartbeats left out, as TaskEvents shows them."""
    first, second = work(core)
    page = core.do("WatchEvents", after_seq=0)
    assert [seq for seq, _, _ in seen(page)] == [1, 2, 3, 4, 5, 6, 8, 9]
    assert page["last_seq"] == 9
    for task_id in (first, second):
        of_task = [event for event in page["events"] if event["task_id"] == task_id]
        assert of_task == core.do("TaskEvents", task_id=task_id)["events"]
        assert core.do("WatchEvents", after_seq=0, task_id=task_id)["events"] == of_task


def test_from_now_on(core: Core) -> None:
    """Without `after_seq` it begins behind the last event there is."""
    work(core)
    page = core.do("WatchEvents")
    assert page == {"events": [], "last_seq": 9}
    core.register(spec(5))
    assert [seq for seq, _, _ in seen(core.do("WatchEvents", after_seq=page["last_seq"]))] == [
        10,
        11,
    ]


def test_kinds(core: Core) -> None:
    """Only those action types; what a client calls itself counts, and who wrote it is told."""
    first, _ = work(core)
    page = core.do("WatchEvents", after_seq=0, kinds=["COMPLETE_NODE", "HEARTBEAT_NODE"])
    assert seen(page) == [
        (7, "HEARTBEAT_NODE", False),
        (8, "COMPLETE_NODE", True),
        (9, "COMPLETE_NODE", False),
    ]
    assert page["events"][0]["payload"] == {"lease_expires_at": (core.now + core.lease_ms) // 1000}
    of_task = core.do(
        "WatchEvents", after_seq=0, kinds=["COMPLETE_NODE", "HEARTBEAT_NODE"], task_id=first
    )
    assert of_task == page
    nothing = core.do("WatchEvents", after_seq=3, kinds=["NO_SUCH"])
    assert nothing == {"events": [], "last_seq": 9}


def test_what_a_client_calls_a_heartbeat(core: Core) -> None:
    """It is an event like any other."""
    task_id = core.register(spec(1))
    core.do("CommitEvent", task_id=task_id, node_id=uid(1), action_type="HEARTBEAT_NODE")
    assert seen(core.do("WatchEvents", after_seq=2)) == [(3, "HEARTBEAT_NODE", True)]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize("looked_at", [1, 2, 3, 100])
@pytest.mark.parametrize("of_task", [None, 0, 1])
@pytest.mark.parametrize("kinds", [None, ["HEARTBEAT_NODE"], ["ADD_NODE", "COMPLETE_NODE"]])
def test_no_gaps_and_no_repeats(
    core: Core,
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
    looked_at: int,
    of_task: int | None,
    kinds: list[str] | None,
) -> None:
    """However little one call looks at, page after page is the whole."""
    tasks = work(core)
    params: dict[str, Any] = {"after_seq": 0, "kinds": kinds}
    if of_task is not None:
        params["task_id"] = tasks[of_task]
    whole = core.do("WatchEvents", **params)
    monkeypatch.setattr(f"{WATCH}.MOST_LOOKED_AT", looked_at)
    events: list[Any] = []
    while params["after_seq"] < whole["last_seq"]:
        page = core.do("WatchEvents", **params, limit=limit)
        assert params["after_seq"] < page["last_seq"] <= whole["last_seq"]
        assert len(page["events"]) <= min(limit, looked_at)
        events += page["events"]
        params["after_seq"] = page["last_seq"]
    assert events == whole["events"]


def test_a_place_that_is_not_there_yet(core: Core) -> None:
    """Nothing is behind it, and it stays the place to go on from."""
    work(core)
    assert core.do("WatchEvents", after_seq=99) == {"events": [], "last_seq": 99}


def test_an_unknown_task(core: Core) -> None:
    """It is refused as everywhere."""
    with pytest.raises(TaskNotFound):
        core.do("WatchEvents", task_id=uid(9))


@pytest.mark.parametrize(
    ("field", "value"),
    [("after_seq", -1), ("limit", 0), ("limit", 1001), ("kinds", []), ("kinds", [""])],
)
def test_what_is_out_of_range(core: Core, field: str, value: object) -> None:
    """It is refused by its name."""
    with pytest.raises(Exception, match=field):
        core.do("WatchEvents", **{field: value})
