"""What one daemon records wakes those who wait at another: on a real server, over real sockets."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from agentd.daemon import follower_thread, following
from tests.core import uid
from tests.hosts import Host, play
from tests.test_writer import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres_server import PostgresServer

LONG = 50
"""Seconds that a request may wait: it is answered because of what happens, not by the clock."""

END = "END"
"""The last event of a history."""


@pytest.fixture
def never_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a notification tells of anything."""
    monkeypatch.setattr(following, "LOOK_SECONDS", 1_000.0)


async def hears(host: Host) -> None:
    """Wait until somebody's request waits there."""
    await until(lambda: host.service._counters.waiting_requests > 0)  # noqa: SLF001 - no method tells


async def chain(host: Host, length: int = 2) -> str:
    """A task whose nodes come one after the other."""
    nodes = [
        {"id": uid(each), "dependencies": [uid(each - 1)][: each - 1]}
        for each in range(1, length + 1)
    ]
    registered = await host.ask("RegisterTask", goal="g", initial_nodes=nodes)
    task_id: str = registered["task_id"]
    return task_id


async def complete(host: Host, held: Any) -> None:
    """The holder completes its node."""
    named = {name: held[name] for name in ("task_id", "node_id", "lease_id")}
    await host.ask("CompleteNode", **named)


@pytest.mark.usefixtures("never_looks")
def test_a_worker_has_its_node_when_another_host_completed_what_it_waits_for(
    database_url: str, tmp_path: Path
) -> None:
    """Whoever waits for work is woken by any daemon's commit."""

    async def acts(there: list[Host]) -> None:
        first, second = there
        await chain(first)
        held = await first.ask("AcquireNextNode", lease_owner="a")
        waiting = asyncio.create_task(
            second.ask("AcquireNextNode", lease_owner="b", wait_secs=LONG)
        )
        await hears(second)
        await complete(first, held)
        assert (await waiting)["node_id"] == uid(2)

    play(acts, database_url, tmp_path)


@pytest.mark.usefixtures("never_looks")
def test_a_lock_is_had_when_another_host_released_it(database_url: str, tmp_path: Path) -> None:
    """Whoever waits for a lock is woken by any daemon's commit."""

    async def acts(there: list[Host]) -> None:
        first, second = there
        asked = {"resource_key": "file:/a", "owner": "a", "ttl_secs": 60}
        held = await first.ask("AcquireResourceLock", **asked)
        waiting = asyncio.create_task(
            second.ask("AcquireResourceLock", **{**asked, "owner": "b"}, wait_secs=LONG)
        )
        await hears(second)
        await first.ask("ReleaseResourceLock", resource_key="file:/a", lease_id=held["lease_id"])
        assert (await waiting)["owner"] == "b"

    play(acts, database_url, tmp_path)


@pytest.mark.usefixtures("never_looks")
def test_a_listening_session_that_was_ended_is_made_anew_and_nothing_is_lost(
    database_url: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    """What was recorded while nobody listened is read once somebody does again."""

    async def acts(there: list[Host]) -> None:
        first, second = there
        waiting = asyncio.create_task(second.ask("WatchEvents", after_seq=0, wait_secs=LONG))
        await hears(second)
        listening = "FROM pg_stat_activity WHERE application_name = 'agentd (listening)'"
        await until(lambda: len(postgres.execute(f"SELECT 1 {listening}")) == len(there))
        postgres.execute(f"SELECT pg_terminate_backend(pid) {listening}")
        await chain(first)
        assert (await waiting)["events"]

    play(acts, database_url, tmp_path)


def test_a_look_finds_what_no_notification_told(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A notification may be lost: then what it should have told is found a second later."""
    monkeypatch.setattr(follower_thread.FollowerThread, "listen", lambda _self, *, on: on)

    async def acts(there: list[Host]) -> None:
        first, second = there
        waiting = asyncio.create_task(second.ask("WatchEvents", after_seq=0, wait_secs=LONG))
        await hears(second)
        await chain(first)
        assert (await waiting)["events"]

    play(acts, database_url, tmp_path)


def test_a_daemon_counts_what_it_has_recorded_itself(database_url: str, tmp_path: Path) -> None:
    """Each daemon's figures are of its own work, and its workers are everybody's."""

    async def acts(there: list[Host]) -> None:
        first, second = there
        task_id = await chain(first)
        watching = second.ask("WatchEvents", after_seq=0, task_id=task_id, kinds=["LEASE_NODE"])
        held = await first.ask("AcquireNextNode", lease_owner="a")
        assert held["node_id"] == uid(1)
        assert (await watching) is not None
        await until(lambda: bool(second.service.workers.list()))
        figures = [(await each.ask("Metrics"))["runtime"] for each in there]
        assert [each["registered_tasks"] for each in figures] == [1, 0]
        assert [each["acquired_nodes"] for each in figures] == [1, 0]
        [known] = second.service.workers.list()
        assert (known.owner, known.holding) == ("a", 1)

    play(acts, database_url, tmp_path)


async def follow(host: Host, seen: list[int]) -> None:
    """See all events in pieces, as they come, up to the last."""
    client, after = await host.connect(), 0
    while True:
        found = await client.ask("WatchEvents", after_seq=after, wait_secs=LONG, limit=7)
        seen += [each["seq"] for each in found["events"]]
        after = found["last_seq"]
        if any(each["action_type"] == END for each in found["events"]):
            return


async def work(host: Host, chance: Random, owner: str, until_done: int, done: list[str]) -> None:
    """Take nodes of whichever task, complete them, or give them back, until all are done."""
    client = await host.connect()
    while len(done) < until_done:
        held = await client.ask("AcquireNextNode", lease_owner=owner, wait_secs=0.5)
        if not held:
            continue
        named = {name: held[name] for name in ("task_id", "node_id", "lease_id")}
        if chance.random() < 0.2:
            await client.ask("ReleaseNode", **named)
        else:
            await client.ask("CompleteNode", **named)
            done.append(held["node_id"])


@pytest.mark.parametrize("seed", range(3))
def test_every_host_sees_every_event_once_and_in_one_order(
    database_url: str, tmp_path: Path, seed: int
) -> None:
    """Whoever records what, through whichever daemon, and whoever waits meanwhile."""
    chance, nodes = Random(seed), 24

    async def acts(there: list[Host]) -> None:
        plan = [{"id": uid(n), "dependencies": [uid(n - 3)][: n - 3]} for n in range(1, nodes + 1)]
        done: list[str] = []
        seen: list[list[int]] = [[] for _ in there]
        registered = await there[0].ask("RegisterTask", goal="g", initial_nodes=plan)
        noted = {"task_id": registered["task_id"], "node_id": uid(nodes)}
        watching = [asyncio.create_task(follow(*each)) for each in zip(there, seen, strict=True)]
        working = [
            asyncio.create_task(work(chance.choice(there), chance, f"w{n}", nodes, done))
            for n in range(4)
        ]
        await asyncio.gather(*working)
        await chance.choice(there).ask("CommitEvent", **noted, action_type=END)
        await asyncio.gather(*watching)
        assert sorted(done) == [uid(n) for n in range(1, nodes + 1)]
        with there[0].store.read() as reader:
            assert seen == [list(range(1, reader.last_seq() + 1))] * len(there)

    play(acts, database_url, tmp_path)
