"""The writer without sockets: what shares a commit, who is answered, and when the WAL is copied."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from agentd.daemon.clock import Clock
from agentd.daemon.context_factory import ContextFactory
from agentd.daemon.counters import new_counters
from agentd.daemon.grace import Grace
from agentd.daemon.writer import LARGEST_BATCH, SubmittedCommand, Writer
from agentd.errors import RequestRefused, StorageError, StorageFull, SyncFailed
from agentd.journal import Recorded
from agentd.store.memory import MemoryStore, MemoryTx
from agentd.transact import Call, Outcome
from tests.core import EVENT_LIMIT, LEASE_MS, command, to_params

SECONDS = 5.0
"""Far more than anything here takes."""


class Store(MemoryStore):
    """A store that counts, and whose commits and checkpoints fail when they are told to."""

    def __init__(self) -> None:
        super().__init__()
        self.commits = 0
        self.checkpoints = 0
        self.readers_in_the_way = 0
        self.commit_fault: Exception | None = None
        self.checkpoint_fault: Exception | None = None

    @contextmanager
    def write(self) -> Iterator[MemoryTx]:
        with super().write() as tx:
            yield tx
            if self.commit_fault is not None:
                raise self.commit_fault
        self.commits += 1

    def checkpoint(self) -> bool:
        self.checkpoints += 1
        if self.checkpoint_fault is not None:
            raise self.checkpoint_fault
        if not self.readers_in_the_way:
            return True
        self.readers_in_the_way -= 1
        return False

    def wait_for_turn(self) -> None:
        """It is always somebody's turn."""


class Client:
    """Keeps its answers, with the number of commits there were before each."""

    def __init__(self, store: Store, fault: Exception | None = None) -> None:
        self.answers: list[Outcome] = []
        self.commits_before: list[int] = []
        self._store = store
        self._fault = fault

    def answer(self, _command: SubmittedCommand, outcome: Outcome) -> None:
        self.answers.append(outcome)
        self.commits_before.append(self._store.commits)
        if self._fault is not None:
            raise self._fault


def request(goal: str = "g") -> Call:
    """One more task."""
    return command("RegisterTask", to_params("RegisterTask", {"goal": goal}))


def play(
    store: Store,
    scene: Callable[[Writer], Awaitable[None]],
    watch: Callable[[Sequence[Recorded]], None] = lambda _recorded: None,
    give_up: Callable[[], None] = lambda: None,
    has_room: Callable[[], bool] = lambda: True,
    seconds: Callable[[], float] = lambda: 0.0,
) -> None:
    """Play a scene with a writer, on a loop of its own; batches take no time by its clock."""

    async def run() -> None:
        contexts = ContextFactory(
            Clock(), Grace(0, LEASE_MS), new_counters(), LEASE_MS, EVENT_LIMIT
        )
        writer = Writer(store, contexts, watch, give_up, has_room, seconds)
        await asyncio.wait_for(scene(writer), 2 * SECONDS)

    asyncio.run(run())


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop turn until it `holds`."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.001)


def submit_all(store: Store, clients: Sequence[Client]) -> None:
    """Submit a command for each, at once, and wait until all are answered."""

    async def scene(writer: Writer) -> None:
        for client in clients:
            writer.submit(SubmittedCommand(request(), client))
        await until(lambda: all(client.answers for client in clients))
        await until(lambda: store.checkpoints > 0)

    play(store, scene)


def test_waiting_commands_share_a_commit() -> None:
    """Commands that wait at the same time are committed together, and answered after that."""
    store = Store()
    clients = [Client(store) for _ in range(20)]
    submit_all(store, clients)
    assert store.commits == 1
    assert [client.commits_before for client in clients] == [[1]] * 20
    assert all(client.answers[0].refusal is None for client in clients)


def test_a_batch_has_a_largest_size() -> None:
    """A long pipeline takes several commits, and its first answers come after the first one."""
    store = Store()
    client = Client(store)

    async def scene(writer: Writer) -> None:
        for _ in range(2 * LARGEST_BATCH + 1):
            writer.submit(SubmittedCommand(request(), client))
        await until(lambda: len(client.answers) == 2 * LARGEST_BATCH + 1)

    play(store, scene)
    assert client.commits_before == [1] * LARGEST_BATCH + [2] * LARGEST_BATCH + [3]


def test_answers_keep_the_order_of_the_commands() -> None:
    """Whatever the batches are, the first command is answered first."""
    store = Store()
    client = Client(store)
    seen: list[str] = []

    async def scene(writer: Writer) -> None:
        for number in range(LARGEST_BATCH + 50):
            writer.submit(SubmittedCommand(request(str(number)), client))
        await until(lambda: len(client.answers) == LARGEST_BATCH + 50)

    play(store, scene, lambda recorded: seen.extend(one.task_id for one in recorded))
    assert [outcome.result.task_id for outcome in client.answers] == seen


def test_commands_that_come_later_are_run_too() -> None:
    """A writer that has nothing to do begins again with the next command."""
    store = Store()
    client = Client(store)

    async def scene(writer: Writer) -> None:
        for number in range(1, 4):
            writer.submit(SubmittedCommand(request(), client))
            await until(lambda number=number: len(client.answers) == number)  # type: ignore[misc]

    play(store, scene)
    assert client.commits_before == [1, 2, 3]


def test_a_client_that_breaks_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """When one client cannot take its answer, the others get theirs, and the fault is logged."""
    store = Store()
    clients = [Client(store), Client(store, RuntimeError("gone")), Client(store)]
    submit_all(store, clients)
    assert [len(client.answers) for client in clients] == [1, 1, 1]
    assert store.commits == 1
    assert caplog.messages == ["a request failed: RuntimeError('gone')"]


def test_a_writer_goes_on_after_a_client_that_broke() -> None:
    """The next command is run as if nothing had happened."""
    store = Store()
    broken, sound = Client(store, RuntimeError("gone")), Client(store)

    async def scene(writer: Writer) -> None:
        writer.submit(SubmittedCommand(request(), broken))
        await until(lambda: bool(broken.answers))
        writer.submit(SubmittedCommand(request(), sound))
        await until(lambda: bool(sound.answers))

    play(store, scene)
    assert sound.commits_before == [2]


def test_a_database_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """Everybody in the batch is refused with the reason; the log says it once."""
    store = Store()
    store.commit_fault = StorageError("the disk is on fire")
    clients = [Client(store) for _ in range(3)]
    submit_all(store, clients)
    refusals = [client.answers[0].refusal for client in clients]
    assert {refusal.kind for refusal in refusals if refusal is not None} == {"storage_error"}
    assert None not in refusals
    assert caplog.messages == ["a batch failed, 3 of its requests: the disk is on fire"]
    with store.read() as reader:
        assert reader.last_seq() == 0


@pytest.mark.parametrize("where", ["commit_fault", "checkpoint_fault"])
def test_a_disk_that_does_not_keep_what_it_is_given(where: str) -> None:
    """After a failed fsync of the WAL or of the database the daemon is told to give up."""
    store = Store()
    setattr(store, where, SyncFailed())
    client, gave_up = Client(store), threading.Event()

    async def scene(writer: Writer) -> None:
        writer.submit(SubmittedCommand(request(), client))
        await until(gave_up.is_set)

    play(store, scene, give_up=gave_up.set)
    assert len(client.answers) == 1


def test_a_full_disk_that_then_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed fsync is noticed wherever it is among the failures of a batch."""
    store = Store()
    faults = iter([StorageFull(), StorageFull(), SyncFailed(), SyncFailed()])
    clients, gave_up = [Client(store) for _ in range(3)], threading.Event()

    @contextmanager
    def write() -> Iterator[MemoryTx]:
        with MemoryStore.write(store) as tx:
            yield tx
            raise next(faults)

    monkeypatch.setattr(store, "write", write)

    async def scene(writer: Writer) -> None:
        for client in clients:
            writer.submit(SubmittedCommand(request(), client))
        await until(gave_up.is_set)

    play(store, scene, give_up=gave_up.set)


def test_a_database_that_recovers() -> None:
    """After a failure the same request is accepted as soon as the database is."""
    store = Store()
    store.commit_fault = StorageError("the disk is on fire")
    client = Client(store)

    async def scene(writer: Writer) -> None:
        writer.submit(SubmittedCommand(request(), client))
        await until(lambda: len(client.answers) == 1)
        store.commit_fault = None
        writer.submit(SubmittedCommand(request(), client))
        await until(lambda: len(client.answers) == 2)

    play(store, scene)
    first, second = (outcome.refusal for outcome in client.answers)
    assert isinstance(first, RequestRefused)
    assert second is None


def test_a_checkpoint_is_retried_while_readers_are_in_the_way() -> None:
    """It is tried again by itself until it succeeds, and then no more."""
    store = Store()
    store.readers_in_the_way = 3
    client = Client(store)

    async def scene(writer: Writer) -> None:
        writer.submit(SubmittedCommand(request(), client))
        await until(lambda: store.checkpoints == 4)
        await asyncio.sleep(0.05)  # five retries long: there must be none

    play(store, scene)
    assert (store.commits, store.checkpoints) == (1, 4)


def test_one_retry_at_a_time() -> None:
    """However many commits find readers in the way, only one retry waits for its moment."""
    store = Store()
    store.readers_in_the_way = 5
    client = Client(store)

    async def scene(writer: Writer) -> None:
        for _ in range(4 * LARGEST_BATCH):
            writer.submit(SubmittedCommand(request(), client))
        await until(lambda: store.checkpoints == 6)
        await asyncio.sleep(0.05)  # five retries long: there must be none

    play(store, scene)
    assert (store.commits, store.checkpoints) == (4, 6)


@pytest.mark.parametrize("fault", [StorageError("no room"), FileNotFoundError("no WAL")])
def test_a_checkpoint_that_fails(fault: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged in one line, costs nobody an answer, and is tried after the next commit."""
    store = Store()
    store.checkpoint_fault = fault
    client = Client(store)

    async def scene(writer: Writer) -> None:
        for number in (1, 2):
            writer.submit(SubmittedCommand(request(), client))
            await until(lambda number=number: store.checkpoints == number)  # type: ignore[misc]

    play(store, scene)
    assert [outcome.refusal for outcome in client.answers] == [None, None]
    assert caplog.messages == [f"the checkpoint failed: {fault}"] * 2
