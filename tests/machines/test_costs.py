"""How PostgreSQL answers agentd's questions: from which indexes, and what it reads for that.

The rule this file keeps: the plans are those of a session as agentd has it, for whatever is bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, get_type_hints

import pytest
from psycopg.sql import Literal

from agentd.projections import PROJECTIONS, Projection
from agentd.store.postgres import PostgresStore
from agentd.store.postgres.connecting import connect
from agentd.store.postgres.dialect import to_postgres
from agentd.store.postgres.reader import PostgresReader
from agentd.store.postgres.session import Rows, Session
from tests.postgres_server import shared_server
from tests.postgres_stores import migrated
from tests.test_sqlite_costs import (
    OF_GATES,
    OF_QUEUE,
    QUESTIONS,
    SIZES,
    fill,
    fill_gates,
    fill_queue,
)
from tests.test_sqlite_store import QUESTIONS as QUESTIONS_OF_SQLITE

if TYPE_CHECKING:
    from agentd.store import Reader, Store

Plan = dict[str, Any]
Question = Callable[["Reader"], object]
Sizes = tuple["Listening", "Listening"]
TABLES = {"journal", *(projection.name for projection in PROJECTIONS)}


KNOWN = ("known", "guessed")
"""Whether the server has been told how many rows there are: nobody does so at once."""


class Listening(Session):
    """A session that keeps what it was asked, and says how that is answered."""

    def __init__(self, session: Session) -> None:
        super().__init__(session.connection)
        self._session = session
        self._asked: dict[str, Any] = {}

    def close(self) -> None:
        """See `Session.close`."""
        super().close()
        self._session.close()

    def execute(self, sql: str, bindings: Any = None, /) -> Rows:
        """See `Session.execute`."""
        self._asked[sql] = bindings
        return super().execute(sql, bindings)

    def walk(self, sql: str, bindings: Any) -> Iterator[Any]:
        """See `Session.walk`."""
        self._asked[sql] = bindings
        return super().walk(sql, bindings)

    def plans(self, question: Question) -> list[Plan]:
        """The plans for what the question asks, as carried out."""
        self._asked.clear()
        with self.connection.transaction():
            question(PostgresReader(self))
            assert self._asked, "the question asked the database nothing"
            return [self._explained(*asked) for asked in list(self._asked.items())]

    def _explained(self, sql: str, bindings: Any) -> Plan:
        run = self.connection.execute
        values = ", ".join(Literal(value).as_string(self.connection) for value in bindings or ())
        run(f"PREPARE asked AS {to_postgres(sql)}".encode())
        execute = f"EXECUTE asked({values})" if values else "EXECUTE asked"
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {execute}"
        [(found,)] = run(explain.encode()).fetchall()
        run(b"DEALLOCATE asked")
        plan: Plan = found[0]["Plan"]
        return plan


def parts(plan: Plan) -> Iterator[Plan]:
    """The plan and all that it consists of."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from parts(part)


def cost(plans: list[Plan]) -> int:
    """Pages that were looked at, and rows that were looked at in them."""
    rows = sum(
        round(part["Actual Rows"] + part.get("Rows Removed by Filter", 0)) * part["Actual Loops"]
        for plan in plans
        for part in parts(plan)
        if "Scan" in part["Node Type"]
    )
    pages = sum(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in plans)
    return int(rows + pages)


def filled(fill_with: Callable[[Store, int], None], size: int, *, is_known: bool) -> Listening:
    """A connection as a reader has it, to a database with so much in it, and whether it knows."""
    url = shared_server().fresh_database(migrated)
    with closing(PostgresStore(url)) as store:
        fill_with(store, size)
    session = connect(url)
    if is_known:
        session.connection.execute("ANALYZE")
    return Listening(session)


def two_sizes(fill_with: Callable[[Store, int], None], *, is_known: bool) -> Iterator[Sizes]:
    """A small one and a large one, closed in the end."""
    small, large = (filled(fill_with, size, is_known=is_known) for size in SIZES)
    yield small, large
    small.close()
    large.close()


@pytest.fixture(scope="module", params=KNOWN)
def plain(request: pytest.FixtureRequest) -> Iterator[Sizes]:
    yield from two_sizes(fill, is_known=request.param == "known")


@pytest.fixture(scope="module", params=KNOWN)
def queue(request: pytest.FixtureRequest) -> Iterator[Sizes]:
    yield from two_sizes(fill_queue, is_known=request.param == "known")


@pytest.fixture(scope="module", params=KNOWN)
def gates(request: pytest.FixtureRequest) -> Iterator[Sizes]:
    yield from two_sizes(fill_gates, is_known=request.param == "known")


def _get(projection: Projection, reader: Reader) -> object:
    """The row of some key: this engine is told what it is of."""
    types = get_type_hints(projection.row)
    return reader.get(projection, tuple({str: "a", int: 1}[types[n]] for n in projection.key))


ALL: dict[str, Question] = QUESTIONS_OF_SQLITE | {
    f"get {projection.name}": partial(_get, projection) for projection in PROJECTIONS
}


@pytest.mark.parametrize("question", ALL.values(), ids=list(ALL))
def test_every_question_is_answered_from_an_index(plain: Sizes, question: Question) -> None:
    """No question reads a table of agentd's from its beginning to its end."""
    all_parts = [part for plan in plain[1].plans(question) for part in parts(plan)]
    whole = [part for part in all_parts if part["Node Type"] == "Seq Scan"]
    assert not [part for part in whole if part["Relation Name"] in TABLES], all_parts


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=list(QUESTIONS))
def test_a_larger_database_costs_no_more(plain: Sizes, question: Question) -> None:
    """Fifty times the tasks, nodes and events are at most a few more looks at an index."""
    small, large = (cost(each.plans(question)) for each in plain)
    assert large < 3 * small, (small, large)


@pytest.mark.parametrize("question", OF_QUEUE.values(), ids=list(OF_QUEUE))
def test_what_is_not_handed_out_costs_nothing(queue: Sizes, question: Question) -> None:
    """Paused tasks, nodes behind a full limit or a label that nobody offers, other limits."""
    small, large = (cost(each.plans(question)) for each in queue)
    assert large < 3 * small, (small, large)


@pytest.mark.parametrize("question", OF_GATES.values(), ids=list(OF_GATES))
def test_gates_cost_what_is_shown(gates: Sizes, question: Question) -> None:
    """Fifty times as many gates are at most a few more looks at an index."""
    small, large = (cost(each.plans(question)) for each in gates)
    assert large < 3 * small, (small, large)
