"""A database of before attempts were numbered is, once it is opened, what a replay makes of it."""

import itertools
from pathlib import Path

import pytest

from agentd.events import LeaseExpired, NodeAcquired, NodeCompleted, NodeFailed
from agentd.journal import Draft
from agentd.replay import check
from agentd.store.sqlite import SqliteStore
from tests.core import NOW, Core, Ids, record_drafts, registration, uid
from tests.databases import make_older

BEFORE = 6
TASK = uid(0x7A)
AT = NOW / 1000

LIVES = {
    1: "aeaeaeaea",
    2: "aeac",
    3: "aeaeaeaf",
    4: "aea",
    5: "ae",
    6: "",
}
"""Acquired, expired, completed, failed, in the journal as it was written then."""


def drafts() -> list[Draft]:
    made = registration(0x7A, *LIVES)
    leases = itertools.count(0xA0)
    for node, life in LIVES.items():
        lease = ""
        for what in life:
            lease = uid(next(leases)) if what == "a" else lease
            event = {
                "a": NodeAcquired(lease, "w", NOW + 9, "RUNNING"),
                "e": LeaseExpired(lease, "w", NOW + 9, "PENDING"),
                "c": NodeCompleted(lease, "COMPLETED"),
                "f": NodeFailed(lease, "FAILED"),
            }[what]
            made.append(Draft(event, uid(node), b"1" if what in "cf" else None))
    return made


@pytest.fixture
def core(tmp_path: Path) -> Core:
    path = tmp_path / "agent_state.db"
    store = SqliteStore.open(path, NOW)
    with store.write() as tx:
        record_drafts(tx, 0x7A, drafts(), new_id=Ids())
    store.close()
    make_older(path, BEFORE)
    made = Core(SqliteStore.open(path, NOW))
    made.new_id.last += 1_000
    return made


def test_the_rows_are_what_the_journal_says(core: Core) -> None:
    """Attempts, expiries in a row and the last ending are counted from the journal."""
    assert not [*check(core.store, lambda _seq: None)]
    core.store.close()


def test_attempts_go_on(core: Core) -> None:
    """The next one has the next number; how the last one ended is known, not who failed it."""
    attempts = {n["id"]: n["attempt"] for n in core.do("TaskStatus", task_id=TASK)["nodes"]}
    assert [*attempts.values()] == [5, 2, 4, 2, 1, 0]
    acquired = core.do("AcquireNextNode", task_id=TASK)
    assert (acquired["node_id"], acquired["attempt"]) == (uid(5), 2)
    [expired] = acquired["context"]["attempts"]
    assert (expired["attempt"], expired["owner"], expired["how"]) == (1, "w", "expired")
    [failed] = core.do("NodeStatus", task_id=TASK, node_id=uid(3))["attempts"]
    assert failed == {
        "attempt": 4,
        "owner": None,
        "ended_at": AT,
        "how": "failed",
        "kind": None,
        "error": 1,
    }
    assert not [*check(core.store, lambda _seq: None)]
    core.store.close()


def test_what_keeps_running_out_has_lost_its_place(core: Core) -> None:
    """Expiries of before count in the row: the third and the fourth of node 1 cost it its place."""
    core.now += 10
    core.do("settle_due", task_id=TASK)
    order = [core.hold(TASK).node_id for _ in range(4)]
    assert order == [uid(4), uid(5), uid(6), uid(1)]
    core.store.close()


def test_a_repeat_of_old_is_answered(core: Core) -> None:
    """A lease that completed its node before the upgrade may say so again after it."""
    records = core.journal()
    completed = next(record for record in records if record.kind == "NodeCompleted")
    lease_id = completed.event.lease_id  # type: ignore[attr-defined]
    answer = core.do("CompleteNode", task_id=TASK, node_id=uid(2), lease_id=lease_id)
    assert answer == {"event_id": completed.event_id}
    assert len(core.journal()) == len(records)
    core.store.close()
