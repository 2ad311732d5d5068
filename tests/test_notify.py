"""`AGENTD_NOTIFY`: what people are told of, by which words, and that nobody waits for it."""

import asyncio
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from agentd.daemon import notifier as notifiers
from agentd.daemon.clock import Clock
from agentd.daemon.gate_reminders import GateReminders
from agentd.daemon.hook import Hook
from agentd.daemon.notice import Matter
from agentd.daemon.notifier import Notifier
from agentd.store import ServedStore
from tests.core import NOW, Core, open_memory
from tests.daemon_process import Connection, DaemonProcess, temporary_home

Object = dict[str, Any]

WORK = {"goal": "Ship \x1b[31mit", "initial_nodes": [{"name": "build"}, {"name": "test"}]}
NOTHING: Object = {"ask": None, "timeout_at": None, "dropped": 0}
"""Of what has no gate, and nothing was dropped before."""


class Told:
    """What the command was told: it passes it on into a pipe of this name."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "told"
        os.mkfifo(self.path)
        self.command = f"cat >{self.path}"
        # For writing too: the end of one command is no end of file.
        self._lines = os.fdopen(os.open(self.path, os.O_RDWR), "rb", buffering=0)

    def next(self) -> Object:
        """The next one."""
        found: Object = json.loads(self._lines.readline())
        return found

    def close(self) -> None:
        self._lines.close()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Who is told. Each test takes all that it has caused."""
    found = Told(tmp_path_factory.mktemp("told"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def connection(told: Told) -> Iterator[Connection]:
    """A connection to a daemon that tells."""
    with (
        temporary_home() as home,
        DaemonProcess(home, AGENTD_NOTIFY=told.command) as daemon,
        daemon.connect() as connected,
    ):
        yield connected


def acquire(connection: Connection, task: str) -> Object:
    """The three ids of a lease."""
    lease = connection.call("AcquireNextNode", task_id=task, lease_owner="w")
    return {"task_id": task, "node_id": lease["node_id"], "lease_id": lease["lease_id"]}


def last_event(connection: Connection, after: int) -> Object:
    """The first event behind that place."""
    found: Object = connection.call("WatchEvents", after_seq=after - 1, limit=1)["events"][0]
    return found


# What people are told of


def test_a_task_that_is_completed(connection: Connection, told: Told) -> None:
    """Once, with the event that ended it as WatchEvents shows it, and what a person needs."""
    task = connection.call("RegisterTask", **WORK)["task_id"]
    for result in ("one", "two"):
        connection.call("CompleteNode", **acquire(connection, task), result_payload=result)
    notice = told.next()
    event = last_event(connection, notice["seq"])
    assert (event["action_type"], event["payload"]) == ("COMPLETE_NODE", {"result": "two"})
    assert notice == {
        **event,
        **NOTHING,
        "about": "task_completed",
        "text": "task Ship \\x1b[31mit has ended: COMPLETED",
        "command": f"agentd task show {task}",
        "goal": WORK["goal"],
        "name": "test",
    }
    connection.call("CancelTask", task_id=connection.call("RegisterTask", **WORK)["task_id"])
    assert told.next()["about"] == "task_cancelled"  # and nothing before it


def test_a_task_that_failed_and_fails_again(connection: Connection, told: Told) -> None:
    """Each time that it ends; a failure that is tried again is no end."""
    nodes = [{"name": "build", "retry": {"max_attempts": 2, "backoff_secs": 0}}]
    task = connection.call("RegisterTask", goal="Ship", initial_nodes=nodes)["task_id"]
    for _ in range(2):
        connection.call("FailNode", **acquire(connection, task), error_payload="no")
    first = told.next()
    assert (first["about"], first["name"]) == ("task_failed", "build")
    assert first["text"] == "task Ship has ended: FAILED"
    assert first["command"] == f"agentd task why {task}"
    assert connection.call("TaskEvents", task_id=task)["last_seq"] == first["seq"]
    connection.call("RetryNode", task_id=task, failed=True)
    connection.call("FailNode", **acquire(connection, task), retryable=False)
    assert told.next()["seq"] > first["seq"]


def test_a_task_that_is_cancelled(connection: Connection, told: Told) -> None:
    """With who did it and why; those that are cancelled with it are not told of by themselves."""
    task = connection.call("RegisterTask", goal="Ship", initial_nodes=[])["task_id"]
    connection.call("RegisterTask", goal="Part", initial_nodes=[], parent_task_id=task)
    connection.call("CancelTask", task_id=task, by="ann", reason="too\nlate")
    notice = told.next()
    assert (notice["about"], notice["task_id"]) == ("task_cancelled", task)
    assert notice["text"] == "task Ship has ended: CANCELLED by ann: too\\nlate"
    connection.call("SetLimit", name="api", max_running=1)
    connection.call("CloseLimit", name="api", for_secs=60)
    assert told.next()["about"] == "limit_closed"


def test_a_limit_that_closes(connection: Connection, told: Told) -> None:
    """When it closes; not when it is closed for longer, nor when it opens."""
    connection.call("SetLimit", name="a b", max_running=1)
    for seconds in (60, 120, 0, 60):
        connection.call("CloseLimit", name="a b", for_secs=seconds, by="w", reason="quota")
    first, second = told.next(), told.next()
    assert first["about"] == second["about"] == "limit_closed"
    assert second["seq"] == first["seq"] + 3
    until = time.gmtime(first["payload"]["closed_until"])
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", until)
    assert first["text"].startswith(f"limit a b is closed until {moment}.")
    assert first["text"].endswith("Z by w: quota")
    assert first["command"] == "agentd limit open 'a b'"
    assert first["task_id"] is first["goal"] is None


def test_a_limit_whose_name_is_no_word(connection: Connection, told: Told) -> None:
    """What is to be typed is never what a terminal would obey."""
    connection.call("SetLimit", name="a\x1b[31m\nb", max_running=1)
    connection.call("CloseLimit", name="a\x1b[31m\nb", for_secs=60)
    assert told.next()["command"] == "agentd limit list"


def gate(connection: Connection, **of_gate: Any) -> str:
    """A task whose only node is a gate that is open."""
    node = {"name": "go", "gate": {"ask": "Deploy\tit?", **of_gate}}
    task: str = connection.call("RegisterTask", goal="Ship", initial_nodes=[node])["task_id"]
    return task


def test_a_gate_that_opens(connection: Connection, told: Told) -> None:
    """With what it asks; its task ends with the decision."""
    task = gate(connection)
    notice = told.next()
    event = last_event(connection, notice["seq"])
    assert (event["action_type"], event["task_id"]) == ("OPEN_GATE", task)
    assert notice == {
        **event,
        **NOTHING,
        "about": "gate_opened",
        "text": "gate go of Ship asks: Deploy\\tit?",
        "command": f"agentd gate show {task} {event['node_id']}",
        "goal": "Ship",
        "name": "go",
        "ask": "Deploy\tit?",
    }
    connection.call("DecideGate", task_id=task, node_id="go", decision="reject")
    assert told.next()["about"] == "task_failed"


def test_a_gate_whose_time_is_nearly_over(connection: Connection, told: Told) -> None:
    """Once more when a tenth of its time is left, as it was changed last."""
    task = gate(connection, timeout_secs=1000)
    opened = told.next()
    assert opened["text"].startswith("gate go of Ship asks until 20")
    connection.call("UpdateNode", task_id=task, node_id="go", timeout_secs=2)
    notice = told.next()
    assert (notice["about"], notice["ask"]) == ("gate_times_out", "Deploy\tit?")
    assert notice["timeout_at"] < opened["timeout_at"]
    assert notice["text"].endswith("Z: Deploy\\tit?")
    assert told.next()["about"] == "task_failed"


class Hand(Clock):
    """A clock that is set by hand."""

    at = NOW

    def now(self) -> int:
        return self.at


def test_a_gate_of_before_a_restart(tmp_path: Path) -> None:
    """It is told when its last tenth comes, or at once where that is there; others are not."""
    core, clock = Core(open_memory(tmp_path)), Hand()
    for seconds in (1000, 5000, None):
        gate = {"ask": "?"} if seconds is None else {"ask": "?", "timeout_secs": seconds}
        core.do("RegisterTask", goal="Ship", initial_nodes=[{"gate": gate}])
    told: list[Matter] = []

    async def run() -> None:
        done = asyncio.Event()

        def tell(matter: Matter) -> None:
            told.append(matter)
            done.set()

        reminders = GateReminders(cast("ServedStore", core.store), clock, tell)
        await asyncio.wait_for(done.wait(), 60)
        reminders.stop()

    clock.at = NOW + 900_000
    asyncio.run(run())
    assert [matter.timeout_at for matter in told] == [NOW + 1_000_000]


def test_who_shares_a_database_reminds_of_no_gate_that_another_opened(tmp_path: Path) -> None:
    """Else people are reminded as often as there are daemons."""
    core, clock = Core(open_memory(tmp_path)), Hand()
    core.do("RegisterTask", goal="Ship", initial_nodes=[{"gate": {"ask": "?", "timeout_secs": 9}}])
    told: list[Matter] = []

    async def run() -> None:
        reminders = GateReminders(core.store, clock, told.append, is_shared=True)
        reminders._look()  # noqa: SLF001 - as when one is due
        reminders.stop()

    clock.at = NOW + 8_900
    asyncio.run(run())
    assert told == []


# What becomes of the command


def test_a_stop_waits_for_no_command(home: Path, tmp_path: Path) -> None:
    """One that runs is ended after a moment, with all that it started."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = f"exec >{pipe}; sleep 1000 & echo runs; wait"
    with DaemonProcess(home, AGENTD_NOTIFY=command) as daemon:
        with daemon.connect() as connection:
            task = connection.call("RegisterTask", goal="Ship", initial_nodes=[])["task_id"]
            connection.call("CancelTask", task_id=task)
        with pipe.open("rb") as said:
            assert said.readline() == b"runs\n"
            assert daemon.stop() == 0
            assert said.read() == b""  # all that held it have ended


def run_hook(command: str, told: bytes = b"", longest_seconds: float = 60) -> None:
    """Run a command to its end."""
    asyncio.run(Hook("AGENTD_NOTIFY", command, longest_seconds).run(told))


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("echo 'no\033[31m mail' >&2; exit 3", "failed (exit code 3): no\x1b[31m mail"),
        ("no-such-program-here", "failed (exit code 127): "),
        ("kill -9 $$", "failed (signal 9): it said nothing"),
        ("a\0b", "could not be run: embedded null byte"),
    ],
)
def test_a_command_that_fails(command: str, why: str, caplog: pytest.LogCaptureFixture) -> None:
    """The log says why, in a line; the formatter makes it printable."""
    with caplog.at_level("WARNING", "agentd"):
        run_hook(command)
    (line,) = caplog.messages
    assert line.startswith(f"AGENTD_NOTIFY {why}")


def test_a_command_that_fails_again_and_again(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged seldom."""

    async def run() -> None:
        hook = Hook("AGENTD_NOTIFY", "exit 1")
        for _ in range(3):
            await hook.run(b"")

    with caplog.at_level("WARNING", "agentd"):
        asyncio.run(run())
    assert len(caplog.messages) == 1


def test_a_command_that_lasts(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """When its time is over it is killed, with all that it started."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    said = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with caplog.at_level("WARNING", "agentd"):
        run_hook(f"exec >{pipe}; sleep 1000 & wait", longest_seconds=0.2)
    os.set_blocking(said, True)
    assert os.read(said, 1) == b""
    os.close(said)
    assert caplog.messages == ["AGENTD_NOTIFY was killed: it took more than 0.2 seconds"]


def test_a_command_that_does_not_listen(caplog: pytest.LogCaptureFixture) -> None:
    """It need not read what it is told, and what it leaves in the background is not waited for."""
    with caplog.at_level("WARNING", "agentd"):
        run_hook("sleep 1 & exit 0", b"x" * 1_000_000)
    assert caplog.messages == []


# The queue


class SlowHook(Hook):
    """A command that takes until it is let go."""

    def __init__(self) -> None:
        super().__init__("AGENTD_NOTIFY", "none")
        self.told: list[Object] = []
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.all_told = asyncio.Event()

    async def run(self, told: bytes) -> None:
        self.told.append(json.loads(told))
        self.begun.set()
        await self.may_end.wait()
        if self.told[-1]["dropped"]:
            self.all_told.set()


def test_an_end_that_was_seen_before_it_was_noted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is told once, however often the task is looked at: commits are noted one after another."""
    monkeypatch.setattr(notifiers, "LOOK_SECONDS", 0)
    core = Core(open_memory(tmp_path))
    task = core.do("RegisterTask", goal="Ship", initial_nodes=[{}, {}])["task_id"]
    for _ in range(2):
        lease = core.do("AcquireNextNode", task_id=task)
        ids = {name: lease[name] for name in ("task_id", "node_id", "lease_id")}
        core.do("CompleteNode", **ids, result_payload=None)
    core.do("CancelTask", task_id=core.do("RegisterTask", goal="other")["task_id"])
    with core.store.read() as reader:
        journal = list(reader.journal())

    async def run() -> None:
        hook = SlowHook()
        hook.may_end.set()
        notifier = Notifier(hook, cast("ServedStore", core.store), Clock())
        for each in journal:
            notifier.committed([each])
            while notifier.is_looking:  # noqa: ASYNC110 - nobody else waits for that
                await asyncio.sleep(0)
        while len(hook.told) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)
        notifier.stop()
        await notifier.close()
        assert [each["about"] for each in hook.told] == ["task_completed", "task_cancelled"]

    asyncio.run(asyncio.wait_for(run(), 60))


def test_more_than_the_command_can_tell(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """What does not fit in the queue is dropped; the log and the next notice say so."""
    monkeypatch.setattr(notifiers, "MOST_MATTERS", 2)
    core = Core(open_memory(tmp_path))

    def close(notifier: Notifier, name: str) -> None:
        core.do("SetLimit", name=name, max_running=1)
        core.do("CloseLimit", name=name, for_secs=60)
        with core.store.read() as reader:
            notifier.committed(list(reader.journal())[-1:])

    async def run() -> None:
        hook = SlowHook()
        notifier = Notifier(hook, cast("ServedStore", core.store), Clock())
        close(notifier, "0")
        await hook.begun.wait()
        for name in "1234":
            close(notifier, name)
        hook.may_end.set()
        await hook.all_told.wait()
        notifier.stop()
        await notifier.close()
        assert [(each["payload"]["name"], each["dropped"]) for each in hook.told][:2] == [
            ("0", 0),
            ("1", 2),
        ]

    with caplog.at_level("WARNING", "agentd"):
        asyncio.run(run())
    assert caplog.messages == [
        "AGENTD_NOTIFY is slower than what happens: people are not told of all"
    ]
