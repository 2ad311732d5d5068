"""A database on a server, as `agentd doctor` and `agentd database check` judge it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from msgspec.structs import replace

from agentd.doctor.finding import FAILED, OK, WARNING, Finding
from agentd.doctor.server import judge, look_at
from agentd.server_url import parse_server_url
from agentd.store.postgres import PostgresStore
from agentd.store.postgres.inspection import Access, Journal, Place, Server, ServerState, inspect
from agentd.store.postgres.pooling import Pooler
from tests.doctor import examined

if TYPE_CHECKING:
    from pathlib import Path

SERVER = Server(
    "15.18",
    "PostgreSQL 15.18 on x86_64",
    "UTF8",
    is_replica=False,
    is_read_only=False,
    role="ann",
    database="agentd",
    is_superuser=False,
    may_create=True,
)
GOOD = ServerState(
    SERVER,
    150_018,
    {"synchronous_commit": "on", "fsync": "on", "full_page_writes": "on"},
    "on",
    is_here=False,
    is_encrypted=True,
    pooler=Pooler.NONE,
    schema=1,
    latest=1,
    access=Access(may_use=True),
    journal=Journal(Place(7, 70), Place(7, 70), is_guarded=True),
)
VERIFIED = "postgresql://ann@h/agentd?sslmode=verify-full"


def judged(state: ServerState, url: str = VERIFIED) -> list[Finding]:
    """What is found; what is not ok has an advice."""
    found = list(judge(parse_server_url(url), state))
    assert all(bool(each.advice) == (each.status != OK) for each in found)
    return found


def test_all_is_well() -> None:
    """A line for each thing that was looked at, and nothing to do."""
    found = judged(GOOD)
    assert {each.status for each in found} == {OK}
    assert [each.what for each in found] == [
        *("server", "encoding", "durability", "TLS", "pooler", "schema", "role", "journal")
    ]


def changed(**fields: Any) -> ServerState:
    """Another server, otherwise good: fields of its own, or of what it says of itself."""
    own = {name: value for name, value in fields.items() if name in Server.__struct_fields__}
    rest = {name: value for name, value in fields.items() if name not in own}
    return replace(GOOD, server=replace(SERVER, **own), **rest)


def settings(**changes: str) -> dict[str, str]:
    return GOOD.durability | changes


@pytest.mark.parametrize(
    ("state", "status", "what", "told"),
    [
        (changed(number=120_022), FAILED, "server", "PostgreSQL 15.18 at "),
        (changed(about="CockroachDB CCL v25"), WARNING, "server", "CockroachDB CCL v25 speaks"),
        (changed(about="PostgreSQL 15.2-YB-2.25"), WARNING, "server", "PostgreSQL 15.2-YB-2.25 sp"),
        (changed(is_replica=True, is_read_only=True), FAILED, "server", "the server is a replica"),
        (changed(is_read_only=True), FAILED, "server", "the server is read-only"),
        (changed(encoding="LATIN1"), FAILED, "encoding", "the database's encoding is LATIN1"),
        (changed(durability=settings(fsync="off")), FAILED, "durability", "fsync=off: when the"),
        (
            changed(durability=settings(synchronous_commit="local")),
            *(FAILED, "durability", "synchronous_commit=local, and cannot be switched on"),
        ),
        (
            changed(durability=settings(full_page_writes="off")),
            *(WARNING, "durability", "full_page_writes=off: a page that was half written"),
        ),
        (changed(is_encrypted=False), WARNING, "TLS", "not in force: whoever is on the way"),
        (changed(pooler=Pooler.SHARED), FAILED, "pooler", "one lends its connections to the"),
        (changed(schema=0, access=None, may_create=False), FAILED, "schema", "none yet, and ann"),
        (changed(schema=2), FAILED, "schema", "schema 2, and this agentd works with 1"),
        (changed(schema=1, latest=2), WARNING, "schema", "schema 1, and this agentd works with 2"),
        (changed(is_superuser=True), WARNING, "role", "ann is a superuser: nothing on the"),
        (changed(access=Access(may_use=False)), FAILED, "role", "ann may not use agentd's schema"),
        (
            changed(access=Access(may_use=True, lacking=("a on x", "b on x", "c on x", "d on x"))),
            *(FAILED, "role", "ann lacks a on x, b on x, c on x and 1 more"),
        ),
        (
            changed(journal=Journal(Place(7, 70), Place(7, 70), is_guarded=False)),
            *(FAILED, "journal", "a trigger that keeps the journal append-only is gone"),
        ),
        (
            changed(journal=Journal(None, Place(7, 70), is_guarded=True)),
            *(FAILED, "journal", "journal_end has no row: nothing can be recorded"),
        ),
        (
            changed(journal=Journal(Place(9, 90), Place(7, 70), is_guarded=True)),
            *(FAILED, "journal", "journal_end says that the journal reaches to seq 9, and it "),
        ),
        (
            changed(journal=Journal(Place(9, 90), None, is_guarded=True)),
            *(FAILED, "journal", "journal_end says that the journal reaches to seq 9, and it "),
        ),
    ],
)
def test_what_is_not_well(state: ServerState, status: str, what: str, told: str) -> None:
    """Each thing by itself is told with what to do; the rest is as it was."""
    [found] = [each for each in judged(state) if each.status != OK]
    assert (found.status, found.what, found.finding[: len(told)]) == (status, what, told)


@pytest.mark.parametrize(
    ("state", "what", "told"),
    [
        (changed(default_commit="off"), "durability", "others have synchronous_commit=off"),
        (changed(is_encrypted=False, is_here=True), "TLS", "not in force, on this machine"),
        (changed(pooler=Pooler.OWN), "pooler", "keeps a connection for each of agentd's"),
        (changed(schema=0, access=None, journal=None), "schema", "`agentd database init`"),
        (changed(schema=0, access=None, journal=None), "role", "ann is no superuser"),
        (GOOD, "role", "ann may append to the journal and read it, and change nothing in it"),
        (
            changed(access=Access(may_use=True, owns_journal=True, changing=("UPDATE",))),
            *("role", "ann owns the journal: triggers keep it append-only, and it could drop them"),
        ),
        (
            changed(access=Access(may_use=True, changing=("UPDATE", "DELETE"))),
            *("role", "ann may UPDATE, DELETE the journal, but for its triggers"),
        ),
        (changed(journal=Journal(Place(0, 0), None, is_guarded=True)), "journal", "0 events"),
    ],
)
def test_what_is_well_all_the_same(state: ServerState, what: str, told: str) -> None:
    """What works is ok, and said."""
    [found] = [each for each in judged(state) if each.what == what]
    assert found.status == OK
    assert told in found.finding


def test_tls_that_is_not_verified() -> None:
    """Encrypted is not enough: whoever answers could be anybody."""
    [found] = [each for each in judged(GOOD, "postgresql://ann@h/agentd") if each.what == "TLS"]
    assert (found.status, found.finding[:9]) == (WARNING, "in force,")


def test_what_cannot_be_looked_at() -> None:
    """A role that may not look is told of; what it hides is not judged."""
    state = changed(schema=None, access=Access(may_use=False), journal=None)
    assert [(each.status, each.what) for each in judged(state) if each.status != OK] == [
        *((WARNING, "schema"), (FAILED, "role"), (WARNING, "journal"))
    ]


# A real server


def test_an_empty_database(database_url: str) -> None:
    """It has no schema yet, and the first daemon may make one."""
    state = inspect(database_url)
    assert (state.schema, state.access, state.journal) == (0, None, None)
    assert state.server.about.startswith(f"PostgreSQL {state.server.version}")
    assert (state.is_here, state.is_encrypted, state.pooler) == (True, False, Pooler.NONE)


def test_a_database_of_agentds(database_url: str) -> None:
    """What is asked of it changes nothing, and finds everything in its place."""
    PostgresStore.open(database_url).close()
    state = inspect(database_url)
    assert state.schema == state.latest
    assert state.access is not None
    assert (state.access.owns_journal, state.access.lacking) == (True, ())
    assert state.journal == Journal(Place(0, 0), None, is_guarded=True)
    assert inspect(database_url) == state


def test_a_journal_that_was_changed(database_url: str) -> None:
    """Triggers that are off, and an end that was moved, are found."""
    PostgresStore.open(database_url).close()
    with psycopg.connect(database_url, autocommit=True) as by_hand:
        by_hand.execute("UPDATE agentd.journal_end SET seq = 5")
        by_hand.execute("ALTER TABLE agentd.journal DISABLE TRIGGER journal_no_delete")
    found = inspect(database_url).journal
    assert found == Journal(Place(5, 0), None, is_guarded=False)


def test_a_driver_that_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """As psycopg alone, without libpq: it is told in a line, with what to do."""
    monkeypatch.setitem(sys.modules, "agentd.store.postgres.inspection", None)
    [told] = look_at(parse_server_url("postgresql://h/d"))
    assert (told.status, told.what) == (FAILED, "server")
    assert "psycopg does not load" in told.finding
    assert "the extra `postgres`" in told.advice


def test_a_server_that_cannot_be_reached(home: Path) -> None:
    """The doctor says so, without the password, and goes on with the rest."""
    url = "postgresql://ann:hunter2@127.0.0.1:1/d"
    found = examined(home, AGENTD_DATABASE_URL=url)
    [told] = [each for each in found if each.what == "server"]
    assert told.status == FAILED
    assert told.finding.endswith("Connection refused")  # nothing was asked to be recorded
    assert "hunter2" not in f"{found}"
    assert {"database", "SQLite", "journal"}.isdisjoint(each.what for each in found)
    assert "home" in [each.what for each in found]


def test_a_server_that_lets_nobody_in(database_url: str) -> None:
    """A wrong password is the server's to tell, and is not repeated."""
    [told] = look_at(parse_server_url(database_url.replace("@", "x@")))
    assert (told.status, told.what) == (FAILED, "server")
    assert "lets nobody in as this user: connection to server" in told.finding


def test_a_password_that_was_not_given(
    database_url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told where one may stand."""
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("PGPASSWORD", raising=False)
    [told] = look_at(parse_server_url(parse_server_url(database_url).shown))
    assert "none is in AGENTD_DATABASE_URL, PGPASSWORD or ~/.pgpass: connection" in told.finding


def test_the_doctor_looks_at_the_server(home: Path, database_url: str) -> None:
    """In the place of what it asks of a file."""
    found = examined(home, AGENTD_DATABASE_URL=database_url)
    whats = [each.what for each in found]
    assert "schema" in whats
    assert {"database", "SQLite", "WAL"}.isdisjoint(whats)
    assert [each.finding for each in found if each.what == "pooler"] == [
        "none between here and the server"
    ]
