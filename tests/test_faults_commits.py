"""A COMMIT or its answer is found among the bytes, and lost or held back there."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.daemon_process import PATIENCE_SECONDS
from tests.faults.pg_messages import Conversation
from tests.faults.proxy import Proxy, proxied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.postgres_server import PostgresServer


def make_numbers(url: str) -> None:
    """An empty table."""
    with psycopg.connect(url) as session:
        session.execute("CREATE TABLE numbers (n bigint PRIMARY KEY)")


def plain(session: psycopg.Connection, number: int) -> None:
    """As the library does it by itself."""
    session.execute("INSERT INTO numbers VALUES (%s)", (number,))
    session.commit()


def prepared(session: psycopg.Connection, number: int) -> None:
    """Statements that the server knows by a name."""
    session.autocommit = True
    for statement in ("BEGIN", f"INSERT INTO numbers VALUES ({number})", "COMMIT"):
        session.execute(statement.encode(), prepare=True)


def in_a_row(session: psycopg.Connection, number: int) -> None:
    """All at once: the answers are waited for at the end."""
    with session.pipeline():
        plain(session, number)


def locked_first(session: psycopg.Connection, number: int) -> None:
    """A lock says that the transaction writes, also where nothing else does."""
    session.execute("SELECT n FROM numbers FOR UPDATE")
    hidden = f"'INS' || 'ERT INTO numbers VALUES ({number})'"
    session.execute(f"DO $$ BEGIN EXECUTE {hidden}; END $$".encode())
    session.commit()


WAYS = (plain, prepared, in_a_row, locked_first)


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    """A database with an empty table."""
    with postgres.database(make_numbers) as url:
        yield url


@pytest.fixture
def between(postgres: PostgresServer) -> Iterator[Proxy]:
    """A proxy before the server."""
    with proxied("127.0.0.1", postgres.port) as made:
        yield made


def numbers(url: str) -> list[int]:
    """What is in the table."""
    with psycopg.connect(url) as session:
        return [row[0] for row in session.execute("SELECT n FROM numbers ORDER BY n")]


def read(session: psycopg.Connection) -> None:
    """A transaction that writes nothing."""
    session.rollback()
    session.execute("SELECT n FROM numbers")
    session.commit()


@pytest.mark.parametrize("way", WAYS)
def test_the_answer_to_a_commit_is_lost(
    between: Proxy, database: str, way: Callable[[psycopg.Connection, int], None]
) -> None:
    """The client sees its connection end, and what it committed is there."""
    with closing(psycopg.connect(between.url(database))) as session:
        read(session)
        way(session, 1)
        if not session.autocommit:
            read(session)  # is no such commit
        between.lose_answer()
        with pytest.raises(psycopg.OperationalError):
            way(session, 2)
    assert numbers(database) == [1, 2]
    assert between.counted["answers lost"] == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_commit_is_lost(
    between: Proxy, database: str, way: Callable[[psycopg.Connection, int], None]
) -> None:
    """The client sees the same, and nothing is there."""
    with closing(psycopg.connect(between.url(database))) as session:
        way(session, 1)
        between.lose_commit()
        with pytest.raises(psycopg.OperationalError):
            way(session, 2)
    assert numbers(database) == [1]
    assert between.counted["commits lost"] == 1


def test_only_what_writes_is_lost(between: Proxy, database: str) -> None:
    """A transaction that reads commits, whatever is set for those that write."""
    with closing(psycopg.connect(between.url(database))) as session:
        between.lose_commit()
        between.lose_answer()
        read(session)
        session.execute("INSERT INTO numbers VALUES (1)")
        session.rollback()
        read(session)
    assert "commits lost" not in between.counted


@pytest.mark.parametrize("side", ["commit", "answer"])
def test_a_commit_that_hangs(between: Proxy, database: str, side: str) -> None:
    """The connection stays and says nothing; whether it is recorded is known elsewhere."""
    with closing(psycopg.connect(between.url(database))) as session:
        (between.hold_commit if side == "commit" else between.hold_answer)()
        thread = threading.Thread(target=plain, args=(session, 1))
        thread.start()
        between.wait_for("commits held" if side == "commit" else "answers held")
        assert numbers(database) == ([] if side == "commit" else [1])
        assert thread.is_alive()
        between.calm()
        thread.join(PATIENCE_SECONDS)
        assert numbers(database) == [1]


# In the bytes themselves


def message(kind: bytes, text: bytes) -> bytes:
    """A message of that kind whose body is a text."""
    return kind + (len(text) + 5).to_bytes(4) + text + b"\0"


STARTUP = (9).to_bytes(4) + (196608).to_bytes(4) + b"\0"
ASKED = [STARTUP, *(message(b"Q", text) for text in (b"BEGIN", b"INSERT INTO x", b"COMMIT"))]
ANSWERED = [message(b"C", text) for text in (b"BEGIN", b"INSERT 0 1", b"COMMIT")]
TLS_PLEASE = (8).to_bytes(4) + (80877103).to_bytes(4)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 1_000])
@pytest.mark.parametrize("encryption", ["not asked for", "refused"])
def test_a_commit_is_found_in_pieces(size: int, encryption: str) -> None:
    """However the bytes arrive, it is found in those that end it, once."""
    said = Conversation()
    if encryption == "refused":
        assert said.commit_in(TLS_PLEASE) is None
        assert said.answer_in(b"N") is None
    for look, whole in ((said.commit_in, ASKED), (said.answer_in, ANSWERED)):
        stream = b"".join(whole)
        places = [look(stream[at : at + size]) for at in range(0, len(stream), size)]
        assert [place is not None for place in places] == [*[False] * (len(places) - 1), True]
        if size == 1_000:
            assert places == [len(stream) - len(whole[-1])]


def test_what_is_encrypted_is_not_looked_into() -> None:
    """Where both sides go over to TLS nothing is found, and nothing disturbs it."""
    said = Conversation()
    for look, data in (
        (said.commit_in, TLS_PLEASE),
        (said.answer_in, b"S"),
        (said.commit_in, b"".join(ASKED)),
        (said.answer_in, b"".join(ANSWERED)),
    ):
        assert look(data) is None
