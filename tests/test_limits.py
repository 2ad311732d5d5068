"""Limits: slots, rates, closing, usage and who waits; each engine runs the suite."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd.api import MOST_STARTS
from agentd.errors import InvalidParams, LimitUnknown
from agentd.projections.limits import REMEMBERED_STARTS
from tests.core import LEASE_MS, NOW, STORES, Core, kind_of, spec, uid

GPU = {"limits": ["gpu"]}


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    store = STORES[request.param](tmp_path)
    yield Core(store)
    store.close()


def acquire(core: Core, **params: Any) -> str | None:
    """The id of the node that is handed out."""
    found = core.do("AcquireNextNode", **params)
    return None if found is None else str(found["node_id"])


def set_limit(core: Core, most: int | None, name: str = "gpu", **more: Any) -> None:
    assert core.do("SetLimit", name=name, max_running=most, **more) == {"ok": True}


def listed(core: Core, name: str = "gpu") -> dict[str, Any]:
    return next(dict(one) for one in core.do("ListLimits")["limits"] if one["name"] == name)


# Slots


def test_no_more_run_than_may(core: Core) -> None:
    """A slot is taken with the lease, and comes back when it ends, however that is."""
    task_id = core.register(*(spec(n, **GPU) for n in range(1, 9)), spec(9))
    set_limit(core, 2)
    first, second = core.hold(task_id), core.hold(task_id)
    assert acquire(core, task_id=task_id) == uid(9)  # which names no limit
    assert acquire(core, task_id=task_id) is None
    core.do("CompleteNode", **first.params)
    third = core.hold(task_id)
    core.do("FailNode", **second.params)
    fourth = core.hold(task_id)
    core.do("ReleaseNode", **third.params)
    assert acquire(core, task_id=task_id) == third.node_id
    core.now += LEASE_MS
    core.do("settle_due", task_id=task_id)
    assert listed(core)["running"] == 0
    assert acquire(core, task_id=task_id) == third.node_id
    assert acquire(core, task_id=task_id) == fourth.node_id


def test_a_limit_is_of_all_tasks(core: Core) -> None:
    """A node of any task takes its slot, and whoever wants a node of any gets another's."""
    one, other = core.register(spec(1, **GPU)), core.register(spec(2, **GPU), spec(3))
    set_limit(core, 1)
    assert acquire(core, task_id=one) == uid(1)
    assert acquire(core) == uid(3)
    assert acquire(core) is None
    assert core.do("ListTasks", runnable=True)["tasks"] == []
    core.do("CancelTask", task_id=one)
    assert [each["id"] for each in core.do("ListTasks", runnable=True)["tasks"]] == [other]
    assert acquire(core) == uid(2)


def test_a_slot_of_each_or_none(core: Core) -> None:
    """A node that names two limits waits for both, and has neither meanwhile."""
    task_id = core.register(spec(1, limits=["gpu", "net", "gpu"]), spec(2, **GPU))
    set_limit(core, 1)
    set_limit(core, 0, "net")
    assert acquire(core, task_id=task_id) == uid(2)
    set_limit(core, 1, "net")
    assert acquire(core, task_id=task_id) is None
    set_limit(core, 2)
    assert acquire(core, task_id=task_id) == uid(1)
    assert (listed(core)["running"], listed(core, "net")["running"]) == (2, 1)


def test_a_limit_that_is_set_counts_those_that_run(core: Core) -> None:
    """Before that it does not limit; lowered, it takes nothing away; null is no limit again."""
    task_id = core.register(*(spec(n, **GPU) for n in range(1, 9)))
    held = [core.hold(task_id) for _ in range(3)]
    assert core.do("ListLimits") == {"limits": [], "next": None}
    set_limit(core, 1)
    assert listed(core)["running"] == 3
    assert core.do("HeartbeatNode", **held[0].params)["ok"] is True
    for each in held[:2]:
        core.do("CompleteNode", **each.params)
        assert acquire(core, task_id=task_id) is None
    set_limit(core, None)
    assert acquire(core, task_id=task_id) == uid(4)


def test_the_ending_frees_the_slot_that_acquire_next_takes(core: Core) -> None:
    """One transaction, the ending first."""
    task_id = core.register(spec(1, **GPU), spec(2, **GPU))
    set_limit(core, 1)
    held = core.hold(task_id)
    done = core.do("CompleteNode", **held.params, acquire_next={"task_id": task_id})
    assert done["next"]["node_id"] == uid(2)
    assert listed(core)["running"] == 1


def test_a_lease_that_ran_out_frees_its_slot_for_who_asks(core: Core) -> None:
    """What is due is settled first, also where any task would do."""
    task_id = core.register(spec(1, **GPU), spec(2, **GPU))
    set_limit(core, 1)
    core.hold(task_id)
    core.now += LEASE_MS
    assert acquire(core) == uid(1)
    assert listed(core)["running"] == 1


def test_several_at_once_take_a_slot_each(core: Core) -> None:
    """AcquireNodes hands out as many as there are slots."""
    task_id = core.register(*(spec(n, **GPU) for n in range(1, 9)))
    set_limit(core, 3)
    leases = core.do("AcquireNodes", task_id=task_id, count=8)["leases"]
    assert [lease["node_id"] for lease in leases] == [uid(1), uid(2), uid(3)]


def test_a_node_that_is_wanted_waits_for_its_slot_too(core: Core) -> None:
    """Whoever names it gets it when it is runnable."""
    task_id = core.register(spec(1, **GPU))
    set_limit(core, 0)
    assert acquire(core, task_id=task_id, node_id=uid(1)) is None
    set_limit(core, 1)
    assert acquire(core, task_id=task_id, node_id=uid(1)) == uid(1)


def test_two_that_ask_at_once(core: Core) -> None:
    """They share a commit, and the last slot is one's."""
    core.register(spec(1, **GPU), spec(2, **GPU))
    set_limit(core, 1)
    first, second = core.batch(("AcquireNextNode", {}), ("AcquireNextNode", {}))
    assert (first["node_id"], second) == (uid(1), None)


# Closing


def test_a_closed_limit_hands_out_nothing(core: Core) -> None:
    """To anybody, until the moment; holders go on."""
    task_id = core.register(spec(1, **GPU), spec(2, **GPU), spec(3))
    held = core.hold(task_id)
    core.do("CloseLimit", name="gpu", for_secs=1.5, reason="quota", by="w")
    shown = listed(core)
    assert (shown["closed_until"], shown["reason"]) == ((NOW + 1_500) / 1000, "quota")
    assert core.do("HeartbeatNode", **held.params)["ok"] is True
    assert acquire(core) == uid(3)
    assert acquire(core) is None
    core.now += 1_500
    shown = listed(core)
    assert (shown["closed_until"], shown["reason"]) == (None, None)
    assert acquire(core) == uid(2)


def test_a_closed_limit_is_opened(core: Core) -> None:
    """With `for_secs` 0; one that is open stays so, and nothing is recorded."""
    core.register(spec(1, **GPU))
    core.do("CloseLimit", name="gpu", until="2026-01-31T13:00:00Z")
    assert acquire(core) is None
    core.do("CloseLimit", name="gpu", for_secs=0)
    events = len(core.journal())
    assert core.do("CloseLimit", name="gpu", for_secs=0) == {"ok": True}
    assert len(core.journal()) == events
    assert acquire(core) == uid(1)


def test_closing_makes_the_limit_where_only_nodes_name_it(core: Core) -> None:
    """Then it is listed; a name that nothing and nobody named is refused, with that name."""
    core.register(spec(1, **GPU))
    with pytest.raises(LimitUnknown, match="'gpv'") as refusal:
        core.do("CloseLimit", name="gpv", for_secs=9)
    assert (kind_of(refusal.value), refusal.value.data["name"]) == ("limit_unknown", "gpv")
    core.do("CloseLimit", name="gpu", for_secs=0)
    assert listed(core)["max_running"] is None


@pytest.mark.parametrize("params", [{}, {"for_secs": 1, "until": 9}, {"until": "x"}])
def test_how_long_is_said_once(core: Core, params: dict[str, Any]) -> None:
    """Either how long, or until when."""
    set_limit(core, 1)
    with pytest.raises(InvalidParams):
        core.do("CloseLimit", name="gpu", **params)


# Rates


def test_a_rate(core: Core) -> None:
    """Never more than so many acquisitions in any so many seconds, whatever becomes of them."""
    task_id = core.register(*(spec(n, **GPU) for n in range(1, 9)))
    set_limit(core, None, rate={"count": 2, "per_secs": 10})
    core.do("ReleaseNode", **core.hold(task_id).params)
    core.now += 4_000
    assert acquire(core) == uid(1)
    assert acquire(core) is None
    core.now += 5_999
    assert acquire(core) is None
    core.now += 1
    assert acquire(core) == uid(2)
    assert acquire(core) is None
    core.now += 4_000
    assert acquire(core) == uid(3)


def test_a_later_rate_keeps_counting(core: Core) -> None:
    """What began before counts; null forgets it."""
    core.register(*(spec(n, **GPU) for n in range(1, 9)))
    set_limit(core, None, rate={"count": 3, "per_secs": 10})
    for _ in range(3):
        acquire(core)
    set_limit(core, None, rate={"count": 4, "per_secs": 100})
    assert acquire(core) == uid(4)
    assert acquire(core) is None
    set_limit(core, None)
    set_limit(core, None, rate={"count": 1, "per_secs": 100})
    assert acquire(core) == uid(5)
    assert acquire(core) is None


def test_the_largest_rate(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many acquisitions are remembered as a rate may count, and no more."""
    monkeypatch.setattr("agentd.projections.limits.REMEMBERED_STARTS", 3)
    core.register(*(spec(n, **GPU) for n in range(1, 9)))
    set_limit(core, None, rate={"count": 3, "per_secs": 10})
    found: list[tuple[int, str | None]] = []
    for second in range(13):
        core.now = NOW + second * 1_000
        found.append((second, acquire(core)))
    got = [second for second, node in found if node is not None]
    assert got == [0, 1, 2, 10, 11, 12]


def test_an_expired_acquisition_counts_no_slot_but_in_the_rate(core: Core) -> None:
    """A rate counts beginnings, `max_running` those that run."""
    task_id = core.register(spec(1, **GPU))
    set_limit(core, 1, rate={"count": 1, "per_secs": 10_000})
    core.hold(task_id)
    core.now += LEASE_MS
    assert acquire(core, task_id=task_id) is None
    assert (listed(core)["running"], listed(core)["rate"]) == (0, {"count": 1, "per_secs": 10_000})


# What is listed


def test_the_list(core: Core) -> None:
    """By name, a page at a time, those that were set or closed; who waits is ready."""
    core.register(
        spec(1, **GPU),
        spec(2, **GPU),
        spec(3, 1, **GPU),
        spec(4, limits=["other"]),
        spec(5, not_before=(NOW + 9_000) / 1000, **GPU),
    )
    paused = core.do("RegisterTask", goal="g", paused=True, initial_nodes=[spec(6, **GPU)])
    cancelled = core.register(spec(7, **GPU))
    core.do("CancelTask", task_id=cancelled)
    assert core.do("ListTasks")["tasks"][1]["id"] == paused["task_id"]
    for name, most in (("net", 0), ("gpu", 4), ("api", None)):
        set_limit(core, most, name)
    acquire(core)
    assert listed(core) == {
        "name": "gpu",
        "max_running": 4,
        "rate": None,
        "running": 1,
        "waiting": 3,
        "closed_until": None,
        "reason": None,
        "usage": {},
    }
    page = core.do("ListLimits", limit=2)
    assert ([one["name"] for one in page["limits"]], page["next"]) == (["api", "gpu"], "gpu")
    page = core.do("ListLimits", limit=2, after="gpu")
    assert ([one["name"] for one in page["limits"]], page["next"]) == (["net"], None)


def test_usage_is_added_up_by_limit(core: Core) -> None:
    """Over all nodes that name it, and all their attempts."""
    task_id = core.register(spec(1, **GPU), spec(2, **GPU), spec(3))
    set_limit(core, None)
    held, other, plain = (core.hold(task_id) for _ in range(3))
    core.do("CommitEvent", **held.params, usage={"usd": 0.1})
    core.do("CompleteNode", **held.params, usage={"usd": 0.2, "tokens": 5})
    core.do("FailNode", **other.params, usage={"tokens": 1})
    core.do("CompleteNode", **plain.params, usage={"tokens": 100})
    assert listed(core)["usage"] == {"usd": 0.3, "tokens": 6}


def test_what_is_so_already_is_not_recorded(core: Core) -> None:
    """The same limit once more changes nothing."""
    rate = {"count": 2, "per_secs": 1.5}
    set_limit(core, 3, rate=rate)
    events = len(core.journal())
    set_limit(core, 3, rate=rate)
    assert len(core.journal()) == events
    set_limit(core, 3)
    assert len(core.journal()) == events + 1


def test_the_journal_says_what_became_of_a_limit(core: Core) -> None:
    """Its events are of no task."""
    set_limit(core, 3, rate={"count": 2, "per_secs": 1.5})
    core.do("CloseLimit", name="gpu", for_secs=9, reason="quota", by="w")
    events = core.do("WatchEvents", after_seq=0)["events"]
    assert [(e["task_id"], e["node_id"], e["action_type"], e["payload"]) for e in events] == [
        (
            *(None, None, "SET_LIMIT"),
            {"name": "gpu", "max_running": 3, "rate": {"count": 2, "per_secs": 1.5}},
        ),
        (
            *(None, None, "CLOSE_LIMIT"),
            {"name": "gpu", "closed_until": (NOW + 9_000) / 1000, "reason": "quota", "by": "w"},
        ),
    ]


def test_as_many_are_remembered_as_a_rate_may_count() -> None:
    """The params and the rows agree on how many that is."""
    assert MOST_STARTS == REMEMBERED_STARTS


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"max_running": -1}, "max_running"),
        ({"max_running": 1.5}, "max_running"),
        ({"max_running": 2**63}, "max_running"),
        ({"max_running": 1, "rate": {"count": 0, "per_secs": 1}}, "rate.count"),
        ({"max_running": 1, "rate": {"count": 10_001, "per_secs": 1}}, "rate.count"),
        ({"max_running": 1, "rate": {"count": 1, "per_secs": 0.5}}, "rate.per_secs"),
        ({"max_running": 1, "rate": {"count": 1}}, "per_secs"),
        ({"max_running": 1, "name": ""}, "name"),
        ({"max_running": 1, "name": "x" * 257}, "name"),
        ({"max_run": 1}, "max_running"),
    ],
)
def test_what_is_no_limit(core: Core, params: dict[str, Any], field: str) -> None:
    """A value outside its range is refused, and the message names the field."""
    with pytest.raises(InvalidParams) as refusal:
        core.do("SetLimit", **{"name": "gpu", **params})
    assert field in refusal.value.message
    assert core.journal() == []
