"""Whatever has happened can be played again, and what was is reported as it was."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, get_args

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, run_state_machine_as_test
from msgspec import to_builtins

from agentd.errors import BadSetting, Failure
from agentd.events import Ending, NodeAcquired
from agentd.projections import NODES, PROJECTIONS, NodeRow, project
from agentd.rehearsal import Figures, Rehearsal, parse_policy, read_stretch, rehearse
from agentd.rehearsal.stretch import Stretch, bare
from agentd.rehearsal.tables import QuickTables
from agentd.store import Reader, Store
from agentd.store.memory import MemoryStore
from tests.property.conftest import EXAMPLES
from tests.property.machine import CoreMachine

FEW = max(EXAMPLES // 8, 1)

POLICIES = st.lists(
    st.sampled_from(
        [
            "workers=1",
            "workers=7",
            "lease_secs=1",
            "lease_secs=3600",
            "timeout_secs=1",
            "timeout_secs=none",
            "max_attempts=1",
            "max_attempts=9",
            "backoff_secs=0",
            "on_expiry=false",
            "on_failure=continue",
            "budget.usd=0",
            "budget.usd=none",
            "limit.l1=0",
            "limit.l1=none",
            "rate.l1=1/1s",
        ]
    ),
    max_size=3,
)


class RehearsedMachine(CoreMachine):
    """A life of any requests, which is played again when it is over."""

    policy: Sequence[str] = ()
    share = 0.0

    def open(self) -> Store:
        return MemoryStore()

    @initialize(policy=POLICIES, share=st.sampled_from([0.0, 0.0, 0.3, 0.8]))
    def choose(self, policy: list[str], share: float) -> None:
        """Under which settings, and from where on."""
        self.policy, self.share = policy, share

    def teardown(self) -> None:
        if not hasattr(self, "core"):
            return
        with self.core.store.read() as reader:
            self.the_tables_answer_as_the_store_does(reader)
            self.it_can_be_played_again(reader)

    def the_tables_answer_as_the_store_does(self, reader: Reader) -> None:
        """The rows are the same, and so is whatever is asked of them."""
        tables, now = QuickTables(), self.core.now
        for recorded in reader.journal():
            tables.take(bare(recorded))
            project(tables, recorded)
        for projection in PROJECTIONS:
            assert list(tables.rows(projection)) == list(reader.rows(projection))
        assert tables.next_stretches() == list(reader.next_stretches())
        for moment in (now, now + 10_000_000_000):
            assert tables.due_nodes(moment, 1_000) == reader.due_nodes(moment, 1_000)
            assert tables.expired_leases(0, moment) == reader.expired_leases(0, moment)
        for stretch in reader.next_stretches():
            assert tables.first_of(stretch) == reader.first_of(stretch)
            assert tables.stretches(stretch.task_id) == list(reader.stretches(stretch.task_id))
        for node in reader.rows(NODES):
            assert isinstance(node, NodeRow)
            assert tables.dependents(node.node_id) == list(reader.dependents(node.node_id))
            assert tables.wishes_of(node.node_id) == list(reader.wishes_of(node.node_id))
            assert tables.head(node.task_id).version == reader.head(node.task_id).version
            for scope in (f"node {node.node_id}", f"task {node.task_id}"):
                assert tables.usage(scope) == reader.usage(scope)

    def it_can_be_played_again(self, reader: Reader) -> None:
        """Under any settings; and all figures are numbers that can be."""
        before = [*reader.journal()]
        if before and (stretch := self.stretch(reader, before[0].at)) is not None:
            played = self.play(stretch)
            assert before == [*reader.journal()]
            if played is not None:
                self.figures_are_those_of(played, stretch, reader)

    def stretch(self, reader: Reader, first_at: int) -> Stretch | None:
        """What is played; None where nothing happened since then."""
        since = first_at + round((reader.last_at() - first_at) * self.share)
        try:
            return read_stretch(reader, None, since if self.share else None)
        except Failure:
            return None

    def play(self, stretch: Stretch) -> Rehearsal | None:
        """None where it says that it cannot be played."""
        try:
            return rehearse(stretch, parse_policy(self.policy))
        except BadSetting:  # no node names the limit
            return None
        except Failure:  # nobody worked
            assert not any(isinstance(recorded.event, NodeAcquired) for recorded in stretch.records)
            assert not any(each.startswith("workers=") for each in self.policy)
            return None

    def figures_are_those_of(self, found: Rehearsal, stretch: Stretch, reader: Reader) -> None:
        """What was is what the records say."""
        assert not found.was.figures.makespan_secs < 0
        for figures in (found.was.figures, found.would.figures):
            assert all(math.isfinite(each) and each >= 0 for each in numbers(figures))
        kinds = Counter(type(recorded.event) for recorded in stretch.records)
        gates = {
            each.node_id for each in reader.rows(NODES) if isinstance(each, NodeRow) and each.gate
        }
        acquired = [
            recorded
            for recorded in stretch.records
            if isinstance(recorded.event, NodeAcquired) and recorded.node_id not in gates
        ]
        assert found.was.figures.attempts == len(acquired)
        ended = [r.event for r in stretch.records if isinstance(r.event, get_args(Ending))]
        final = Counter(event.status for event in ended if event.status != "PENDING")
        assert found.was.figures.completed == final["COMPLETED"]
        assert found.was.figures.failed == final["FAILED"]
        assert found.was.figures.retries <= sum(kinds[each] for each in get_args(Ending))


def numbers(figures: Figures) -> list[float]:
    """All figures, those of causes included."""
    values: list[Any] = list(to_builtins(figures).values())
    plain = [each for each in values if not isinstance(each, dict)]
    return [*plain, *figures.waiting_secs.values()]


def test_whatever_has_happened_can_be_played_again() -> None:
    """Any requests in any order, any stretch of them, and any settings."""
    machine = settings(stateful_step_count=40, max_examples=FEW)
    run_state_machine_as_test(RehearsedMachine, settings=machine)
