"""What a server acknowledged is there, whatever the network does and however often it is killed.

The rule this file keeps: nothing of agentd is in it. It shows that the server, the proxy and the
kills are what the other experiments take them for.
"""

from __future__ import annotations

import random
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg

from tests.faults.proxy import Proxy, proxied
from tests.faults.storm import Storm
from tests.postgres_server import PostgresServer, own_server

if TYPE_CHECKING:
    import pytest


def make_numbers(url: str) -> None:
    """An empty table."""
    with psycopg.connect(url) as session:
        session.execute("CREATE TABLE numbers (n bigint)")


class Account:
    """What a client was told of its numbers."""

    def __init__(self) -> None:
        self.acknowledged: set[int] = set()
        self.refused: set[int] = set()
        """Nothing was sent that could have recorded them."""
        self.unknown: set[int] = set()

    def add(self, url: str, number: int) -> None:
        """Record one number, and write down what was heard of it."""
        sent = False
        try:
            with closing(psycopg.connect(url)) as session:
                session.execute("INSERT INTO numbers VALUES (%s)", (number,))
                sent = True
                session.commit()
        except psycopg.OperationalError:
            (self.unknown if sent else self.refused).add(number)
        else:
            self.acknowledged.add(number)


def kill(server: PostgresServer) -> None:
    """As if its machine had failed, and come back."""
    server.kill()
    server.start()


def fail(server: PostgresServer, proxy: Proxy, chance: random.Random) -> None:
    """One way in which a connection, a commit or the whole server fails."""
    ways = (
        proxy.lose_answer,
        proxy.lose_commit,
        proxy.cut,
        lambda: proxy.split(chance.randint(1, 20)),
        lambda: kill(server),
    )
    chance.choice(ways)()


def test_what_is_acknowledged_is_there(pytestconfig: pytest.Config) -> None:
    """Each acknowledged number is there once, a refused one is not, an unknown one at most once."""
    chance = random.Random(pytestconfig.option.seed)
    account = Account()
    steps = 2_000 if pytestconfig.option.soak else 200
    with own_server() as server, proxied("127.0.0.1", server.port) as proxy:
        direct = server.fresh_database(make_numbers)
        url = proxy.url(direct)
        for number in range(steps):
            if number % 10 == 0:
                proxy.calm()
                proxy.blow(
                    Storm(
                        random.Random(chance.random()),
                        cut=0.01,
                        delay=0.02,
                        commit=0.05,
                        answer=0.05,
                    )
                )
                fail(server, proxy, chance)
            account.add(url, number)
        with psycopg.connect(direct) as session:
            there = [number for (number,) in session.execute("SELECT n FROM numbers")]
    assert len(there) == len(set(there))
    assert account.acknowledged <= set(there)
    assert account.refused.isdisjoint(there)
    assert account.unknown & set(there), "no answer was lost: the storm is none"
    assert account.unknown - set(there), "no commit was lost: the storm is none"
