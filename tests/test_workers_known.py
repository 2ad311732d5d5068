"""Who works here: waiting, holding, and seen lately."""

from agentd.daemon.workers import REMEMBERED_MS, Workers
from agentd.events import (
    Event,
    LeaseExpired,
    LeaseExtended,
    NodeAcquired,
    NodeCompleted,
    NodeFailed,
)
from agentd.journal import GENESIS, Draft, Recorded, record
from tests.core import NOW, Ids, uid
from tests.given import RUNNING


class Time:
    """A clock that is set."""

    now = NOW

    def __call__(self) -> int:
        return self.now


def at(moment: int, *events: Event) -> list[Recorded]:
    """These events, recorded at that moment."""
    return record(GENESIS, 1, uid(1), [Draft(event, uid(2)) for event in events], moment, Ids())


def shown(workers: Workers) -> list[tuple[str, int, int, float]]:
    """Owner, waiting, holding, last seen."""
    return [(w.owner, w.waiting, w.holding, w.last_seen) for w in workers.list()]


def acquired(lease: int, owner: str) -> NodeAcquired:
    """A lease began."""
    return NodeAcquired(uid(lease), owner, NOW, "RUNNING")


def test_holding() -> None:
    """Leases are counted from acquisition to their end, whichever that is."""
    workers = Workers(Time(), ())
    workers.committed(at(NOW, acquired(1, "b"), acquired(2, "b"), acquired(3, "a")))
    assert shown(workers) == [("a", 0, 1, NOW / 1000), ("b", 0, 2, NOW / 1000)]
    workers.committed(at(NOW + 1, NodeCompleted(uid(1), "COMPLETED")))
    workers.committed(at(NOW + 2, NodeFailed(uid(2), "FAILED")))
    workers.committed(at(NOW + 3, LeaseExpired(uid(3), "a", NOW, "PENDING")))
    assert shown(workers) == [("a", 0, 0, NOW / 1000), ("b", 0, 0, (NOW + 2) / 1000)]


def test_heartbeats_are_seen() -> None:
    """A heartbeat says that its worker is there; one of an unknown lease says nothing."""
    workers = Workers(Time(), ())
    workers.committed(at(NOW, acquired(1, "a")))
    workers.committed(at(NOW + 9, LeaseExtended(uid(1), NOW), LeaseExtended(uid(8), NOW)))
    assert shown(workers) == [("a", 0, 1, (NOW + 9) / 1000)]


def test_leases_that_were_there_at_the_start() -> None:
    """Their holders are known by their rows."""
    workers = Workers(Time(), [RUNNING])
    assert shown(workers) == [("worker-1", 0, 1, NOW / 1000)]


def test_who_is_forgotten() -> None:
    """Whoever neither waits nor holds anything, and was not seen for ten minutes."""
    time = Time()
    workers = Workers(time, ())
    workers.committed(at(NOW, acquired(1, "holds"), acquired(2, "gone")))
    workers.committed(at(NOW, NodeCompleted(uid(2), "COMPLETED")))
    workers.waits("waits", ["gpu"])
    time.now += REMEMBERED_MS
    assert [owner for owner, *_ in shown(workers)] == ["holds", "waits"]
    workers.waits_no_more("waits", ["gpu"])
    assert [owner for owner, *_ in shown(workers)] == ["holds", "waits"]


def test_many_owners_take_no_memory_for_ever() -> None:
    """Those that can be forgotten are, when there are many."""
    time = Time()
    workers = Workers(time, ())
    for number in range(5_000):
        time.now += REMEMBERED_MS
        workers.waits(f"{number}", [f"{number}"])
        workers.waits_no_more(f"{number}", [f"{number}"])
    assert len(vars(workers)["_workers"]) <= 1_024
    assert len(vars(workers)["_offers"]) <= 1_024
