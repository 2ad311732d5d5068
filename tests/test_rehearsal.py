"""A stretch of the journal, played again: as it was, and under other settings."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agentd.errors import BadSetting, Failure
from agentd.rehearsal import Figures, parse_policy, read_stretch, rehearse
from tests.core import NOW, Core, open_sqlite, spec, uid
from tests.rehearsed import SECOND, Played, any_run, drawn, layers, rehearsed, seconds


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    store = open_sqlite(tmp_path)
    yield Core(store, lease_ms=60 * SECOND)
    store.close()


def independent(number: int, **more: Any) -> list[dict[str, Any]]:
    return [spec(each, **more) for each in range(1, number + 1)]


def run(core: Core, nodes: list[dict[str, Any]], workers: int, work: Any, **wanted: Any) -> str:
    """The task, worked off by so many workers."""
    task_id = core.register(*nodes)
    played = Played(core, work)
    for number in range(workers):
        played.worker(f"w{number}", **wanted)
    played.run([task_id])
    return task_id


def test_settings_left_as_they_were_give_back_what_happened(core: Core) -> None:
    """500 nodes, 6 workers who come one by one, failures with pauses, and leases that run out."""
    retry = {"max_attempts": 4, "backoff_secs": 2}
    task_id = core.register(*layers(1, 500, retry=retry))
    played = Played(core, drawn(1))
    for number in range(6):
        played.worker(f"w{number}", since=number * 700)
    kinds = Counter(recorded.kind for recorded in played.run([task_id]))
    assert min(kinds["NodeFailed"], kinds["LeaseExpired"]) > 5, "there is nothing to get wrong"
    found = rehearsed(core)
    was, would = found.was.figures, found.would.figures
    assert would.makespan_secs == pytest.approx(was.makespan_secs, rel=0.02)
    assert would.attempts == was.attempts == kinds["NodeAcquired"]
    assert would.expiries == was.expiries == kinds["LeaseExpired"]
    assert (would.completed, would.failed, would.workers) == (500, 0, 6)
    assert would.longest_wait_secs == pytest.approx(was.longest_wait_secs, rel=0.02)
    assert not found.cut


@pytest.mark.parametrize("seed", range(6))
def test_so_does_a_run_of_any_kind(core: Core, seed: int) -> None:
    """Several tasks, limits and rates, labels, locks, time-outs, workers who come and poll."""
    any_run(core, seed)
    found = rehearsed(core)
    was, would = found.was.figures, found.would.figures
    assert would.makespan_secs == pytest.approx(was.makespan_secs, rel=0.02)
    assert (would.completed, would.failed) == (was.completed, was.failed)
    assert (would.expiries, would.timeouts) == (was.expiries, was.timeouts)


def test_what_was_is_counted_from_the_journal(core: Core) -> None:
    """4 nodes of 10 s and two workers: 20 s, and two nodes wait for the half of it."""
    run(core, independent(4), 2, seconds(10))
    was = rehearsed(core).was.figures
    assert was == Figures(
        makespan_secs=20.0,
        completed=4,
        failed=0,
        attempts=4,
        retries=0,
        expiries=0,
        timeouts=0,
        completed_per_hour=720.0,
        waiting_secs={"no_worker": 20.0},
        longest_wait_secs=10.0,
        workers=2,
        most_at_once=2,
        busy_secs=40.0,
    )


@pytest.mark.parametrize(("workers", "makespan"), [(1, 120), (3, 40), (6, 20), (12, 10)])
def test_independent_nodes_are_done_sooner_by_more_workers(
    core: Core, workers: int, makespan: int
) -> None:
    """12 nodes of 10 seconds, done by three in fact."""
    run(core, independent(12), 3, seconds(10))
    found = rehearsed(core, f"workers={workers}").would.figures
    assert (found.makespan_secs, found.completed, found.workers) == (makespan, 12, workers)


def test_a_limit_of_one_has_one_node_after_the_other_worked_on(core: Core) -> None:
    """And what the others wait for is that limit, not a worker."""
    run(core, independent(6, limits=["claude"]), 3, seconds(10), poll=10)
    found = rehearsed(core, "limit.claude=1").would
    assert found.figures.makespan_secs == 60
    assert found.figures.most_at_once == 1
    assert set(found.figures.waiting_secs) == {"limit_full"}
    spans = sorted((span.begin, span.end or 0) for span in found.spans)
    assert all(one_end <= begin for (_, one_end), (begin, _) in pairwise(spans))


def test_a_limit_can_be_taken_away(core: Core) -> None:
    """It was what everybody waited for; who never got a node is in no record, and is counted in."""
    core.do("SetLimit", name="claude", max_running=1)
    run(core, independent(6, limits=["claude"]), 3, seconds(10), poll=1_000)
    found = rehearsed(core, "limit.claude=none")
    assert found.was.figures.makespan_secs == 60
    assert (found.was.figures.workers, found.would.figures.makespan_secs) == (1, 60)
    assert any("never got a node" in each for each in found.assumes)
    assert rehearsed(core, "limit.claude=none", "workers=3").would.figures.makespan_secs == 20


def test_a_rate_lets_only_so_many_begin(core: Core) -> None:
    """2 in a minute: the fifth begins in the third minute."""
    run(core, independent(5, limits=["claude"]), 5, seconds(1))
    found = rehearsed(core, "rate.claude=2/60s").would.figures
    assert found.makespan_secs == pytest.approx(121, abs=1)
    assert found.waiting_secs["rate"] == pytest.approx(240, abs=5)


@pytest.mark.parametrize(("lease", "noticed"), [(60, 60), (120, 120), (20, 20)])
def test_who_fell_silent_is_noticed_when_the_lease_is_over(
    core: Core, lease: int, noticed: int
) -> None:
    """The node is tried again so long after its worker's last sign of life."""

    def work(_node_id: str, attempt: int) -> tuple[int, str]:
        return 5 * SECOND, "silence" if attempt == 1 else "complete"

    run(core, independent(1), 2, work)
    found = rehearsed(core, f"lease_secs={lease}").would.figures
    assert (found.expiries, found.completed) == (1, 1)
    assert found.makespan_secs == pytest.approx(noticed + 5, abs=1.6)


def test_who_died_at_work_is_noticed_so_long_after_its_last_heartbeat(core: Core) -> None:
    """It heartbeat at 40 s, and died at 50 s; the lease of 60 s was over at 100 s."""

    def work(_node_id: str, attempt: int) -> tuple[int, str]:
        return (50 if attempt == 1 else 5) * SECOND, "death" if attempt == 1 else "complete"

    run(core, independent(1), 1, work)
    found = rehearsed(core)
    assert found.would.figures == found.was.figures
    assert found.was.figures.makespan_secs == pytest.approx(105, abs=1.6)
    shorter = rehearsed(core, "lease_secs=30").would.figures
    assert shorter.makespan_secs == pytest.approx(75, abs=1.6)


def test_who_never_heartbeats_loses_what_takes_longer_than_its_lease(core: Core) -> None:
    """Again and again: that is said, and not played for ever."""
    task_id = core.register(*independent(1))
    played = Played(core, seconds(45), beats=False)
    played.worker("w")
    played.run([task_id])
    assert rehearsed(core).would.figures.expiries == 0
    found = rehearsed(core, "lease_secs=30")
    assert (found.would.figures.completed, found.cut) == (0, True)
    assert found.would.figures.expiries > 10


def test_who_heartbeats_keeps_a_short_lease(core: Core) -> None:
    """However long the work takes."""
    run(core, independent(1), 1, seconds(45))
    found = rehearsed(core, "lease_secs=5").would.figures
    assert (found.completed, found.expiries, found.makespan_secs) == (1, 0, 45)


def fails_twice(_node_id: str, attempt: int) -> tuple[int, str]:
    return SECOND, "fail" if attempt < 3 else "complete"


def test_fewer_attempts_leave_nodes_failed_and_what_depends_on_them_undone(core: Core) -> None:
    """The second node never runs."""

    def work(node_id: str, attempt: int) -> tuple[int, str]:
        return fails_twice(node_id, attempt if node_id == uid(1) else 3)

    run(core, [spec(1, retry={"max_attempts": 3}), spec(2, 1)], 1, work)
    found = rehearsed(core, "max_attempts=2")
    assert (found.was.figures.completed, found.was.figures.failed) == (2, 0)
    assert (found.would.figures.completed, found.would.figures.failed) == (0, 1)
    assert found.would.figures.attempts == 2


def test_more_attempts_go_as_the_last_one_did(core: Core) -> None:
    """Nobody knows better; what was final stays so."""
    run(core, independent(1), 1, lambda _node_id, _attempt: (SECOND, "fail"))
    found = rehearsed(core, "max_attempts=4", "backoff_secs=1", "factor=1")
    assert (found.was.figures.attempts, found.would.figures.attempts) == (1, 4)
    assert found.would.figures.failed == 1
    assert any("3 attempts more than there were" in each for each in found.assumes)


def test_an_error_that_was_final_is_not_tried_again(core: Core) -> None:
    """There were attempts left, and its worker said that they would not help."""
    nodes = independent(1, retry={"max_attempts": 2})
    run(core, nodes, 1, lambda _node_id, _attempt: (SECOND, "fatal"))
    assert rehearsed(core, "max_attempts=9").would.figures.attempts == 1


def test_pauses_are_as_they_were_set(core: Core) -> None:
    """1 s of work, three times; two pauses of 2 s and 4 s in fact, then of 30 s each."""
    nodes = independent(1, retry={"max_attempts": 3, "backoff_secs": 2, "jitter": 0})
    run(core, nodes, 1, fails_twice, poll=100)
    assert rehearsed(core).would.figures == rehearsed(core).was.figures
    found = rehearsed(core, "backoff_secs=30", "factor=1").would.figures
    assert found.makespan_secs == pytest.approx(63, abs=2.5)
    assert found.waiting_secs["not_before"] == pytest.approx(60, abs=2)


def test_dependents_go_on_behind_what_failed_where_that_is_set(core: Core) -> None:
    """The second node was never run: it takes the usual time, and that is said."""
    run(core, [spec(1), spec(2, 1)], 1, lambda _node_id, _attempt: (SECOND, "fail"))
    found = rehearsed(core, "on_failure=continue")
    assert (found.was.figures.completed, found.would.figures.completed) == (0, 1)
    assert any("unknown length" in each for each in found.assumes)


def test_a_shorter_time_out_ends_attempts(core: Core) -> None:
    """10 s of work, and 4 s to do it in."""
    run(core, independent(2), 2, seconds(10))
    found = rehearsed(core, "timeout_secs=4").would.figures
    assert (found.completed, found.failed, found.timeouts) == (0, 2, 2)
    assert found.makespan_secs == 4


def test_a_budget_holds_the_task_that_has_spent_it(core: Core) -> None:
    """Each node takes 3 of 5: the third is not handed out."""
    task_id = core.register(*independent(3))
    for _ in range(3):
        held = core.hold(task_id)
        core.now += SECOND
        core.do("CompleteNode", **held.params, usage={"usd": 3})
    found = rehearsed(core, "budget.usd=5")
    assert (found.was.figures.completed, found.would.figures.completed) == (3, 2)
    assert rehearsed(core, "budget.usd=none").would.figures.completed == 3


def test_a_gate_is_decided_when_it_was_or_as_long_after_its_opening(core: Core) -> None:
    """It opened after 10 s, and was decided after 30 s."""
    task_id = core.register(spec(1), spec(2, 1, gate={"ask": "go?"}), spec(3, 2))

    def decide() -> None:
        core.do("DecideGate", task_id=task_id, node_id=uid(2), decision="approve")

    played = Played(core, seconds(10))
    played.worker("w", poll=10)
    played.at(NOW + 30 * SECOND, decide)
    played.run([task_id])
    found = rehearsed(core)
    assert found.would.figures == found.was.figures
    assert found.was.figures.waiting_secs["gate"] == 20
    assert found.was.figures.completed == 3


def test_nodes_that_a_planner_added_come_as_late_in_its_work(core: Core) -> None:
    """The planner begins 20 s earlier where there is a second worker, and so do its nodes."""
    task_id = core.register(spec(1), spec(2), spec(3, 2))
    played = Played(core, seconds(20))

    def plan() -> None:
        nodes = [spec(number, 2, before=[uid(3)]) for number in (4, 5)]
        core.do("AddNodes", task_id=task_id, nodes=nodes)

    played.worker("w", poll=10)
    played.at(NOW + 25 * SECOND, plan)
    played.run([task_id])
    found = rehearsed(core, "workers=2")
    assert found.was.figures.makespan_secs == 100
    assert (found.would.figures.makespan_secs, found.would.figures.completed) == (60, 5)


def test_a_task_that_was_paused_and_cancelled_is_so_again(core: Core) -> None:
    """At the moments when it was."""
    task_id = core.register(*independent(9))
    played = Played(core, seconds(10))
    played.worker("w", poll=1_000)
    played.at(NOW + 5 * SECOND, lambda: core.do("PauseTask", task_id=task_id))
    played.at(NOW + 60 * SECOND, lambda: core.do("ResumeTask", task_id=task_id))
    played.at(NOW + 85 * SECOND, lambda: core.do("CancelTask", task_id=task_id))
    played.run([task_id])
    found = rehearsed(core)
    assert found.would.figures == found.was.figures
    assert found.was.figures.waiting_secs["paused"] == 8 * 55
    assert rehearsed(core, "workers=9").would.figures.completed == 9


def test_a_time_out_that_is_far_away_is_not_waited_for(core: Core) -> None:
    """What depends on a failed node never runs; its task would be cancelled in a week."""
    nodes = [spec(1), spec(2, 1)]
    week = 7 * 86_400
    result = core.do("RegisterTask", goal="g", initial_nodes=nodes, timeout_secs=week)
    played = Played(core, lambda _node_id, _attempt: (SECOND, "fail"))
    played.worker("w")
    played.run([result["task_id"]])
    found = rehearsed(core)
    assert (found.would.figures, found.cut) == (found.was.figures, False)


def test_locks_of_nodes_keep_them_apart(core: Core) -> None:
    """Both want the same file; the more workers, the more wait for it."""
    run(core, independent(3, locks=["path:/a"]), 1, seconds(10))
    found = rehearsed(core, "workers=3").would.figures
    assert (found.makespan_secs, found.most_at_once) == (30, 1)
    assert found.waiting_secs == {"locked": 30}


def test_a_lock_that_somebody_took_is_in_the_way_again(core: Core) -> None:
    """For as long as it was held."""
    key = "path:/a"
    task_id = core.register(*independent(1, locks=[key]))
    lock = core.do("AcquireResourceLock", resource_key=key, owner="me", ttl_secs=600)
    played = Played(core, seconds(10))
    played.worker("w", poll=10)
    released = {"resource_key": key, "lease_id": lock["lease_id"]}
    played.at(NOW + 40 * SECOND, lambda: core.do("ReleaseResourceLock", **released))
    played.run([task_id])
    found = rehearsed(core)
    assert found.was.figures.makespan_secs == 50
    assert found.would.figures == found.was.figures


def test_a_stretch_may_begin_in_the_middle(core: Core) -> None:
    """What was held goes on, and what was done is done."""
    retry = {"max_attempts": 3, "backoff_secs": 1}
    run(core, layers(3, 80, retry=retry), 3, drawn(3))
    for share in (0.3, 0.6, 0.9):
        with core.store.read() as reader:
            since = NOW + round((core.now - NOW) * share)
            stretch = read_stretch(reader, None, since)
        found = rehearse(stretch, parse_policy(()))
        was, would = found.was.figures, found.would.figures
        assert was.completed < 80
        assert would.makespan_secs == pytest.approx(was.makespan_secs, rel=0.02)
        assert (would.completed, would.expiries) == (was.completed, was.expiries)


def test_a_stretch_that_ends_in_the_middle_says_what_else_would_have_been_done(core: Core) -> None:
    """20 nodes, and one worker who has done 5 of them by now: two do 10 in that time."""
    task_id = core.register(*independent(20))
    played = Played(core, seconds(10))
    played.worker("w")
    played.run([task_id], most=51 * SECOND)
    found = rehearsed(core)
    assert found.would.figures == found.was.figures
    assert found.was.figures.completed == 5
    found = rehearsed(core, "workers=2")
    assert found.would.figures.makespan_secs == 30
    assert found.would.figures.completed in (8, 10)


def test_who_worked_on_one_task_only_keeps_to_it(core: Core) -> None:
    """One task alone has fewer workers than both."""
    tasks = [core.register(*(spec(start + each) for each in range(6))) for start in (100, 200)]
    played = Played(core, seconds(10))
    for task_id in tasks:
        for number in range(2):
            played.worker(f"{task_id[-1]}{number}", task_id=task_id)
    played.run(tasks)
    found = rehearsed(core)
    assert found.would.figures == found.was.figures
    assert any("keeps to it" in each for each in found.assumes)
    alone = rehearsed(core, task_id=tasks[0])
    assert (alone.was.figures.completed, alone.was.figures.workers) == (6, 2)
    assert alone.would.figures == alone.was.figures


def test_labels_that_workers_offer_are_needed_again(core: Core) -> None:
    """One of two has a GPU: more nodes wait for it, whoever else is free."""
    task_id = core.register(*independent(4, requires=["gpu"]), spec(9))
    played = Played(core, seconds(10))
    played.worker("plain")
    played.worker("strong", labels=["gpu"])
    played.run([task_id])
    found = rehearsed(core)
    assert found.would.figures == found.was.figures
    assert found.was.figures.makespan_secs == 40


def test_nothing_is_there_to_rehearse_where_nothing_happened(core: Core) -> None:
    """That is said in one line."""
    with core.store.read() as reader, pytest.raises(Failure, match="nothing was recorded"):
        read_stretch(reader, None, None)


def test_nothing_is_there_to_rehearse_where_nobody_worked(core: Core) -> None:
    """What was only registered has no times to go by: figures of zeros would say nothing."""
    core.register(*independent(2))
    for settings in ([], ["lease_secs=30"]):
        with pytest.raises(Failure, match="no node was worked on, or ended, in that time"):
            rehearsed(core, *settings)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("lease_sec=5", "did you mean lease_secs?"),
        ("limits.a=5", "did you mean limit.NAME?"),
        ("limit=5", "did you mean limit.NAME?"),
        ("priority_ageing=5", "there are workers, lease_secs"),
        ("\x1b[2J=1", "there are workers"),
        ("workers", "expected workers=VALUE, such as workers=12"),
        ("workers=0", "--set workers: '0': expected 1 to 10,000"),
        ("workers=many", "expected a whole number"),
        ("lease_secs=1.5s", "expected whole seconds"),
        ("jitter=2", "expected 0 to 1"),
        ("jitter=nan", "expected 0 to 1"),
        ("rate.a=5", "expected such as 10/60s"),
        ("timeout_secs=0", "expected 1 to 31,536,000"),
        ("budget.usd=-1", "expected 0 to 1,000,000,000,000,000"),
        ("limit.a=-1", "expected a whole number"),
        ("on_failure=stop", "expected block or continue"),
        ("on_expiry=maybe", "expected true or false"),
        ("budget.usd=much", "expected a number"),
    ],
)
def test_what_cannot_be_set_is_refused_with_what_was_meant(given: str, told: str) -> None:
    """In one line."""
    with pytest.raises(BadSetting) as refused:
        parse_policy([given])
    assert told in str(refused.value)
    assert str(refused.value).isprintable()


def test_a_limit_that_no_node_names_is_refused(core: Core) -> None:
    """It would change nothing, and was meant to."""
    run(core, independent(1, limits=["claude"]), 1, seconds(1))
    with pytest.raises(BadSetting, match="did you mean 'claude'"):
        rehearsed(core, "limit.claud=1")
