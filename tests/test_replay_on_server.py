"""Refolding a journal on a server, beside the daemons that add to it."""

from collections.abc import Iterator
from contextlib import ExitStack, closing

import msgspec
import psycopg
import pytest

from agentd import replay
from agentd.errors import Failure
from agentd.progress import Advance
from agentd.projections import EDGES, NODES, EdgeRow
from agentd.store.postgres import PostgresStore
from tests.core import LEASE_MS, NOW, Core, uid
from tests.history import LAST, TASK, play
from tests.test_replay import check, ignore, tables


@pytest.fixture
def stores(database_url: str) -> Iterator[tuple[PostgresStore, PostgresStore]]:
    """A daemon's store with a past, and a tool's."""
    with ExitStack() as opened:
        daemon = opened.enter_context(closing(PostgresStore.open(database_url)))
        play(Core(daemon))
        tool = opened.enter_context(closing(PostgresStore.open_existing(database_url)))
        yield daemon, tool


def core_of(store: PostgresStore, nth: int = 1) -> Core:
    """Methods on what others have written to, too."""
    core = Core(store)
    core.now = NOW + 10 * LEASE_MS
    core.new_id.last = nth * 1_000_000_000
    return core


def registering(core: Core) -> Advance:
    """Register a task at each step of a fold, as far as the journal was when it began."""

    def record(seq: int) -> None:
        if seq <= LAST:
            core.do("RegisterTask", goal=f"during {seq}", initial_nodes=[{}])

    return record


def test_what_is_recorded_meanwhile_is_folded(
    stores: tuple[PostgresStore, PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon goes on during a rebuild, and no event of its is lost to the rows."""
    daemon, tool = stores
    core = core_of(daemon)
    monkeypatch.setattr(replay, "PROGRESS_EVERY", 4)
    monkeypatch.setattr(replay, "SLICE", 8)

    record = registering(core)

    events = replay.rebuild(tool, record)
    assert events == len(core.journal()) == LAST + 2 * LAST // 4
    assert check(tool) == []


def test_what_is_recorded_after_the_last_slice_is_folded(
    stores: tuple[PostgresStore, PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes between the fold and the lock of those who write is folded under it."""
    daemon, tool = stores
    core = core_of(daemon)
    monkeypatch.setattr(replay, "PROGRESS_EVERY", LAST)
    events = replay.rebuild(
        tool, lambda _seq: core.do("RegisterTask", goal="last", initial_nodes=[{}])
    )
    assert events == len(core.journal()) == LAST + 2
    assert check(tool) == []


def test_a_flood_of_events(
    stores: tuple[PostgresStore, PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where more is recorded than folded, a rebuild gives up and changes nothing."""
    daemon, tool = stores
    core, before = core_of(daemon), tables(daemon)[NODES.name]
    for name in ("PROGRESS_EVERY", "SLICE"):
        monkeypatch.setattr(replay, name, 1)
    with pytest.raises(Failure, match="recorded faster than they are folded"):
        replay.rebuild(tool, lambda _seq: core.do("RegisterTask", goal="more", initial_nodes=[{}]))
    assert tables(daemon)[NODES.name][: len(before)] == before
    assert check(tool) == []


def test_daemons_forget_what_was_wrong(stores: tuple[PostgresStore, PostgresStore]) -> None:
    """After a rebuild by another, a daemon goes by the rows that are there now."""
    daemon, tool = stores
    with daemon.write() as tx:
        tx.put(NODES, (uid(3),), msgspec.structs.replace(tx.get(NODES, (uid(3),)), position=9))
        tx.put(EDGES, (uid(4), uid(1)), EdgeRow(uid(4), uid(1)))
    assert check(tool) != []
    replay.rebuild(tool, ignore)
    with daemon.write() as tx:
        assert tx.get(NODES, (uid(3),)).position == 2
        assert tx.get(EDGES, (uid(4), uid(1))) is None
    core = core_of(daemon)
    core.hold(TASK)
    assert check(tool) == []


def test_rows_that_are_right_are_left_alone(
    stores: tuple[PostgresStore, PostgresStore], database_url: str
) -> None:
    """A rebuild writes no row that is as it should be."""
    daemon, tool = stores
    with daemon.write() as tx:
        tx.put(NODES, (uid(2),), None)

    def versions() -> dict[str, str]:
        with psycopg.connect(database_url) as connection:
            found = connection.execute("SELECT node_id, ctid::text FROM agentd.nodes")
            return dict(found.fetchall())

    before = versions()
    replay.rebuild(tool, ignore)
    after = versions()
    assert after.pop(uid(2))
    assert after == before


def test_a_check_beside_a_daemon(
    stores: tuple[PostgresStore, PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check reads in snapshots: what is recorded meanwhile is no difference."""
    daemon, tool = stores
    core = core_of(daemon)
    monkeypatch.setattr(replay, "PROGRESS_EVERY", 4)
    monkeypatch.setattr(replay, "SLICE", 8)

    record = registering(core)

    assert list(replay.check(tool, record)) == []


def test_a_record_that_was_removed(
    stores: tuple[PostgresStore, PostgresStore], database_url: str
) -> None:
    """Places are drawn under the lock, so one without a record is a record that is missing."""
    _, tool = stores
    with psycopg.connect(database_url) as connection:
        connection.execute("ALTER TABLE agentd.journal DISABLE TRIGGER USER")
        connection.execute("DELETE FROM agentd.journal WHERE seq = 9")
    assert check(tool)[0] == "seq 9: missing; the next is 10"
