"""What a daemon does about others that write to its database, on a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec import Struct
from msgspec.structs import astuple, replace

from agentd.journal import Recorded
from agentd.store.postgres import PostgresStore, changes
from tests.core import Core, uid

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def cores(database_url: str) -> Iterator[tuple[Core, Core]]:
    """The methods of two daemons."""
    stores = PostgresStore.open(database_url), PostgresStore.open(database_url)
    one, other = map(Core, stores)
    other.new_id.last += 1_000_000
    yield one, other
    for store in stores:
        store.close()


def run_on(core: Core, sql: str) -> None:
    """Have somebody else do something to the database."""
    session = core.store._connections.connect()  # type: ignore[attr-defined] # noqa: SLF001 - one of their own
    session.connection.execute(sql.encode())
    session.close()


def test_what_a_newer_daemon_tells_of(
    cores: tuple[Core, Core], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event that nobody here knows disturbs no request that it does not concern."""
    one, other = cores
    for core in (one, other, one):
        core.register()

    def told(each: Struct) -> tuple[object, ...]:
        return astuple(replace(each, kind="NotKnownYet") if isinstance(each, Recorded) else each)

    monkeypatch.setattr(changes, "astuple", told)
    task = other.register({"id": uid(1)})
    held = other.hold(task)
    other.do("CommitEvent", **held.params, type="NOTE", payload={})
    monkeypatch.undo()
    one.register()
    assert one.faults == []


def test_a_database_that_was_restored_has_less_in_it(
    cores: tuple[Core, Core],
) -> None:
    """What a daemon remembers of records that are gone is forgotten with them."""
    one, _ = cores
    one.register({"id": uid(1)})
    lost = one.register({"id": uid(2)})
    with one.store.write() as tx:
        assert tx.record_at(3).task_id == lost
    follower = one.store.follow()  # type: ignore[attr-defined]
    follower.open()
    assert follower.read(4, None, ()).end == 4
    run_on(
        one,
        "ALTER TABLE journal DISABLE TRIGGER USER; DELETE FROM journal WHERE seq > 2; "
        "UPDATE journal_end SET seq = 2; UPDATE totals SET events = 2",
    )
    assert follower.read(4, None, ()).end == 2
    follower.close()
    other = one.register({"id": uid(3)})
    with one.store.write() as tx:
        assert tx.record_at(3).task_id == other
