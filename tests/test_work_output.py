"""`agentd work` loses nothing of what a command has written, whoever is slow: it is the result."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agentd import Client
from agentd.worker import child_process, command_run
from agentd.worker.child_process import ChildProcess, Sink
from agentd.worker.guardian import Guardian
from tests.daemon_process import PATIENCE_SECONDS, DaemonProcess
from tests.working import node, task, working


@pytest.fixture
def client(shared: DaemonProcess) -> Iterator[Client]:
    """A client of the daemon that all of them share."""
    with Client(shared.socket_path) as opened:
        yield opened


def result(client: Client, task_id: str) -> object:
    """What the task's only node was completed or failed with."""
    return json.loads(bytes(node(client, task_id).result_payload))


async def run_child(command: list[str], sink: Sink) -> int:
    """The exit code of a command, both of whose outputs a sink takes."""
    with Guardian(0) as guardian:
        return await ChildProcess(guardian, command, os.environ).run(sink, sink)


def payloads(client: Client, task_id: str) -> list[str]:
    """The payloads of the events that the command said, as the journal has them."""
    events = client.task_events(task_id, after=0, limit=1000).events
    return [bytes(event.payload).decode() for event in events if event.action_type == "SAID"]


def test_what_is_taken_slowly_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that a command has written is taken, though that lasts longer than the command does."""
    monkeypatch.setattr(child_process, "_HELPER_SECONDS", 0.05)
    taken = bytearray()

    async def slowly(piece: bytes) -> None:
        await asyncio.sleep(0.1)
        taken.extend(piece)

    async def ran() -> int:
        return await run_child(["seq", "50000"], slowly)

    assert asyncio.run(ran()) == 0
    assert bytes(taken).split() == [b"%d" % number for number in range(1, 50001)]


def test_a_helper_that_goes_on_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A helper that never stops to write is left to itself soon after the command has ended."""
    monkeypatch.setattr(child_process, "_HELPER_SECONDS", 0.05)
    taken = bytearray()

    async def take(piece: bytes) -> None:
        taken.extend(piece)

    async def ran() -> int:
        return await run_child(["sh", "-c", "yes & echo done >&2"], take)

    assert asyncio.run(asyncio.wait_for(ran(), PATIENCE_SECONDS)) == 0
    assert b"done\n" in taken


def test_a_sink_that_breaks() -> None:
    """What a sink raises is raised, and nobody waits for a command that nobody listens to."""

    async def refuse(_piece: bytes) -> None:
        raise ValueError("no room")

    async def ran() -> int:
        return await run_child(["yes"], refuse)

    with pytest.raises(ValueError, match="no room"):
        asyncio.run(asyncio.wait_for(ran(), PATIENCE_SECONDS))


def test_the_daemon_is_slow_at_the_end(
    shared: DaemonProcess, client: Client, tmp_path: Path
) -> None:
    """Events and complaints that stand behind a slow answer are there when the node fails."""
    task_id = task(client, 1)
    event = """echo 'AGENTD_EVENT {"action_type":"SAID"}'"""
    is_stopped = tmp_path / "stopped"
    wait = f"until [ -e {is_stopped} ]; do sleep 0.1; done"
    script = f"exec >&2; echo begins; {wait}; {event}; {event}; echo because; exit 3"
    with working(shared, task_id, script) as process:
        shared.signal(signal.SIGSTOP)
        try:
            is_stopped.touch()
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(2)
        finally:
            shared.signal(signal.SIGCONT)
        process.communicate(timeout=PATIENCE_SECONDS)
    assert payloads(client, task_id) == ["null", "null"]
    assert result(client, task_id) == {"exit_code": 3, "stderr": "begins\nbecause\n"}


@pytest.mark.parametrize(
    ("said", "action_type", "payload"),
    [
        ('{"action_type":"SAID","payload":{"b":1.50,"a":1E2}}', "SAID", '{"b":1.50,"a":1E2}'),
        ('{"action_type":"SAID"}', "SAID", "null"),
        ('{"payload":0}', "COMMIT_EVENT", "0"),
        ("{}", "COMMIT_EVENT", "{}"),
        ('{"payload":1,"more":2}', "COMMIT_EVENT", '{"payload":1,"more":2}'),
        ('{"action_type":5}', "COMMIT_EVENT", '{"action_type":5}'),
        (" [1.0] ", "COMMIT_EVENT", "[1.0]"),
    ],
)
def test_an_event_is_kept_byte_for_byte(said: str, action_type: str, payload: str) -> None:
    """An event's payload is what the command wrote; what has no event's form is a payload."""
    assert command_run.parse_event(said.encode()) == (action_type, msgspec.Raw(payload.encode()))
