"""What is sent to a server together is carried out in its order, and each answer is its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import errors

from agentd.store.postgres import pipeline
from agentd.store.postgres.connecting import dial
from agentd.store.postgres.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres_server import PostgresServer

BEGIN = ("BEGIN", None)
COMMIT = ("COMMIT", None)
MANY = 300_000


@pytest.fixture
def connection(postgres: PostgresServer) -> Iterator[psycopg.Connection]:
    """A connection to a database with an empty table."""
    with postgres.database() as url, dial(url) as made:
        made.execute("CREATE TABLE kept (number bigint, text text)")
        yield made


@pytest.fixture
def asked(connection: psycopg.Connection) -> Pipeline:
    """Who asks over it."""
    return Pipeline(connection)


def kept(asked: Pipeline) -> list[int]:
    [found] = asked.run([("SELECT number FROM kept ORDER BY number", None)])
    return [number for (number,) in found]


def keep(number: int) -> tuple[str, list[object]]:
    return ("INSERT INTO kept VALUES ($1, $2)", [number, None])


def prepared(connection: psycopg.Connection) -> int:
    names = "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'agentd%'"
    [(found,)] = connection.execute(names)
    assert isinstance(found, int)
    return found


@pytest.mark.parametrize(
    "value", [0, -(2**63), 2**63 - 1, "", "\u05d0\u202e\n", b"\0\xff", None, [1, 2], ["a", ""]]
)
def test_what_is_bound_comes_back_as_it_was(asked: Pipeline, value: object) -> None:
    """Whatever its type is; the same text with another type is another statement."""
    for bound in (value, 1, value):
        type_of = {int: "bigint", str: "text", bytes: "bytea"}
        if isinstance(bound, list):
            name = f"{type_of[type(bound[0])]}[]"
        else:
            name = type_of.get(type(bound), "text")
        assert asked.run([(f"SELECT CAST($1 AS {name})", [bound])]) == [[(bound,)]]
    assert asked.run([("SELECT $1", ["text"]), ("SELECT $1", ["text"])]) == [[("text",)]] * 2


def test_more_than_a_socket_takes_at_once(asked: Pipeline) -> None:
    """Neither side waits for the other for ever, however much both have to say."""
    much = "x" * 3_000_000
    echo = ("SELECT CAST($1 AS text)", [much])
    many = (f"SELECT generate_series(1, {MANY})", None)
    first, rows, last = asked.run([echo, many, echo])
    assert first == last == [(much,)]
    assert len(rows) == MANY


def test_none_is_carried_out_behind_one_that_failed(
    asked: Pipeline, connection: psycopg.Connection
) -> None:
    """Its error is raised, and the connection is as good as before."""
    wrong = ("SELECT 1 / CAST($1 AS bigint)", [0])
    with pytest.raises(errors.DivisionByZero):
        asked.run([BEGIN, keep(1), wrong, keep(2), COMMIT])
    connection.rollback()
    assert kept(asked) == []
    asked.run([BEGIN, keep(3), COMMIT])
    assert kept(asked) == [3]


def test_what_cannot_be_bound_is_not_sent(asked: Pipeline, connection: psycopg.Connection) -> None:
    """Nor is anything before it."""
    with pytest.raises(psycopg.DataError):
        asked.run([BEGIN, keep(1), ("SELECT CAST($1 AS text)", ["\0"])])
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert kept(asked) == []


def test_a_statement_is_prepared_once(asked: Pipeline, connection: psycopg.Connection) -> None:
    """Also where it is sent twice before it is known, and not again after an error."""
    asked.run([keep(1), keep(2)])
    asked.run([keep(3)])
    assert prepared(connection) == 1
    with pytest.raises(errors.SyntaxError):
        asked.run([("SELECT wrong wrong wrong", None)])
    asked.run([keep(4)])
    assert prepared(connection) == 1


def test_a_server_keeps_a_bounded_number_of_statements(
    asked: Pipeline, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that come later are carried out all the same."""
    monkeypatch.setattr(pipeline, "_MOST_PREPARED", 2)
    for number in range(4):
        assert asked.run([(f"SELECT {number}, CAST($1 AS text)", ["x"])]) == [[(number, "x")]]
    assert prepared(connection) == 2


def test_statements_that_somebody_dropped(asked: Pipeline, connection: psycopg.Connection) -> None:
    """As a pooler may: it is an error once, and then they are prepared again."""
    asked.run([keep(1)])
    connection.execute("DEALLOCATE ALL")
    with pytest.raises(errors.InvalidSqlStatementName):
        asked.run([keep(2)])
    asked.run([keep(3)])
    assert kept(asked) == [1, 3]


def test_the_driver_drops_none_of_them(asked: Pipeline, connection: psycopg.Connection) -> None:
    """It does at a rollback, where it has prepared any itself."""
    connection.execute("SELECT 1")
    asked.run([BEGIN, keep(1)])
    connection.rollback()
    asked.run([BEGIN, keep(2), COMMIT])
    assert kept(asked) == [2]


def test_a_session_that_the_server_ends(
    asked: Pipeline, connection: psycopg.Connection, postgres: PostgresServer
) -> None:
    """It is an error of the connection, at once and at every later try, and nobody waits."""
    asked.run([BEGIN, keep(1)])
    postgres.execute("SELECT pg_terminate_backend(%s, 60000)", connection.info.backend_pid)
    for _ in range(2):
        with pytest.raises(psycopg.OperationalError):
            asked.run([keep(2), COMMIT])
        assert connection.broken
