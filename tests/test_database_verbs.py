"""`agentd database`: a database on a server is made, looked at, and brought up to date."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from agentd.errors import DatabaseGone, DatabaseRefused
from agentd.store.postgres import PostgresStore
from agentd.store.postgres.connecting import SCHEMA, connect
from agentd.store.postgres.grants import NEEDED
from agentd.store.postgres.inspection import inspect
from agentd.store.postgres.intake import PostgresIntake
from agentd.store.postgres.migrate import _LOCK, LATEST, MIGRATIONS, migrate, schema_version
from tests.command_line import Ended, agentd_here

if TYPE_CHECKING:
    from pathlib import Path


MIGRATE = import_module("agentd.store.postgres.migrate")
"""The module: the package has a function of the same name."""


def database(home: Path, url: str, *words: str) -> Ended:
    """A verb, of the database at `url`."""
    return agentd_here(home, "database", *words, extra={"AGENTD_DATABASE_URL": url})


def data(ended: Ended) -> Any:
    """What a verb said to a program."""
    assert ended.err == ""
    return json.loads(ended.out)["data"]


def pretend(url: str, schema: int) -> None:
    """The schema of another version, as far as its number says so."""
    with psycopg.connect(url, autocommit=True) as by_hand:
        by_hand.execute(f"UPDATE {SCHEMA}.migrations SET number = {schema} WHERE number = {LATEST}")


# Init and migrate


def test_init(home: Path, database_url: str) -> None:
    """Makes the schema, once; what it prints has no password."""
    shown = database_url.partition(":")[0] + "://postgres@" + database_url.rpartition("@")[2]
    assert database(home, database_url, "init") == (0, f"schema {LATEST}: {shown}\n", "")
    again = database(home, database_url, "init")
    assert again == (0, f"schema {LATEST} was there already: {shown}\n", "")
    assert database(home, database_url, "migrate") == again
    assert not home.exists()


def test_what_it_says_to_programs(home: Path, database_url: str) -> None:
    """The schema before and after, and which migrations were applied."""
    names = [each.name for each in MIGRATIONS]
    made = data(database(home, database_url, "init", "--json"))
    assert (made["before"], made["schema"], made["applied"]) == (0, LATEST, names)
    assert "@127.0.0.1" in made["server"]
    again = data(database(home, database_url, "migrate", "--json"))
    assert (again["before"], again["schema"], again["applied"]) == (LATEST, LATEST, [])


def test_migrate_makes_none(home: Path, database_url: str) -> None:
    """Where there is no schema, the URL may be another database's: init makes one, and is named."""
    ended = database(home, database_url, "migrate")
    assert ended.code == 5
    assert "`agentd database init` makes one" in ended.err
    with psycopg.connect(database_url) as by_hand:
        [(there,)] = by_hand.execute("SELECT to_regnamespace('agentd') IS NOT NULL").fetchall()
    assert not there


@pytest.mark.parametrize("verb", ["init", "migrate"])
def test_a_newer_schema(home: Path, database_url: str, verb: str) -> None:
    """It is another agentd's: nothing is done to it, and no daemon serves it."""
    PostgresStore.open(database_url).close()
    pretend(database_url, LATEST + 1)
    ended = database(home, database_url, verb)
    assert ended.code == 5
    assert f"has schema {LATEST + 1}, this agentd knows {LATEST}: use the newer" in ended.err
    with pytest.raises(DatabaseRefused, match="use the newer agentd"):
        PostgresStore.open(database_url)


@pytest.mark.parametrize("table", ["nodes", "migrations"])
def test_a_schema_of_somebody_elses(home: Path, database_url: str, table: str) -> None:
    """Nothing is done to it, and who looks is told what it is and what to do."""
    with psycopg.connect(database_url) as by_hand:
        by_hand.execute(f"CREATE SCHEMA {SCHEMA} CREATE TABLE {table} (x int) CREATE TABLE y ()")
    told = f"is not agentd's, and has tables that agentd's own would have ({table}): name another"
    for verb, code in (("init", 5), ("migrate", 5), ("check", 1)):
        ended = database(home, database_url, verb)
        assert (ended.code, told in f"{ended.out}{ended.err}") == (code, True)
    for opening in (PostgresStore.open, PostgresStore.open_existing):
        with pytest.raises(DatabaseRefused, match="is not agentd's"):
            opening(database_url)


def test_a_schema_with_other_things_in_it(home: Path, database_url: str) -> None:
    """They are left alone: a role's own schema has its name, and an extension may be there."""
    with psycopg.connect(database_url) as by_hand:
        by_hand.execute(f"CREATE SCHEMA {SCHEMA} CREATE TABLE notes (x int)")
    assert "none yet: the first daemon makes it" in database(home, database_url, "check").out
    assert database(home, database_url, "init").code == 0


def test_a_connection_that_is_lost_over_it(
    home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told in a line, as anywhere."""
    PostgresStore.open(database_url).close()
    end = "SELECT pg_terminate_backend(pg_backend_pid())"
    monkeypatch.setattr(MIGRATE, "NUMBER", end)
    ended = database(home, database_url, "migrate")
    assert ended.code == 1
    told = r"agentd: the database server cannot be reached: .*terminating connection [^\n]*\n?"
    assert re.fullmatch(told, ended.error), ended.error


def test_a_schema_that_somebody_else_is_making(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who fills the database waits for that, and gives up in the end: later it may be there."""
    monkeypatch.setattr(MIGRATE, "_PATIENCE_MINUTES", "0.02")
    with psycopg.connect(database_url) as by_hand:
        by_hand.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        with pytest.raises(DatabaseGone, match="let others write for too long"):
            PostgresIntake.open(database_url)


def test_ten_at_once(database_url: str) -> None:
    """Of ten that begin together one makes the schema; the others wait, and find it."""

    def make(_: int) -> list[str]:
        session = connect(database_url)
        try:
            applied = [each.name for each in migrate(session)]
            assert schema_version(session) == LATEST
        finally:
            session.close()
        return applied

    with ThreadPoolExecutor(10) as several:
        applied = list(several.map(make, range(10)))
    assert sorted(applied, key=len)[9] == [each.name for each in MIGRATIONS]
    assert sum(map(len, applied)) == len(MIGRATIONS)


def test_every_table_has_its_grants(database_url: str) -> None:
    """What a migration adds has to be granted as well."""
    PostgresStore.open(database_url).close()
    with psycopg.connect(database_url) as by_hand:
        found = by_hand.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'agentd'")
        assert {name for (name,) in found} == NEEDED.keys()


# Check


def test_check(home: Path, database_url: str) -> None:
    """A line for each thing, and exit code 1 where something failed, as of this server's disk."""
    assert database(home, database_url, "init").code == 0
    ended = database(home, database_url, "check")
    lines = ended.out.splitlines()
    assert [line.split()[:2] for line in lines if "fsync" not in line][:-1] == [
        ["ok", "server"],
        ["ok", "encoding"],
        ["ok", "TLS"],
        ["ok", "pooler"],
        ["ok", "schema"],
        ["warning", "role"],
        ["ok", "journal"],
    ]
    assert lines[-1] == "1 failed, 1 warning, 6 ok"
    assert (ended.code, ended.err) == (1, "")
    found = data(database(home, database_url, "check", "--json"))
    assert found["status"] == "failed"
    assert [each["status"] for each in found["findings"]] == [
        line.split()[0] for line in lines[:-1]
    ]


def test_settings_of_the_database(home: Path, database_url: str) -> None:
    """They are read back as they are for agentd, which asks for more than others may have."""
    name = database_url.rpartition("/")[2]
    with psycopg.connect(database_url, autocommit=True) as by_hand:
        by_hand.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        state = inspect(database_url)
        assert (state.default_commit, state.durability["synchronous_commit"]) == ("off", "on")
        by_hand.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    ended = database(home, database_url, "check")
    assert "failed   server       the server is read-only" in ended.out


def test_a_server_that_is_not_there(home: Path) -> None:
    """Check tells it as what it found; the others fail with one line."""
    url = "postgresql://ann:hunter2@127.0.0.1:1/d"
    ended = database(home, url, "check")
    assert (ended.code, ended.err) == (1, "")
    assert ended.out.startswith("failed   server       the database server cannot be reached")
    for verb in ("init", "migrate"):
        refused = database(home, url, verb)
        assert refused.code == 1
        assert refused.error.startswith("agentd: the database server cannot be reached")
        assert "hunter2" not in f"{ended} {refused}"


# A file


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        (("init",), "the first `agentd serve` makes it"),
        (("check",), "`agentd doctor` looks at it"),
        (("migrate",), "`agentd serve` migrates it, with a copy beside it"),
        (("grant-sql", "agents"), "it has no roles, and is for its user alone"),
    ],
)
def test_a_database_in_a_file(home: Path, words: tuple[str, ...], instead: str) -> None:
    """Each verb says in a line what does there what it does on a server."""
    ended = agentd_here(home, "database", *words)
    assert ended.code == 2
    assert ended.error == (
        f"agentd: `agentd database {words[0]}` is for a database on a server, and this one is the "
        f"file {home}/agent_state.db: {instead}"
    )
    assert not home.exists()
