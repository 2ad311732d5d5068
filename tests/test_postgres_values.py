"""Which values PostgreSQL keeps, and how those are refused that it does not."""

from __future__ import annotations

import random
import string
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agentd.errors import StorageError
from agentd.projections import LIMITS, STARTS, LimitRow, StartRow
from tests.core import Core, Params, open_memory, open_postgres, spec, uid

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = "".join(random.Random(0).choices(string.ascii_letters, k=4_000))
"""About as long as a key may be, and no compression makes it short."""

GRAPH = {"goal": "g", "initial_nodes": [{}]}
UNKEPT: dict[str, tuple[str, Params]] = {
    "a limit's name": ("SetLimit", {"name": "a\0b", "max_running": 1}),
    "a lock's key": ("AcquireResourceLock", {"resource_key": "a\0b"}),
    "a lock's owner": ("AcquireResourceLock", {"resource_key": "a", "owner": "a\0b"}),
    "a dedupe key": ("RegisterTask", {**GRAPH, "dedupe_key": "a\0b"}),
    "a lease's owner": ("AcquireNextNode", {"lease_owner": "a\0b"}),
    "a long key": ("AcquireResourceLock", {"resource_key": LONG}),
    "a long key of a node": ("RegisterTask", {"goal": "g", "initial_nodes": [{"locks": [LONG]}]}),
}
KEPT: dict[str, tuple[str, Params]] = {
    "a goal": ("RegisterTask", {**GRAPH, "goal": "a\0b"}),
    "a payload": ("RegisterTask", {"goal": "g", "initial_nodes": [{"payload_schema": "a\0"}]}),
    "what a node needs": ("RegisterTask", {"goal": "g", "initial_nodes": [{"requires": ["\0"]}]}),
    "a key": ("AcquireResourceLock", {"resource_key": f"file:/{LONG[:1_000]}"}),
    "an owner": ("AcquireResourceLock", {"resource_key": "a", "owner": LONG}),
    "what looks like SQL": ("AcquireResourceLock", {"resource_key": "'; -- $1 %s {} \\ _*"}),
    "any letter": ("SetLimit", {"name": "ключ 😀", "max_running": 1}),
}


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    made = Core(open_postgres(tmp_path))
    yield made
    made.store.close()


@pytest.mark.parametrize(("method", "params"), UNKEPT.values(), ids=list(UNKEPT))
def test_what_is_not_kept_is_refused_alone(core: Core, method: str, params: Params) -> None:
    """It is named, nothing of it is there, and who shares its transaction notices nothing."""
    core.register(spec(1))
    before = len(core.journal())
    limit = {"name": "n", "max_running": 1}
    neighbour, refusal = core.batch(("SetLimit", limit), (method, params))
    assert neighbour["ok"] is True
    assert (refusal.kind, core.faults) == ("storage_error", [])
    assert "U+0000" in refusal.message or "too long for an index" in refusal.message
    assert refusal.message.endswith("nothing of this request is recorded")
    assert len(core.journal()) == before + 1


def test_a_question_is_refused_in_the_same_words(core: Core) -> None:
    """Nothing can be found by what is not kept."""
    with pytest.raises(StorageError, match=r"U\+0000"):
        core.do("ListResourceLocks", prefix="a\0b")


@pytest.mark.parametrize(("method", "params"), KEPT.values(), ids=list(KEPT))
def test_what_is_kept_is_kept_as_it_was(core: Core, method: str, params: Params) -> None:
    """The answers are those of the reference, and so is the journal."""
    reference = Core(open_memory(Path()))
    assert core.do(method, **params) == reference.do(method, **params)
    assert core.journal() == reference.journal()


def test_a_large_payload_is_kept(core: Core) -> None:
    """As large as a request may be, alone in its record, and whole when it is read."""
    large = "x" * 15_000_000
    task_id = core.register(spec(1))
    held = core.hold(task_id)
    core.do("CompleteNode", **held.params, payload=large)
    assert core.node(task_id, uid(1))["result_payload"] == large


USED: tuple[dict[str, Any], ...] = (
    {"usd": 0.1},
    {"usd": 0.2, "tokens": 10**15},
    {"usd": 5e-324, "tokens": 0},
    {"usd": 1e15, "tokens": 0.5},
    {"usd": -0.0},
)


def test_what_was_used_adds_up_alike(core: Core) -> None:
    """Integers stay integers and fractions are as exact as they came, on every engine."""
    shown = []
    for each in (core, Core(open_memory(Path()))):
        held = each.hold(each.register(spec(1)))
        for usage in USED:
            each.do("CommitEvent", **held.params, payload=1, usage=usage)
            shown.append(repr(each.do("TaskStatus", task_id=held.task_id)["usage"]))
    assert shown[: len(USED)] == shown[len(USED) :]


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 2**53 + 1])
def test_whole_numbers_are_kept_to_the_last_bit(core: Core, number: int) -> None:
    """Whatever fits into 64 bits."""
    limit = LimitRow("l", number, is_known=True, starts=number, closed_until=number)
    start = StartRow("l", number, number)
    with core.store.write() as tx:
        tx.put(LIMITS, ("l",), limit)
        tx.put(STARTS, ("l", number), start)
    with core.store.read() as reader:
        assert reader.get(LIMITS, ("l",)) == limit
        assert reader.get(STARTS, ("l", number)) == start
