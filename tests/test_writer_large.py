"""The writer's large commands: what goes alone, what goes between, and what is refused."""

import asyncio
from collections.abc import Sequence

import pytest

from agentd.daemon import writer as writer_module
from agentd.daemon.writer import LONGEST_BATCH_SECONDS, MOST_ANSWERED, SubmittedCommand, Writer
from agentd.errors import StorageError
from agentd.transact import Outcome
from tests.test_writer import Client, Store, play, request, until


class LargeClient(Client):
    """Has one large command, or none any more; `journal` says in which order things happened."""

    def __init__(
        self, store: Store, journal: list[str], *, has: bool = True, fault: Exception | None = None
    ) -> None:
        super().__init__(store)
        self.refused = 0
        self._journal = journal
        self._has = has
        self._begin_fault = fault

    def begin(self) -> SubmittedCommand | None:
        self._journal.append("begin")
        if self._begin_fault is not None:
            raise self._begin_fault
        return SubmittedCommand(request("large"), self) if self._has else None

    def refuse(self, _why: StorageError | None = None) -> None:
        self.refused += 1

    def answer(self, command: SubmittedCommand, outcome: Outcome) -> None:
        super().answer(command, outcome)
        self._journal.append("large")


class SmallClient(Client):
    """Asks again with every answer, so often."""

    def __init__(self, store: Store, journal: list[str], writer: Writer, more: int) -> None:
        super().__init__(store)
        self._journal = journal
        self._writer = writer
        self._more = more

    def answer(self, command: SubmittedCommand, outcome: Outcome) -> None:
        super().answer(command, outcome)
        self._journal.append("small")
        if self._more:
            self._more -= 1
            self._writer.submit(SubmittedCommand(request(), self))


def answered(clients: Sequence[Client]) -> bool:
    """Whether each of them has its answer."""
    return all(client.answers for client in clients)


def test_a_large_command_is_a_batch_of_its_own() -> None:
    """It shares its commit with nobody, and is decoded when it is its turn, not before."""
    store, journal = Store(), list[str]()
    large = [LargeClient(store, journal) for _ in range(2)]

    async def scene(writer: Writer) -> None:
        for client in large:
            writer.submit_large(client)
        assert journal == []
        await until(lambda: answered(large))

    play(store, scene)
    assert journal == ["begin", "large"] * 2
    assert [client.commits_before for client in large] == [[1], [2]]


def test_small_commands_go_between_large_ones() -> None:
    """While large ones wait and small ones keep coming, they take turns."""
    store, journal = Store(), list[str]()
    large = [LargeClient(store, journal) for _ in range(4)]

    async def scene(writer: Writer) -> None:
        small = SmallClient(store, journal, writer, more=20)
        for client in large:
            writer.submit_large(client)
        writer.submit(SubmittedCommand(request(), small))
        await until(lambda: answered(large) and len(small.answers) == 21)

    play(store, scene)
    done = [step for step in journal if step != "begin"]
    assert done == ["small", "large"] * 4 + ["small"] * 17


def test_after_a_long_one_the_next_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the rest is over none is begun, however many wait; small ones are run meanwhile."""
    monkeypatch.setattr(writer_module, "REST", 3600)
    store, journal = Store(), list[str]()
    large = [LargeClient(store, journal) for _ in range(2)]
    times = iter(range(1_000))

    async def scene(writer: Writer) -> None:
        small = Client(store)
        for client in large:
            writer.submit_large(client)
        await until(lambda: answered(large[:1]))
        writer.submit(SubmittedCommand(request(), small))
        await until(lambda: answered([small]))
        assert writer.stop() == 1.0  # second that a word may have waited

    play(store, scene, seconds=lambda: float(next(times)))
    assert journal == ["begin", "large"]


def test_a_batch_ends_when_it_has_taken_long_enough() -> None:
    """What it did not come to is run in the next one, in order; nothing is run twice or lost."""
    store = Store()
    client = Client(store)
    seconds = iter(number * LONGEST_BATCH_SECONDS / 2 for number in range(1_000))

    async def scene(writer: Writer) -> None:
        for number in range(5):
            writer.submit(SubmittedCommand(request(str(number)), client))
        await until(lambda: len(client.answers) == 5)

    play(store, scene, seconds=lambda: next(seconds))
    assert client.commits_before == [1, 1, 2, 2, 3]
    assert all(outcome.refusal is None for outcome in client.answers)


def test_a_batch_is_bounded_in_its_answers() -> None:
    """Commands whose answers may be many bytes share a commit as long as those are not too many."""
    store = Store()
    client = Client(store)
    sizes = [0, MOST_ANSWERED, 0, MOST_ANSWERED // 2, MOST_ANSWERED // 2, 0]

    async def scene(writer: Writer) -> None:
        for size in sizes:
            writer.submit(SubmittedCommand(request(), client, answer_bytes=size))
        await until(lambda: len(client.answers) == len(sizes))

    play(store, scene)
    assert client.commits_before == [1, 1, 2, 2, 2, 3]


def test_stopping_refuses_what_was_not_begun() -> None:
    """Large ones that wait are refused, and so is one that comes later; small ones are run."""
    store, journal = Store(), list[str]()
    large = [LargeClient(store, journal) for _ in range(3)]
    small = Client(store)

    async def scene(writer: Writer) -> None:
        for client in large[:2]:
            writer.submit_large(client)
        writer.stop()
        writer.submit_large(large[2])
        writer.submit(SubmittedCommand(request(), small))
        await until(lambda: answered([small]))

    play(store, scene)
    assert [client.refused for client in large] == [1, 1, 1]
    assert journal == []


def test_who_is_gone_has_no_turn() -> None:
    """What a client waited for goes with it, and those behind it move up."""
    store, journal = Store(), list[str]()
    gone, there = LargeClient(store, journal), LargeClient(store, journal)

    async def scene(writer: Writer) -> None:
        writer.submit_large(gone)
        writer.submit_large(there)
        writer.withdraw(gone)
        writer.withdraw(gone)
        await until(lambda: answered([there]))

    play(store, scene)
    assert journal == ["begin", "large"]
    assert gone.answers == []


def test_a_large_command_waits_for_room() -> None:
    """Without room for its answer it is not begun; small ones are run, and it is when there is."""
    store, journal = Store(), list[str]()
    large, small, room = LargeClient(store, journal), Client(store), [False]

    async def scene(writer: Writer) -> None:
        writer.submit_large(large)
        writer.submit(SubmittedCommand(request(), small))
        await until(lambda: answered([small]))
        assert journal == []
        room[0] = True
        writer.go_on()
        await until(lambda: answered([large]))

    play(store, scene, has_room=lambda: room[0])


@pytest.mark.parametrize("fault", [None, RuntimeError("it does not decode")])
def test_a_turn_that_comes_to_nothing(
    fault: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Where there is no command after all, or finding it fails, the next one has its turn."""
    store, journal = Store(), list[str]()
    first = LargeClient(store, journal, has=False, fault=fault)
    second = LargeClient(store, journal)

    async def scene(writer: Writer) -> None:
        writer.submit_large(first)
        writer.submit_large(second)
        await until(lambda: answered([second]))

    play(store, scene)
    assert (store.commits, first.answers) == (1, [])
    assert len(caplog.messages) == (fault is not None)


def test_a_rest_ends() -> None:
    """It takes a part of the time that the large command took, and then the next one is begun."""
    store, journal = Store(), list[str]()
    large = [LargeClient(store, journal) for _ in range(2)]
    times = iter(number / 10 for number in range(1_000))

    async def scene(writer: Writer) -> None:
        for client in large:
            writer.submit_large(client)
        await until(lambda: answered(large[:1]))
        await asyncio.sleep(0)
        assert not large[1].answers
        await until(lambda: answered(large))
        await until(lambda: writer.stop() == 0)

    play(store, scene, seconds=lambda: next(times))
