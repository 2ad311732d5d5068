"""How requests share a commit: what one of them does, and what it can do to the others."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from agentd.decide import Context
from agentd.errors import (
    Conflict,
    DatabaseGone,
    InternalError,
    RequestRefused,
    StorageError,
    StorageFull,
)
from agentd.methods import BY_NAME, Command
from agentd.projections import PROJECTIONS
from agentd.store import Tx
from agentd.store.memory import MemoryStore
from agentd.transact import ATTEMPTS, Call, Outcome, run_batch
from tests.core import NOW, STORES, Core, kind_of, spec, to_params, uid

Step = Callable[..., Any]


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    store = STORES[request.param](tmp_path)
    yield Core(store)
    store.close()


class Broken(Exception):
    """A fault of the daemon's own."""


def broken(*_arguments: object) -> Any:
    raise Broken


def registering(number: int, **steps: Step) -> Call:
    """A registration of one node, with other steps than the real ones where given."""
    params = to_params("RegisterTask", {"goal": str(number), "initial_nodes": [spec(number)]})
    return Call(_command("RegisterTask")._replace(**steps), params)


def contents(core: Core) -> list[object]:
    """Everything that the store has."""
    with core.store.read() as reader:
        return [core.journal(), *(list(reader.rows(projection)) for projection in PROJECTIONS)]


def node_ids(outcomes: list[Outcome]) -> list[list[str] | None]:
    """Which nodes each request registered, None for a refusal."""
    return [None if o.refusal else o.result.node_ids for o in outcomes]


# Together


def test_requests_of_a_batch_see_each_other(core: Core) -> None:
    """A request finds what an earlier one of its batch did, and answers come in order."""
    task_id = core.register(spec(1), spec(2))
    acquire = ("AcquireNextNode", {"task_id": task_id})
    first, second, third = core.batch(acquire, acquire, acquire)
    assert (first["node_id"], second["node_id"], third) == (uid(1), uid(2), None)


def test_an_outcome_has_what_was_recorded(core: Core) -> None:
    """An outcome carries the records of its request, a refusal none."""
    registered, refused = core.run([registering(1), registering(1)])
    assert [record.kind for record in registered.recorded] == ["TaskRegistered", "NodeAdded"]
    assert list(registered.recorded) == core.journal()
    assert kind_of(refused.refusal) == "invalid_graph"
    assert refused.recorded == ()


def test_an_empty_batch_is_nothing(core: Core) -> None:
    """No requests, no outcomes."""
    assert core.run([]) == []


# A refusal


@pytest.mark.parametrize("breaks", [False, True])
def test_a_batch_ends_when_it_is_enough(core: Core, breaks: bool) -> None:  # noqa: FBT001
    """Requests that were not begun have no outcome and leave no trace, if one broke as well."""
    calls = [registering(1, **({"load": broken} if breaks else {}))]
    calls += [registering(number) for number in range(2, 6)]
    asked = iter([False, False, True] if not breaks else [False, True])
    outcomes = run_batch(core.store, calls, core.context, lambda _: None, lambda: next(asked))
    assert len(outcomes) == 3 - breaks
    assert core.do("Metrics")["database"]["total_tasks"] == 3 - 2 * breaks


def test_a_refused_request_leaves_no_trace(core: Core) -> None:
    """A refusal changes neither the journal nor a row."""
    held = core.hold(core.register(spec(1)))
    before = contents(core)
    stale = {**held.params, "lease_id": uid(9)}
    for method in ("CommitEvent", "HeartbeatNode", "CompleteNode", "FailNode"):
        with pytest.raises(RequestRefused):
            core.do(method, **stale)
    assert contents(core) == before


def test_a_refused_request_does_not_disturb_its_neighbours(core: Core) -> None:
    """Before and behind a refused request, the batch does what it would do without it."""
    task_id = core.register(spec(1), spec(2))
    acquire = ("AcquireNextNode", {"task_id": task_id})
    first, refused, second = core.batch(acquire, ("AcquireNextNode", {"task_id": uid(9)}), acquire)
    assert kind_of(refused) == "task_not_found"
    assert (first["node_id"], second["node_id"]) == (uid(1), uid(2))
    assert core.do("TaskStatus", task_id=task_id)["counts"] == {"RUNNING": 2}


# A crash

each_step = pytest.mark.parametrize("step", ["load", "decide", "view"])


@each_step
def test_a_crashed_request_leaves_no_trace(core: Core, step: str) -> None:
    """A request that breaks, even after it has written, is undone and answered as internal."""
    core.register(spec(1))
    before = contents(core)
    [outcome] = core.run([registering(2, **{step: broken})])
    assert type(outcome.refusal) is InternalError
    assert contents(core) == before


@each_step
def test_a_crashed_request_does_not_disturb_its_neighbours(core: Core, step: str) -> None:
    """The others of its batch are done, in their order, and the journal has no gap."""
    batch = [registering(1), registering(2, **{step: broken}), registering(3)]
    outcomes = core.run(batch)
    assert node_ids(outcomes) == [[uid(1)], None, [uid(3)]]
    assert [record.seq for record in core.journal()] == [1, 2, 3, 4]
    assert [record.node_id for record in core.journal()] == [None, uid(1), None, uid(3)]


def test_a_crash_is_told_once(core: Core) -> None:
    """The daemon learns of each fault once, and of nothing else."""
    core.run([registering(1), registering(2, view=broken), registering(1)])
    assert [type(fault) for fault in core.faults] == [Broken]


def test_a_crash_is_not_explained_to_the_client(core: Core) -> None:
    """What broke is for the log: the answer says only that it was the daemon."""
    [outcome] = core.run([registering(1, decide=broken)])
    assert kind_of(outcome.refusal) == "internal"
    assert "Broken" not in str(outcome.refusal)


def test_a_row_that_cannot_be_folded_undoes_its_record(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Journal and rows change together or not at all."""
    before = contents(core)
    with monkeypatch.context() as patched:
        patched.setattr("agentd.transact.project_all", broken)
        assert node_ids(core.run([registering(1)])) == [None]
    assert contents(core) == before


def test_an_interrupt_is_not_an_answer(core: Core) -> None:
    """What ends the program ends it, with the batch undone."""

    def interrupted(*_arguments: object) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        core.run([registering(1), registering(2, view=interrupted)])
    assert core.journal() == []


# The database fails


@each_step
def test_a_storage_error_answers_the_whole_batch(core: Core, step: str) -> None:
    """When the database fails nothing of the batch is recorded, and everybody is told so."""

    def failing(*_arguments: object) -> Any:
        raise StorageError

    outcomes = core.run([registering(1), registering(2, **{step: failing}), registering(3)])
    assert [type(outcome.refusal) for outcome in outcomes] == [StorageError] * 3
    assert core.journal() == []
    assert core.faults == []


@each_step
def test_a_full_disk_refuses_only_what_does_not_fit(core: Core, step: str) -> None:
    """When there is no room for the batch, each of its requests is tried by itself."""

    def failing(*_arguments: object) -> Any:
        raise StorageFull

    outcomes = core.run([registering(1), registering(2, **{step: failing}), registering(3)])
    assert [type(outcome.refusal) for outcome in outcomes] == [type(None), StorageFull, type(None)]
    assert len({recorded.task_id for recorded in core.journal()}) == 2
    assert core.faults == []


class FullStore(MemoryStore):
    """Cannot commit."""

    @contextmanager
    def write(self) -> Iterator[Any]:
        with suppress(StorageFull), super().write() as tx:
            yield tx
            raise StorageFull
        raise StorageFull


def test_a_failed_commit_answers_the_whole_batch() -> None:
    """A commit that fails is a refusal for everybody in it, whatever was decided before."""
    core = Core(FullStore())
    outcomes = core.run([registering(1), registering(1), registering(2)])
    assert [type(outcome.refusal) for outcome in outcomes] == [StorageFull] * 3
    assert core.journal() == []


# Conflicts


class Late:
    """Loads a state that another writer has overtaken, so many times."""

    def __init__(self, times: int) -> None:
        self.loads = 0
        self._times = times

    def __call__(self, *arguments: Any) -> Any:
        self.loads += 1
        state = _command("CommitEvent").load(*arguments)
        version = state.version - 1 if self.loads <= self._times else state.version
        return type(state)(state.task_id, version, state.task, state.node)


def late_commit(core: Core, load: Late) -> Call:
    """A commit about a node of a new task, that loads its state with `load`."""
    task_id = core.register(spec(1))
    params = to_params("CommitEvent", {"task_id": task_id, "node_id": uid(1)})
    return Call(_command("CommitEvent")._replace(load=load), params)


@pytest.mark.parametrize("times", [1, ATTEMPTS - 1])
def test_a_conflict_is_decided_again(core: Core, times: int) -> None:
    """When another writer was faster, the state is loaded and decided on anew."""
    load = Late(times)
    [outcome] = core.run([late_commit(core, load)])
    assert outcome.refusal is None
    assert load.loads == times + 1
    assert [record.kind for record in core.journal()][2:] == ["EventCommitted"]


def test_a_conflict_without_end_is_a_fault(core: Core) -> None:
    """After some attempts it is given up, told as a fault, and the neighbours are done."""
    load = Late(1000)
    batch = [late_commit(core, load), registering(2)]
    broken_one, neighbour = core.run(batch)
    assert kind_of(broken_one.refusal) == "internal"
    assert neighbour.result.node_ids == [uid(2)]
    assert [type(fault) for fault in core.faults] == [Conflict]
    assert load.loads == 2 * ATTEMPTS


def raise_fault(error: BaseException) -> None:
    """A fault is a failure of the test."""
    raise error


class Overtaken(MemoryStore):
    """Finds at its commits that another writer was faster, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self._times = times
        self.begun = False

    @contextmanager
    def write(self) -> Iterator[Any]:
        with super().write() as tx:
            self.begun = True
            yield tx
            self.begun = False
            self._times -= 1
            if self._times >= 0:
                raise Conflict


def test_a_commit_that_another_writer_overtook_is_decided_again() -> None:
    """All requests of the batch are loaded and decided anew, after a pause each time."""
    core, pauses = Core(Overtaken(ATTEMPTS - 1)), list[int]()
    calls = [registering(1), registering(2)]
    outcomes = run_batch(core.store, calls, core.context, raise_fault, bool, pauses.append)
    assert node_ids(outcomes) == [[uid(1)], [uid(2)]]
    assert pauses == list(range(1, ATTEMPTS))
    assert [record.seq for record in core.journal()] == [1, 2, 3, 4]


def test_the_moment_is_asked_for_in_the_transaction() -> None:
    """What a batch may know is told when its transaction has begun, and anew with each attempt."""
    store = Overtaken(1)
    core, begun = Core(store), list[bool]()

    def make_context() -> Context:
        begun.append(store.begun)
        core.now += 1
        return core.context()

    run_batch(store, [registering(1)], make_context, raise_fault)
    assert begun == [True, True]
    assert {record.at for record in core.journal()} == {NOW + 2}


def test_a_database_that_goes_away_ends_the_batch() -> None:
    """Of requests that are run one by one, those behind the first without it have no outcome."""

    class Going(MemoryStore):
        faults = iter([StorageFull(), None, DatabaseGone()])

        @contextmanager
        def write(self) -> Iterator[Any]:
            with super().write() as tx:
                yield tx
                if (fault := next(self.faults)) is not None:
                    raise fault

    outcomes = Core(Going()).run([registering(number) for number in range(1, 5)])
    assert [type(outcome.refusal) for outcome in outcomes] == [type(None), DatabaseGone]


def test_the_expected_version_is_what_was_loaded() -> None:
    """The events are appended where the loaded stream ended, so that a conflict can show."""
    expected: list[int] = []

    class Spy(MemoryStore):
        @contextmanager
        def write(self) -> Iterator[Any]:
            with super().write() as tx:
                yield _remember(tx, expected)

    core = Core(Spy())
    core.hold(core.register(spec(1), spec(2)))
    assert expected == [0, 3]


def _remember(tx: Tx, expected: list[int]) -> Tx:
    append = tx.append

    def appended(task_id: str, expected_version: int, *rest: Any) -> Any:
        expected.append(expected_version)
        return append(task_id, expected_version, *rest)

    tx.append = appended  # type: ignore[assignment, method-assign]
    return tx


def _command(method: str) -> Command:
    found = BY_NAME[method].command
    assert found is not None
    return found
