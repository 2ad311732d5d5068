"""A repeated command changes nothing and gets the first answer, whatever happened in between."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.errors import RequestRefused
from agentd.projections import PROJECTIONS
from agentd.store import Store
from tests.core import LEASE_MS, STORES, Core, Held
from tests.property.strategies import JSON

ENDS = st.sampled_from(["CompleteNode", "FailNode"])
MEANWHILE = st.lists(st.sampled_from(["acquire", "commit", "wait", "register", "reopen"]))


class Driven:
    """A core whose store can be closed and opened again."""

    def __init__(self, open_store: Callable[[Path], Store], directory: Path) -> None:
        self._open, self._directory = open_store, directory
        self.core = Core(open_store(directory))

    def contents(self) -> list[object]:
        with self.core.store.read() as reader:
            rows = [list(reader.rows(projection)) for projection in PROJECTIONS]
            return [list(reader.journal()), *rows]

    def meanwhile(self, steps: list[str], held: Held) -> None:
        core = self.core
        for step in steps:
            if step == "acquire":
                core.do("AcquireNextNode", task_id=held.task_id)
            elif step == "commit":
                core.do("CommitEvent", task_id=held.task_id, node_id=held.node_id)
            elif step == "wait":
                core.now += LEASE_MS
            elif step == "register":
                core.register({})
            elif self._open is STORES["sqlite"]:
                core.store.close()
                core.store = self._open(self._directory)


@pytest.fixture(params=STORES, scope="module")
def driven(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Driven]:
    made = Driven(STORES[request.param], tmp_path_factory.mktemp("repeats"))
    yield made
    made.core.store.close()


def end(core: Core, method: str, payload: object) -> tuple[Held, Any]:
    """The first node of a new task of three, ended, and what was answered."""
    first = core.new_id()
    held = core.hold(core.register({"id": first}, {}, {"dependencies": [first]}))
    return held, core.do(method, **held.params, payload=payload)


@given(method=ENDS, payload=JSON, other=JSON, meanwhile=MEANWHILE, times=st.integers(1, 3))
def test_a_repeat_gets_the_first_answer(
    driven: Driven, method: str, payload: object, other: object, meanwhile: list[str], times: int
) -> None:
    """The lease that ended a node may say so again: same answer, same journal, same rows."""
    held, answer = end(driven.core, method, payload)
    driven.meanwhile(meanwhile, held)
    before = driven.contents()
    for _time in range(times):
        assert driven.core.do(method, **held.params, payload=other) == answer
    assert driven.contents() == before


@given(method=ENDS, payload=JSON, times=st.integers(2, 4))
def test_a_repeat_in_the_same_commit(
    driven: Driven, method: str, payload: object, times: int
) -> None:
    """Repeats that share the commit of the first one are recorded once and answered alike."""
    core = driven.core
    held = core.hold(core.register({}))
    records = len(core.journal())
    answers = core.batch(*[(method, {**held.params, "payload": payload})] * times)
    assert answers == [answers[0]] * times
    assert len(core.journal()) == records + 1


@given(method=ENDS, payload=JSON, meanwhile=MEANWHILE)
def test_the_other_end_is_refused(
    driven: Driven, method: str, payload: object, meanwhile: list[str]
) -> None:
    """After the one end the other is refused for ever, and changes nothing."""
    held, _answer = end(driven.core, method, payload)
    driven.meanwhile(meanwhile, held)
    before = driven.contents()
    other = "FailNode" if method == "CompleteNode" else "CompleteNode"
    with pytest.raises(RequestRefused) as refusal:
        driven.core.do(other, **held.params, payload=payload)
    assert refusal.value.kind == "illegal_transition"
    assert driven.contents() == before
