"""Connections to a real server: what ends them, and how long the server keeps what they began."""

from __future__ import annotations

import gc
import os
import resource
import socket
from contextlib import ExitStack
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from agentd.errors import DatabaseGone, StorageError
from agentd.store.postgres import PostgresStore, connecting, listening
from agentd.store.postgres.writes import CHANNEL
from tests.core import Core, uid
from tests.daemon_process import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agentd.store.postgres.session import Session


@pytest.fixture
def store(database_url: str) -> Iterator[PostgresStore]:
    """A store on a server's database."""
    made = PostgresStore.open(database_url)
    yield made
    made.close()


def patience(session: Session) -> str:
    """How long the server keeps what it began, if it says nothing more."""
    found: str = session.execute("SHOW idle_in_transaction_session_timeout").get
    return found


def test_who_holds_the_lock_is_given_up_first(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for those who read: the server gives them time to think."""
    monkeypatch.setattr(connecting, "HANGING_SECONDS", 7)
    with store.write() as tx:
        assert patience(tx._session) == "7s"  # noqa: SLF001 - the tests ask for it
    with store.read() as reader:
        assert patience(reader._session) == "10min"  # noqa: SLF001


def test_a_server_that_lets_one_in_and_says_no_more(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given up like one that cannot be reached, although nobody else knows of it yet."""
    monkeypatch.setattr(connecting, "_SETTINGS", "SELECT pg_sleep(1000)")
    monkeypatch.setattr(connecting, "CONNECT_SECONDS", 0.1)
    told = "no answer has come in time, and the connection was given up; nothing of this request"
    with pytest.raises(DatabaseGone, match=told):
        Core(store).register({"id": uid(1)})


def test_a_server_that_says_nothing_at_all_costs_no_connection() -> None:
    """Each try that was given up is over at once, however seldom garbage is collected."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://ann@127.0.0.1:{silent.getsockname()[1]}/d?connect_timeout=2"
        gc.disable()
        try:
            with pytest.raises(DatabaseGone, match="timeout"):
                connecting.dial(url)
            tried, _ = silent.accept()
            with tried:
                tried.settimeout(PATIENCE_SECONDS)
                while tried.recv(65_536):
                    pass
        finally:
            gc.enable()


def test_how_long_the_network_may_take_is_said_in_the_url(database_url: str) -> None:
    """A server that is far, or asks another whom it may let in, takes longer than others."""
    session = connecting.connect(f"{database_url}?connect_timeout=20&keepalives_idle=77")
    given = session.connection.info.get_parameters()
    session.close()
    assert (given["connect_timeout"], given["keepalives_idle"]) == ("20", "77")
    assert given["keepalives_count"] == "3"


def test_what_is_idle_is_not_lost_for_one_look_without_an_answer() -> None:
    """The kernel looks three times in the 5 s after which it gives up what says nothing."""
    idle, interval, count = (
        int(connecting.NETWORK[f"keepalives_{name}"]) for name in ("idle", "interval", "count")
    )
    assert count == 3
    assert idle + count * interval <= 5


def test_a_wait_that_is_given_up_is_not_the_servers_doing(store: PostgresStore) -> None:
    """Somebody keeps the lock, by hand perhaps: the server is there, and has closed nothing."""
    other = store._connections.connect_first()  # noqa: SLF001
    other.run(("BEGIN", None), ("SELECT 1 FROM journal_end FOR UPDATE", None))
    is_over = Event()

    def give_up() -> None:
        while not is_over.wait(0.05):
            store.interrupt()

    giving_up = Thread(target=give_up)
    giving_up.start()
    with pytest.raises(DatabaseGone, match="no answer has come in time"), store.write():
        pass
    is_over.set()
    giving_up.join()
    other.close()


def test_a_read_that_cannot_begin_leaves_no_connection(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the reason is, the connection is given up."""
    monkeypatch.setattr("agentd.store.postgres.connections._SNAPSHOT", ("SELECT 1 / 0", None))
    for _ in range(3):
        with pytest.raises(StorageError), store.read():
            pass
    assert not store._connections._busy  # noqa: SLF001 - the server would tell late


def test_walks_leave_nothing_behind(store: PostgresStore) -> None:
    """A long read makes the server remember no more than a short one."""
    core = Core(store)
    core.register({"id": uid(1)})
    for _ in range(3):
        core.journal()
    with store.read() as reader:
        kept = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'DECLARE%'"
        assert reader._session.execute(kept).get == 0  # noqa: SLF001


def test_news_are_heard_by_a_daemon_with_many_connections(store: PostgresStore) -> None:
    """However large the numbers of its files are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as undo:
        if soft < 2_000 <= hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (2_000, hard))
            undo.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(1_024):
            undo.callback(os.close, os.dup(0))
        follower = store.follow()
        undo.callback(follower.close)
        follower.open()
        follower.listen(on=True)
        other = PostgresStore.open_existing(store._connections.url)  # noqa: SLF001
        undo.callback(other.close)
        Core(other).register({"id": uid(1)})
        assert follower.wait(60)


def test_news_that_come_while_one_reads_are_heard_at_once(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server sends them before its answer, and what is read may be older than they are."""
    follower = store.follow()
    follower.open()
    follower.listen(on=True)
    telling = store._connections.connect_first()  # noqa: SLF001
    telling.connection.execute(b"SELECT pg_advisory_lock(1)")
    tell = f"BEGIN; SELECT pg_notify('{CHANNEL}', ''); COMMIT; SELECT pg_advisory_unlock(1)"
    telling.connection.pgconn.send_query(tell.encode())
    follower._ask("SELECT pg_advisory_lock_shared(1)")  # noqa: SLF001 - as a slow look at the journal
    waits: list[object] = []
    monkeypatch.setattr(listening, "_wait_for", lambda *of: waits.append(of))
    assert follower.wait(60)
    assert not waits
    assert not follower.wait(60)
    telling.close()
    follower.close()


def test_who_is_woken_when_all_is_over_writes_to_no_file_of_others(store: PostgresStore) -> None:
    """The thread that listens may end by itself as soon as it knows that the daemon stops."""
    follower = store.follow()
    follower.close()
    reading, writing = os.pipe()  # with the numbers that have just become free
    os.set_blocking(reading, False)
    follower.wake()
    with pytest.raises(BlockingIOError):
        os.read(reading, 1)
    os.close(reading)
    os.close(writing)
