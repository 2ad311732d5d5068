"""What a rehearsal begins with, what it leaves out, and the names that it knows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd.errors import BadSetting
from agentd.events import (
    EVENTS,
    EventCommitted,
    GateDecided,
    GateOpened,
    LockAcquired,
    LockEnded,
)
from agentd.projections import project
from agentd.rehearsal import (
    Rehearsal,
    arrivals,
    deeds,
    parse_policy,
    read_stretch,
    recording,
    waiting,
)
from agentd.rehearsal import rehearse as play
from agentd.rehearsal.tables import QuickTables
from tests.core import NOW, Core, open_sqlite, spec, uid
from tests.rehearsed import SECOND, Played, rehearsed, seconds

MONTH = 30 * 86_400 * SECOND
FILE = "path:/a"


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    store = open_sqlite(tmp_path)
    yield Core(store, lease_ms=60 * SECOND)
    store.close()


def since(core: Core, moment: int) -> Rehearsal:
    with core.store.read() as reader:
        stretch = read_stretch(reader, None, moment)
    return play(stretch, parse_policy(()))


def work_off(core: Core, task_id: str, *then: tuple[int, Any], alone: bool = False) -> None:
    """One worker, 10 seconds a node, and what is done besides, each at its second."""
    played = Played(core, seconds(10))
    wanted: dict[str, Any] = {"task_id": task_id} if alone else {}
    played.worker("w", poll=200, **wanted)
    for secs, deed in then:
        played.at(NOW + secs * SECOND, deed)
    played.run([task_id])


def test_every_kind_of_event_is_played_again_or_made_anew() -> None:
    """None is left out in silence: a new kind has to be said something of."""
    noted, attempts = arrivals._NOTED, recording._NOTES  # noqa: SLF001 - the lists are the point
    assert {*noted, *attempts, *recording.MADE_ANEW} == {*EVENTS}
    assert len({*noted} & {*attempts}) == 0
    otherwise = {EventCommitted, LockAcquired, LockEnded, GateOpened, GateDecided}
    assert {*noted} - otherwise == {*deeds._DOERS}  # noqa: SLF001 - likewise


@pytest.mark.parametrize("alone", [True, False])
def test_a_stretch_begins_with_what_happens_in_a_task(core: Core, alone: bool) -> None:  # noqa: FBT001
    """A limit that was set a month before holds, and the month is none of the makespan."""
    core.now = NOW - MONTH
    core.do("SetLimit", name="claude", max_running=1)
    core.now = NOW
    task_id = core.register(*(spec(each, limits=["claude"]) for each in range(1, 4)))
    work_off(core, task_id)
    found = rehearsed(core, "workers=3", task_id=task_id if alone else None)
    assert (found.begin, found.was.figures.makespan_secs) == (NOW, 30)
    assert found.would.figures.makespan_secs == 30
    assert rehearsed(core, "limit.claude=2", "workers=2").would.figures.makespan_secs == 20


@pytest.mark.parametrize("ttl", [600, 40])
def test_a_lock_that_was_held_before_is_in_the_way_until_it_ended(core: Core, ttl: int) -> None:
    """Somebody holds it when the stretch begins, and gives it back, or lets it run out."""
    task_id = core.register(*(spec(each, locks=[FILE]) for each in (1, 2)))
    lock = core.do("AcquireResourceLock", resource_key=FILE, owner="me", ttl_secs=ttl)
    held = {"resource_key": FILE, "lease_id": lock["lease_id"]}

    def end() -> None:
        if ttl > 41:
            core.do("ReleaseResourceLock", **held)
        else:
            core.do("expire_locks")

    note = {"task_id": task_id, "node_id": uid(1), "payload": {}}
    work_off(core, task_id, (20, lambda: core.do("CommitEvent", **note)), (41, end))
    found = since(core, NOW + 10 * SECOND)
    assert found.was.figures.completed == 2
    assert found.was.figures.waiting_secs["locked"] > 40
    assert found.would.figures == found.was.figures


@pytest.mark.parametrize("timed_out", [True, False])
def test_a_task_alone_is_cancelled_with_an_ancestor_that_is_not_looked_at(
    core: Core,
    timed_out: bool,  # noqa: FBT001 - a value of the table
) -> None:
    """As it was: otherwise all of it would be completed."""
    within = {"timeout_secs": 25} if timed_out else {}
    parent = core.do("RegisterTask", goal="g", initial_nodes=[spec(1)], **within)["task_id"]
    nodes = [spec(each) for each in range(10, 16)]
    child = core.do("RegisterTask", goal="g", parent_task_id=parent, initial_nodes=nodes)["task_id"]

    def cancel() -> None:
        if timed_out:
            core.do("time_out_task", task_id=parent)
        else:
            core.do("CancelTask", task_id=parent)

    work_off(core, child, (25, cancel), alone=True)
    for found in (rehearsed(core, task_id=child), rehearsed(core)):
        assert found.was.figures.completed == 2
        assert found.would.figures == found.was.figures


def test_a_clock_that_was_put_back_stands_still_until_it_is_where_it_was(core: Core) -> None:
    """No work takes less than no time."""
    task_id = core.register(*(spec(each) for each in range(1, 5)))
    for secs in (10, -50, 20, -100):
        held = core.hold(task_id)
        core.now += secs * SECOND
        core.do("CompleteNode", **held.params)
    found = rehearsed(core)
    assert (found.was.figures.makespan_secs, found.was.figures.busy_secs) == (10, 10)
    assert found.would.figures == found.was.figures


def test_nodes_that_would_not_have_ended_are_told_of(core: Core) -> None:
    """Else nothing at all would be the quickest."""
    task_id = core.register(*(spec(each) for each in (1, 2)))
    for _ in range(2):
        held = core.hold(task_id)
        core.now += SECOND
        core.do("CompleteNode", **held.params, usage={"usd": 3})
    found = rehearsed(core, "budget.usd=2")
    assert (found.would.figures.completed, found.left) == (1, 1)
    assert rehearsed(core).left == 0


def test_where_nothing_was_completed_the_usual_time_is_told(core: Core) -> None:
    """A second, of which nobody has seen any."""
    core.register(spec(1))
    found = rehearsed(core, "workers=1")
    assert any("after 1 s, as nothing was completed" in each for each in found.assumes)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("budget.used=1", "the unit 'used'; did you mean 'usd'"),
        ("budget.\x1b[2J=1", r"the unit '\x1b[2J'"),
        ("limit.claud=1", "the limit 'claud'; did you mean 'claude'"),
    ],
)
def test_a_name_that_nothing_has_is_refused(core: Core, given: str, told: str) -> None:
    """It would change nothing, and was meant to."""
    task_id = core.register(spec(1, limits=["claude"]))
    core.do("CompleteNode", **core.hold(task_id).params, usage={"usd": 3})
    with pytest.raises(BadSetting) as refused:
        rehearsed(core, given)
    assert told in str(refused.value)


@pytest.mark.parametrize("twice", [["workers=1", "workers=2"], ["limit.a=1", "limit.a=1"]])
def test_what_is_set_twice_is_refused(twice: list[str]) -> None:
    """Nobody knows which one was meant."""
    with pytest.raises(BadSetting, match="given more than once"):
        parse_policy(twice)


def test_what_a_worker_cannot_meet_costs_it_nothing(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether there is work is asked at every change, by each kind of worker."""
    core.register(*(spec(each, requires=[f"kind-{each}"]) for each in range(1, 51)))
    with core.store.read() as reader:
        tables = read_stretch(reader, None, None).begin_tables()
        for recorded in reader.journal():
            project(tables, recorded)
    looked = waiting.Waiting(tables, NOW)
    labels = frozenset({"kind-7", "kind-9"})
    assert looked.open_work(labels, None) == 2
    monkeypatch.delattr(waiting, "find_demand")
    assert looked.open_work(labels, None) == 2


def test_who_has_a_node_at_the_beginning_and_goes_then_is_gone(core: Core) -> None:
    """Also where nobody else offers what it does."""
    task_id = core.register(*(spec(each) for each in range(1, 30)))
    held = core.hold(task_id, "gone")
    played = Played(core, seconds(10))
    played.worker("w", poll=200, labels=["gpu"])
    played.at(NOW + 30 * SECOND, lambda: core.do("CompleteNode", **held.params))
    played.run([task_id])
    found = since(core, NOW + 5 * SECOND)
    assert found.was.figures.makespan_secs == 270
    assert found.would.figures == found.was.figures


def test_leases_that_go_on_are_not_looked_at_one_by_one(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether one is over is asked at every change, however many are held."""
    task_id = core.register(*(spec(each) for each in (1, 2)))
    core.hold(task_id)
    ends = core.now + core.lease_ms
    tables = QuickTables()
    for recorded in core.journal():
        project(tables, recorded)
    assert [row.node_id for row in tables.expired_leases(0, ends)] == [uid(1)]
    monkeypatch.setattr(tables, "_leased_nodes", None)
    assert tables.expired_leases(0, ends - 1) == []
