"""Ten daemons that start at once, on a database that has nothing of agentd's yet, or too little."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from agentd.store.postgres.connecting import SCHEMA
from agentd.store.postgres.migrate import _CREATE, MIGRATIONS
from tests.machines.hosts import at_once, hosts

if TYPE_CHECKING:
    from tests.faults.laboratory import Laboratory
    from tests.machines.hosts import Host
    from tests.postgres_server import PostgresServer

HOSTS = 10


def make_old(url: str) -> None:
    """The schema as it was one migration ago."""
    with psycopg.connect(url) as connection:
        connection.execute(f"CREATE SCHEMA {SCHEMA}".encode())
        connection.execute(_CREATE.encode())
        connection.execute(f"SET search_path = {SCHEMA}".encode())
        for each in MIGRATIONS[:-1]:
            connection.execute(each.sql.encode())
            named = "INSERT INTO migrations (number, name) VALUES (%s, %s)"
            connection.execute(named, (each.number, each.name))


def register(host: Host) -> None:
    """A task of this daemon's."""
    with host.daemon.connect() as connection:
        connection.call("RegisterTask", goal=host.name, initial_nodes=[{}])


def test_ten_start_at_once(lab: Laboratory, postgres: PostgresServer) -> None:
    """The schema is made, or brought up to date, once; all serve, and see each other's work."""
    for number in range(lab.amount(4, 50)):
        url = postgres.fresh_database(make_old if number % 2 else None)
        with hosts(postgres, url, HOSTS) as (there, _folder):
            at_once([lambda host=host: register(host) for host in there])  # type: ignore[misc]
            for host in there:
                with host.daemon.connect() as connection:
                    assert len(connection.call("ListTasks")["tasks"]) == HOSTS
        with psycopg.connect(url) as session:
            done = session.execute(f"SELECT number FROM {SCHEMA}.migrations".encode())
            assert sorted(done) == [(each.number,) for each in MIGRATIONS]
        postgres.drop_database(url)
        lab.count(starts=HOSTS, databases=1)
