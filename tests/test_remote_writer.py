"""The writer of a database on a server: who waits for it how long, and what they are told."""

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agentd.daemon import remote_writer as remote_writer_module
from agentd.daemon.clock import ServerClock
from agentd.daemon.conflicts import Conflicts
from agentd.daemon.context_factory import ContextFactory
from agentd.daemon.counters import new_counters
from agentd.daemon.database_server import HANGS_SECONDS, DatabaseServer
from agentd.daemon.grace import LATE_MS, Grace
from agentd.daemon.remote_writer import RemoteWriter
from agentd.daemon.writer import SubmittedCommand
from agentd.errors import Conflict, DatabaseGone, OutcomeUnknown, StorageError
from agentd.journal import Recorded
from agentd.transact import Call, Outcome
from tests.core import EVENT_LIMIT, LEASE_MS, NOW, command, to_params
from tests.remote_store import SECONDS, RemoteStore
from tests.test_writer import until

WAIT = 10.0


class Hand:
    """A clock of seconds that goes when it is told to."""

    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


class Client:
    """Keeps its answers."""

    def __init__(self) -> None:
        self.answers: list[Outcome] = []
        self.threads: set[threading.Thread] = set()

    def answer(self, _command: SubmittedCommand, outcome: Outcome) -> None:
        self.answers.append(outcome)
        self.threads.add(threading.current_thread())

    @property
    def refusals(self) -> list[type | None]:
        """What it was refused with, None where it was not."""
        return [None if o.refusal is None else type(o.refusal) for o in self.answers]


class LargeClient(Client):
    """Has one large command."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[StorageError | None] = []

    def begin(self) -> SubmittedCommand | None:
        return SubmittedCommand(request("large"), self, since=1)

    def refuse(self, why: StorageError | None = None) -> None:
        self.refused.append(why)


class Deaf(RemoteStore):
    """What waits for it cannot be interrupted."""

    def interrupt(self) -> None:
        self.interrupts += 1


class Between(RemoteStore):
    """The first interrupt comes when nobody waits for it: there is nothing to end just then."""

    def interrupt(self) -> None:
        if self.interrupts:
            super().interrupt()
        else:
            self.interrupts += 1


class Scene:
    """A writer on a server's database, with everything that it touches."""

    def __init__(self, store: RemoteStore | None = None) -> None:
        self.hand = Hand()
        self.clock = ServerClock()
        self.clock.note_moment(NOW)
        self.store = store or RemoteStore(self.clock.note_moment)
        self.grace = Grace(NOW - LEASE_MS, LEASE_MS)
        self.server = DatabaseServer(self.clock.now, self.grace, WAIT, self.hand, lambda: 0.0)
        self.counters = new_counters()
        self.pauses: list[float] = []
        contexts = ContextFactory(self.clock, self.grace, self.counters, LEASE_MS, EVENT_LIMIT)
        self.recorded: list[Recorded] = []
        self.writer = RemoteWriter(
            self.store,
            contexts,
            self.recorded.extend,
            self.server,
            Conflicts(self.counters, self.pauses.append, lambda: 1.0),
        )

    def submit(self, client: Client, call: Call | None = None) -> None:
        """Submit a command of a client that waits from now on."""
        since = round(self.hand.at * 1e9)
        self.writer.submit(SubmittedCommand(call or request(), client, since=since))

    async def hang(self, place: str, *clients: Client) -> None:
        """Have the server stall with these clients' commands in its hands."""
        self.store.stall(place)
        for client in clients:
            self.submit(client)
        await until(self.store.hung.is_set)


def request(goal: str = "g") -> Call:
    """One more task."""
    return command("RegisterTask", to_params("RegisterTask", {"goal": goal}))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop looks often; what is late is for the test's clock to say."""
    monkeypatch.setattr(remote_writer_module, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr("agentd.daemon.database_server.FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr("agentd.daemon.database_server.LONGEST_PAUSE_SECONDS", 0.002)


def play(acts: Callable[[Scene], Awaitable[None]], store: RemoteStore | None = None) -> Scene:
    """Play a scene on a loop of its own."""
    scenes: list[Scene] = []

    async def run() -> None:
        scenes.append(scene := Scene(store))
        try:
            await asyncio.wait_for(acts(scene), SECONDS)
        finally:
            scene.store.answer()
            scene.writer.close()

    asyncio.run(run())
    return scenes[0]


def test_answers_come_on_the_loop() -> None:
    """Batches run on a thread of their own, and are answered on the loop, in their order."""
    client = Client()

    async def acts(scene: Scene) -> None:
        for number in range(20):
            scene.submit(client, request(str(number)))
        await until(lambda: len(client.answers) == 20)

    scene = play(acts)
    assert client.threads == {threading.main_thread()}
    assert [o.result.task_id for o in client.answers] == [one.task_id for one in scene.recorded]
    assert scene.store.writes == 1


def test_loop_and_batch_take_quick_turns() -> None:
    """Neither keeps the interpreter from the other for as long as a batch takes."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.005)

    async def acts(scene: Scene) -> None:
        scene.submit(client := Client())
        await until(lambda: bool(client.answers))
        assert sys.getswitchinterval() < 0.001

    try:
        play(acts)
    finally:
        sys.setswitchinterval(before)


def test_what_arrives_while_a_batch_is_on_its_way_is_the_next() -> None:
    """The loop goes on while the server stalls, and gathers."""
    first, others = Client(), [Client() for _ in range(5)]

    async def acts(scene: Scene) -> None:
        await scene.hang("commit", first)
        for client in others:
            scene.submit(client)
        await asyncio.sleep(0)
        assert not any(client.answers for client in (first, *others))
        scene.store.answer()
        await until(lambda: all(client.answers for client in (first, *others)))

    assert play(acts).store.writes == 2


def test_a_large_command_is_run_there_too() -> None:
    """It is a batch of its own."""
    client = LargeClient()

    async def acts(scene: Scene) -> None:
        scene.writer.submit_large(client)
        await until(lambda: bool(client.answers))

    play(acts)
    assert client.refusals == [None]


def test_the_servers_moment_is_what_is_recorded() -> None:
    """It is read when the transaction has begun, however wrong the daemon's idea was."""

    async def acts(scene: Scene) -> None:
        client = Client()
        scene.clock.note_moment(NOW + 3_600_000)
        scene.submit(client)
        await until(lambda: bool(client.answers))
        assert NOW <= scene.recorded[0].at < NOW + 60_000

    play(acts)


def test_who_waits_for_a_server_that_is_gone_is_served_when_it_is_back() -> None:
    """Commands keep their places while it is gone, and nobody is told of it."""
    clients = [Client() for _ in range(3)]

    async def acts(scene: Scene) -> None:
        scene.store.is_gone = True
        for client in clients:
            scene.submit(client)
        await until(lambda: scene.store.writes > 3)
        assert scene.server.fault is not None
        scene.hand.at += WAIT - 0.001
        scene.store.is_gone = False
        await until(lambda: all(client.answers for client in clients))
        assert scene.server.fault is None

    scene = play(acts)
    assert [client.refusals for client in clients] == [[None]] * 3
    tasks = [client.answers[0].result.task_id for client in clients]
    assert tasks == [one.task_id for one in scene.recorded]


def test_who_has_waited_long_enough_is_refused() -> None:
    """Whose time is over is told that nothing is recorded; who came later goes on waiting."""
    early, late = Client(), Client()

    async def acts(scene: Scene) -> None:
        scene.store.is_gone = True
        scene.submit(early)
        await until(lambda: scene.store.writes > 1)
        scene.hand.at += WAIT / 2
        scene.submit(late)
        scene.hand.at += WAIT / 2
        await until(lambda: bool(early.answers))
        assert late.answers == []
        scene.store.is_gone = False
        await until(lambda: bool(late.answers))

    scene = play(acts)
    assert (early.refusals, late.refusals) == ([DatabaseGone], [None])
    assert "nothing of this request is recorded" in str(early.answers[0].refusal)
    assert len(scene.recorded) == 1


def test_the_daemons_own_commands_wait_for_no_server() -> None:
    """A command without a client that waits is refused at once, gone or stalling."""
    own, client = Client(), Client()

    async def acts(scene: Scene) -> None:
        scene.store.is_gone = True
        scene.writer.submit(SubmittedCommand(request(), own))
        await until(lambda: len(own.answers) == 1)
        scene.store.is_gone = False
        await scene.hang("begin", client)
        scene.writer.submit(SubmittedCommand(request(), own))
        scene.hand.at += 1.0
        await until(lambda: len(own.answers) == 2)
        assert scene.store.interrupts == 0

    play(acts)
    assert own.refusals == [DatabaseGone] * 2


@pytest.mark.parametrize("kept", [False, True])
def test_a_batch_that_hangs(kept: bool) -> None:  # noqa: FBT001 - both ways
    """At the end of their time its clients are told that it is unknown, and it is interrupted.

    That happens once. Those behind it are told that nothing is recorded, and nobody is told twice.
    """
    inside, behind, later = Client(), Client(), Client()

    async def acts(scene: Scene) -> None:
        scene.store.loses_word = kept
        await scene.hang("commit", inside)
        scene.submit(behind)
        scene.hand.at += WAIT
        await until(lambda: bool(inside.answers and behind.answers))
        scene.submit(later)
        await until(lambda: bool(later.answers))
        assert scene.store.interrupts == 1

    scene = play(acts)
    assert inside.refusals == [OutcomeUnknown]
    assert behind.refusals == [DatabaseGone]
    assert later.refusals == [None]
    assert len(scene.recorded) == 1
    with scene.store.read() as reader:
        assert reader.last_seq() == 1 + kept


def test_a_batch_that_comes_through_after_all() -> None:
    """What was told to be unknown, and is recorded, is made known to all others."""
    early, late = Client(), Client()

    async def acts(scene: Scene) -> None:
        await scene.hang("commit", early)
        scene.hand.at += WAIT
        await until(lambda: bool(early.answers))
        scene.submit(late)
        scene.store.answer()
        await until(lambda: bool(late.answers))

    scene = play(acts, Deaf())
    assert (early.refusals, late.refusals) == ([OutcomeUnknown], [None])
    assert len(scene.recorded) == 2


def test_a_batch_that_hangs_again() -> None:
    """What was interrupted, and hangs all the same, is interrupted again."""
    inside, later = Client(), Client()

    async def acts(scene: Scene) -> None:
        await scene.hang("begin", inside)
        scene.hand.at += WAIT
        await until(lambda: scene.store.interrupts == 1)
        scene.hand.at += HANGS_SECONDS
        await until(lambda: scene.store.interrupts == 2)
        scene.submit(later)
        await until(lambda: bool(later.answers))

    play(acts, Between())
    assert (inside.refusals, later.refusals) == ([OutcomeUnknown], [None])


def test_a_server_that_answers_slowly_refuses_nobody() -> None:
    """While no batch hangs, time alone refuses nothing."""
    first, second = Client(), Client()

    async def acts(scene: Scene) -> None:
        await scene.hang("commit", first)
        scene.submit(second)
        scene.hand.at += 0.9
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert first.answers + second.answers == []
        scene.store.answer()
        await until(lambda: bool(second.answers))

    assert play(acts).store.interrupts == 0
    assert second.refusals == [None]


def test_a_large_command_that_was_not_begun() -> None:
    """It waits no longer than the others."""
    client, large = Client(), LargeClient()

    async def acts(scene: Scene) -> None:
        await scene.hang("begin", client)
        scene.writer.submit_large(large)
        scene.hand.at += WAIT
        await until(lambda: bool(large.refused))

    play(acts)
    assert [type(why) for why in large.refused] == [DatabaseGone]
    assert large.answers == []


def test_stopping_waits_a_moment_for_the_server() -> None:
    """A batch that hangs when the daemon stops is told of and interrupted soon."""
    client, behind = Client(), Client()

    async def acts(scene: Scene) -> None:
        await scene.hang("begin", client)
        scene.submit(behind)
        scene.writer.stop()
        scene.hand.at += remote_writer_module.STOP_SECONDS
        await until(lambda: bool(client.answers and behind.answers))
        await until(lambda: scene.store.interrupts == 1)

    play(acts)
    assert (client.refusals, behind.refusals) == ([OutcomeUnknown], [DatabaseGone])


def test_closing_waits_for_no_server() -> None:
    """A batch that cannot be interrupted does not hold up the end."""

    async def acts(scene: Scene) -> None:
        await scene.hang("begin", Client())
        scene.writer.close()
        assert scene.store.interrupts == 1

    play(acts, Deaf())


def test_conflicts_are_counted_and_decided_again() -> None:
    """After a pause that grows, with jitter, on the writer's thread."""
    client = Client()
    loads = iter([Conflict(), Conflict(), None])
    found = request()

    def load(*arguments: Any) -> Any:
        if (fault := next(loads)) is not None:
            raise fault
        return found.command.load(*arguments)

    async def acts(scene: Scene) -> None:
        scene.submit(client, Call(found.command._replace(load=load), found.params))
        await until(lambda: bool(client.answers))

    scene = play(acts)
    assert client.refusals == [None]
    assert scene.counters.conflicts == 2
    assert scene.pauses == [0.01, 0.02]


# The grace


def honoured(scene: Scene, client: Client) -> list[int]:
    """Submit a command that tells up to which moment leases are honoured while it is run."""
    found, told = request(), list[int]()

    def load(*arguments: Any) -> Any:
        told.append(arguments[2].honoured_until)
        return found.command.load(*arguments)

    scene.submit(client, Call(found.command._replace(load=load), found.params))
    return told


def test_leases_are_honoured_when_the_server_is_back() -> None:
    """What ran out while it was gone is protected by the first transaction already."""

    async def acts(scene: Scene) -> None:
        client = Client()
        before = honoured(scene, client)
        await until(lambda: len(client.answers) == 1)
        scene.store.is_gone = True
        after = honoured(scene, client)
        await until(lambda: scene.store.writes > 2)
        scene.store.moment = NOW + 5_000
        scene.store.is_gone = False
        await until(lambda: len(client.answers) == 2)
        assert before == [0]
        assert NOW + 5_000 <= after[0] < NOW + 60_000

    play(acts)


@pytest.mark.parametrize("place", ["begin", "commit"])
@pytest.mark.parametrize("late", [False, True])
def test_a_transaction_that_hung_was_an_absence(place: str, late: bool) -> None:  # noqa: FBT001
    """Where it took longer than a moment: to begin, for itself; at its commit, for the next."""

    async def acts(scene: Scene) -> None:
        client = Client()
        scene.store.stall(place)
        first = honoured(scene, client)
        await until(scene.store.hung.is_set)
        scene.hand.at += LATE_MS / 1000 + (0.001 if late else 0)
        scene.store.answer()
        await until(lambda: len(client.answers) == 1)
        second = honoured(scene, client)
        await until(lambda: len(client.answers) == 2)
        assert [bool(first[0]), bool(second[0])] == [late and place == "begin", late]

    play(acts)
