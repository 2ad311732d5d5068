"""`agentd database grant-sql`: a role that reads the journal, adds to it, and cannot change it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from psycopg.sql import SQL, Identifier, Literal

from agentd.doctor.finding import FAILED, OK, Subject
from agentd.doctor.on_server import company
from agentd.doctor.server import look_at
from agentd.errors import AlreadyRunning, DatabaseRefused
from agentd.server_url import parse_server_url
from agentd.store.postgres import PostgresStore
from agentd.store.postgres.company import look_around
from agentd.store.postgres.inspection import Access, inspect
from agentd.store.postgres.intake import refuse_daemons
from tests.command_line import agentd_here
from tests.core import Core

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres_system import SystemServer

ROLE = 'a"gents $; DROP'
WORD = "p/w@%"


@pytest.fixture
def owners(system_postgres: SystemServer) -> Iterator[str]:
    """The URL of a database with agentd's schema, whose owner is a superuser."""
    with system_postgres.database() as url:
        PostgresStore.open(url).close()
        yield url


@pytest.fixture
def agents(system_postgres: SystemServer, owners: str) -> Iterator[str]:
    """The same as a role that was given nothing, with a name that has to be quoted."""
    role = Identifier(ROLE)
    with psycopg.connect(owners, autocommit=True) as owner:
        owner.execute(SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, Literal(WORD)))
        try:
            escaped = f"{quote(ROLE, safe='')}:{quote(WORD, safe='')}@"
            yield owners.replace(f"postgres:{system_postgres.password}@", escaped)
        finally:
            owner.execute(SQL("DROP OWNED BY {}").format(role))
            owner.execute(SQL("DROP ROLE {}").format(role))


def grant(home: Path, owners: str) -> None:
    """Do as is printed, as the schema's owner."""
    ended = agentd_here(home, "database", "grant-sql", ROLE, extra={"AGENTD_DATABASE_URL": owners})
    assert (ended.code, ended.err) == (0, "")
    with psycopg.connect(owners, autocommit=True) as owner:
        owner.execute(ended.out.encode())


def test_a_role_without_grants(agents: str) -> None:
    """No daemon works with it, and the check says what is missing."""
    for opening in (PostgresStore.open, PostgresStore.open_existing):
        with pytest.raises(DatabaseRefused, match=r"may not use agentd's schema.*grant-sql ROLE"):
            opening(agents)
    access = inspect(agents).access
    assert access is not None
    assert (access.may_use, access.owns_journal, access.changing) == (False, False, ())
    assert "INSERT on journal" in access.lacking
    found = {each.what: each.status for each in look_at(parse_server_url(agents))}
    assert (found["TLS"], found["role"]) == (OK, FAILED)


def test_a_schema_that_is_made_for_a_role(owners: str, agents: str) -> None:
    """Who owns an empty schema of that name needs no right to make others in the database."""
    with psycopg.connect(owners, autocommit=True) as owner:
        owner.execute("DROP SCHEMA agentd CASCADE")
        [refused] = [each for each in look_at(parse_server_url(agents)) if each.what == "schema"]
        assert (refused.status, "may make none" in refused.finding) == (FAILED, True)
        with pytest.raises(DatabaseRefused, match=r"may not make .* `agentd database init`"):
            PostgresStore.open(agents)
        owner.execute(SQL("CREATE SCHEMA agentd AUTHORIZATION {}").format(Identifier(ROLE)))
    found = {each.what: each for each in look_at(parse_server_url(agents))}
    assert (found["schema"].status, found["role"].status) == (OK, OK)
    assert "none yet" in found["schema"].finding
    PostgresStore.open(agents).close()
    access = inspect(agents).access
    assert access is not None
    assert access.owns_journal


def test_what_is_granted(home: Path, owners: str, agents: str) -> None:
    """A daemon can work with it; the journal is closed to it but for its end."""
    grant(home, owners)
    grant(home, owners)  # as after a migration
    access = inspect(agents).access
    assert access == Access(may_use=True)
    found = {each.what: each for each in look_at(parse_server_url(agents))}
    assert found["role"].finding.endswith(
        "append to the journal and read it, and change nothing in it"
    )
    store = PostgresStore.open(agents)
    with store.write(), store.read() as reader:
        assert reader.last_seq() == 0
    store.close()


def test_what_is_granted_where_nobody_has_what_he_was_not_given(
    home: Path, owners: str, agents: str
) -> None:
    """A strict database lets nobody else call the functions that are made in it."""
    function = "FUNCTION agentd.like_of_glob(text)"
    with psycopg.connect(owners, autocommit=True) as owner:
        owner.execute(f"REVOKE EXECUTE ON {function} FROM PUBLIC")
        grant(home, owners)
        store = PostgresStore.open(agents)
        core = Core(store)
        for key in ("file:/a/*.py", "file:/b/*.py"):
            assert core.do("AcquireResourceLock", resource_key=key) is not None
        store.close()
        assert inspect(agents).access == Access(may_use=True)
        owner.execute(SQL("REVOKE EXECUTE ON {} FROM {}").format(SQL(function), Identifier(ROLE)))
    assert inspect(agents).access == Access(may_use=True, lacking=("EXECUTE on like_of_glob",))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE agentd.journal SET seq = 2",
        "DELETE FROM agentd.journal",
        "TRUNCATE agentd.journal",
        "ALTER TABLE agentd.journal DISABLE TRIGGER USER",
        "DROP TABLE agentd.journal",
        "CREATE TABLE agentd.mine ()",
        "DELETE FROM agentd.journal_end",
        "UPDATE agentd.migrations SET number = 0",
    ],
)
def test_what_is_not(home: Path, owners: str, agents: str, statement: str) -> None:
    """Neither the journal, nor what guards it, nor the schema can be changed by it."""
    grant(home, owners)
    with psycopg.connect(agents) as role, pytest.raises(InsufficientPrivilege):
        role.execute(statement.encode())


def test_what_was_granted_before_is_taken_back(home: Path, owners: str, agents: str) -> None:
    """A person may have granted too much."""
    with psycopg.connect(owners, autocommit=True) as owner:
        owner.execute(SQL("GRANT ALL ON agentd.journal TO {}").format(Identifier(ROLE)))
    grant(home, owners)
    assert inspect(agents).access == Access(may_use=True)


def test_daemons_of_another_role_are_somewhere(owners: str, agents: str) -> None:
    """The server does not tell one role where another one's sessions come from."""
    store = PostgresStore.open(owners)
    for url, place in ((owners, "they are at (127.0.0.1|::1)"), (agents, "may not see")):
        with pytest.raises(AlreadyRunning, match=place):
            refuse_daemons(url)
    assert (look_around(owners).machines, look_around(agents).machines) == (1, None)
    daemons = next(company(Subject(None, None, None, server=parse_server_url(agents))))
    assert daemons.finding.endswith(" of daemons, from places that this role may not see")
    store.close()


def test_a_daemon_that_has_just_ended_is_none(owners: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server shows its sessions for a moment longer: that is waited for."""
    store = PostgresStore.open(owners)
    looks: list[float] = []
    sleep = time.sleep

    def pause(seconds: float) -> None:
        if not looks:
            store.close()
        looks.append(seconds)
        sleep(seconds)

    monkeypatch.setattr("agentd.store.postgres.intake.time.sleep", pause)
    refuse_daemons(owners)
    assert looks


@pytest.mark.parametrize("role", ["public", "none", "", "a\nb", "\x1b[2J", "x" * 64])
def test_what_is_no_role(home: Path, role: str) -> None:
    """Everybody is none, nor is a name that the server would cut off, or a terminal obey."""
    url = "postgresql://h/d"
    ended = agentd_here(home, "database", "grant-sql", role, extra={"AGENTD_DATABASE_URL": url})
    assert (ended.code, ended.out) == (2, "")
    assert "\x1b" not in ended.err


def test_it_asks_no_server(home: Path) -> None:
    """The statements are the same whether one answers or not, and in one transaction."""
    url = "postgresql://127.0.0.1:1/d"
    ended = agentd_here(home, "database", "grant-sql", "ann", extra={"AGENTD_DATABASE_URL": url})
    lines = ended.out.splitlines()
    assert (lines[0], lines[-1]) == ("BEGIN;", "COMMIT;")
    assert lines[1] == 'GRANT CONNECT ON DATABASE "d" TO "ann";'
    assert 'GRANT SELECT, INSERT ON "agentd"."journal" TO "ann";' in lines
