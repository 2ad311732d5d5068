"""A lock that a program holds for the length of a block, blocking and with asyncio."""
# ruff: noqa: PT012 - what is tested is what leaves a block

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentd.client import AsyncClient, Client
from agentd.errors import InvalidParams, LockHeld, LockLost
from tests.daemon_process import PATIENCE_SECONDS, DaemonProcess

TTL = 3
"""Seconds that a short lock lasts: long enough for a busy machine to look at it meanwhile."""


@pytest.fixture
def client(shared: DaemonProcess) -> Iterator[Client]:
    """A client of the daemon."""
    with Client(shared.socket_path) as made:
        yield made


def keys(client: Client, prefix: str) -> list[str]:
    """The locks that are held."""
    return [each.resource_key for each in client.list_resource_locks(prefix=prefix).locks]


def test_a_block(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock is held in it, under its absolute key, and given back, whatever leaves the block."""
    monkeypatch.chdir(tmp_path)
    prefix = f"dir:{tmp_path}"
    with pytest.raises(ZeroDivisionError), client.lock("dir:src", owner="ann") as lock:
        assert lock.held is not None
        assert (lock.key, lock.held.owner) == (f"{prefix}/src", "ann")
        assert lock.lease_id == lock.held.lease_id
        assert keys(client, prefix) == [lock.key]
        assert not lock.is_lost
        lock.check()
        raise ZeroDivisionError
    assert keys(client, prefix) == []


def test_without_a_block(client: Client) -> None:
    """It is taken and given back by calls; taken again, it is another lease."""
    lock = client.lock("calls/a")
    assert (lock.lease_id, lock.is_lost) == (None, False)
    first = lock.acquire().lease_id
    assert keys(client, "calls/") == ["calls/a"]
    lock.release()
    assert keys(client, "calls/") == []
    assert lock.acquire().lease_id != first
    lock.release()


def test_a_lock_that_is_left(client: Client) -> None:
    """It is kept no more, and not given back: it ends by itself."""
    seen = client.watch_events().last_seq
    lock = client.lock("left/a", ttl_secs=TTL)
    lock.acquire()
    began = time.monotonic()
    lock.leave()
    assert keys(client, "left/") == ["left/a"]
    (ended,) = client.watch_events(after_seq=seen, kinds=["EXPIRE_LOCK"], wait_secs=60).events
    assert b"left/a" in bytes(ended.payload)
    time.sleep(max(began + TTL - time.monotonic(), 0))
    with pytest.raises(LockLost, match="not confirmed"):  # nobody took it, and it was not held
        lock.release()


def test_a_lock_that_somebody_has(client: Client) -> None:
    """Who has it is told; where both share it there is nothing to tell."""
    with client.lock("held/a", owner="ann", mode="shared"):
        with (
            pytest.raises(LockHeld, match=r"^held/a is held by 'ann' until 2\d\d\d-"),
            client.lock("held/a"),
        ):
            pass
        with client.lock("held/a", mode="shared"):
            assert keys(client, "held/") == ["held/a"] * 2
    with pytest.raises(InvalidParams, match="resource_key"):
        client.lock("k" * 5_000).acquire()


def test_a_lock_that_is_waited_for(client: Client) -> None:
    """It is had as soon as it is free."""
    waits, has = threading.Event(), threading.Event()

    def wait() -> None:
        waits.set()
        with client.lock("waited/a", wait_secs=PATIENCE_SECONDS):
            has.set()

    waiting = threading.Thread(target=wait)
    with client.lock("waited/a"):
        waiting.start()
        assert waits.wait(PATIENCE_SECONDS)
        assert not has.is_set()
    assert has.wait(PATIENCE_SECONDS)
    waiting.join(PATIENCE_SECONDS)


def test_a_lock_that_is_lost(client: Client) -> None:
    """It is known by the next heartbeat, and at the block's end."""
    lost: list[str] = []
    told = threading.Event()

    def note(why: str) -> None:
        lost.append(why)
        told.set()

    lock = client.lock("lost/a", ttl_secs=TTL)
    lock.on_lost = note
    with pytest.raises(LockLost, match="the lock on lost/a is lost: ") as raised, lock:
        client.release_resource_lock("lost/a", lock.lease_id or "")
        assert told.wait(PATIENCE_SECONDS)
        assert lock.is_lost
        with pytest.raises(LockLost):
            lock.check()
    assert lost[0] in str(raised.value)


def test_a_lock_that_was_lost_unnoticed(client: Client) -> None:
    """It is known at the block's end, if not before; an error that left the block goes before."""
    with pytest.raises(LockLost), client.lock("unnoticed/a") as lock:
        client.release_resource_lock("unnoticed/a", lock.lease_id or "")
    with pytest.raises(ZeroDivisionError), client.lock("unnoticed/a") as lock:
        client.release_resource_lock("unnoticed/a", lock.lease_id or "")
        raise ZeroDivisionError


def test_with_asyncio(shared: DaemonProcess, client: Client) -> None:
    """The same for an `async with` block."""

    async def work() -> None:
        async with AsyncClient(shared.socket_path) as asynchronous:
            async with asynchronous.lock("async/a", owner="ann") as lock:
                assert keys(client, "async/") == ["async/a"]
                assert lock.lease_id
                with pytest.raises(LockHeld, match="'ann'"):
                    await asynchronous.lock("async/a").acquire()
            assert keys(client, "async/") == []
            with pytest.raises(LockLost):
                async with asynchronous.lock("async/a") as lock:
                    await asynchronous.release_resource_lock("async/a", lock.lease_id or "")
            other = asynchronous.lock("async/a")
            await other.acquire()
            await other.release()
            assert keys(client, "async/") == []

    asyncio.run(work())
