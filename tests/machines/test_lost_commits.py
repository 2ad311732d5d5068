"""A connection that is cut anywhere in a transaction, the commit's answer above all.

Exactly one effect each: what is said of a request is so, and stays so.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from agentd.errors import DatabaseGone
from agentd.store.postgres import PostgresStore, connecting
from agentd.store.postgres.writing import Writing
from tests.faults.check import differences
from tests.faults.proxy import Proxy, proxied
from tests.machines.losses import Losses

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from agentd.journal import Recorded
    from tests.faults.laboratory import Laboratory
    from tests.machines.losses import Place
    from tests.postgres_server import PostgresServer

PATIENCE = 0.2
"""Seconds: who is refused all that time says that the outcome is unknown."""


class _NotLooking(Writing):
    def _resolve(self, last: Recorded | None, error: psycopg.Error) -> NoReturn:  # noqa: ARG002
        raise DatabaseGone("nothing of this request is recorded")


class Liar(PostgresStore):
    """Broken on purpose: it does not look what became of a commit whose answer was lost."""

    def __init__(self, url: str, *more: Any, **named: Any) -> None:
        super().__init__(url, *more, **named)
        self._writing = _NotLooking(self._connections, self._on_moment, PATIENCE)


@contextmanager
def behind_proxy(
    server: PostgresServer, url: str, make: type[PostgresStore], patience: float = PATIENCE
) -> Iterator[tuple[Proxy, Losses]]:
    """A store that asks through a proxy, for the length of the block."""
    with proxied("127.0.0.1", server.port) as proxy:
        losses = Losses(proxy, url, make, patience)
        try:
            yield proxy, losses
            proxy.calm()
        finally:
            losses.close()
        assert differences(url) == []


def storm(lab: Laboratory, proxy: Proxy, losses: Losses, runs: int) -> list[str]:
    """Cut at each place in turn, or lose a commit or its answer; everything that is wrong."""
    places = losses.places()
    wrong = []
    for number in range(runs):
        losses.ask()  # over a connection that is there, and has prepared all
        if number == 0:  # whatever chance brings, one answer is lost that cannot be looked for
            proxy.lose_answer()
            proxy.refuse()
        else:
            break_something(lab, proxy, places[number % len(places)])
        said = losses.ask()
        wrong += losses.wrong()
        proxy.calm()
        if said == "unknown" or lab.random.random() < 0.2:
            losses.ask_again()
    return wrong + losses.wrong()


def break_something(lab: Laboratory, proxy: Proxy, place: Place) -> None:
    """By chance: the next commit, its answer, or the connection near this place."""
    way = lab.random.random()
    if way < 0.1:
        proxy.lose_commit()
    elif way < 0.2:
        proxy.lose_answer()
    else:
        off = lab.random.choice((0, 0, -1, 1, lab.random.randint(-40, 40)))
        proxy.cut_after(max(place.after + off, 0), place.direction)
    if lab.random.random() < 0.2:
        proxy.refuse()


def test_what_is_said_of_a_lost_answer_is_so(
    lab: Laboratory, postgres: PostgresServer, database_url: str
) -> None:
    """Whatever is cut: *recorded* is there once, *not recorded* never; a repeat changes nothing."""
    with behind_proxy(postgres, database_url, PostgresStore) as (proxy, losses):
        assert storm(lab, proxy, losses, lab.amount(200, 5_000)) == []
        assert set(losses.counted) == {"recorded", "gone", "unknown"}
        lab.count(**losses.counted, cut=proxy.counted["cut"])


def test_a_store_that_does_not_look_is_found_out(
    lab: Laboratory, postgres: PostgresServer, database_url: str
) -> None:
    """The same experiment finds a store that calls every lost commit *not recorded*."""
    with behind_proxy(postgres, database_url, Liar) as (proxy, losses):
        wrong = storm(lab, proxy, losses, 60)
        assert any("is called gone, and is there 1 times" in line for line in wrong), wrong


@pytest.mark.parametrize(("is_interrupted", "said"), [(False, "gone"), (True, "unknown")])
def test_a_commit_that_is_on_its_way_is_not_called_lost(
    postgres: PostgresServer,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    is_interrupted: bool,  # noqa: FBT001 - a parameter of the test
    said: str,
) -> None:
    """While the server still waits for it, nobody may say that it will not be done.

    Whose connection breaks waits until the server has given the transaction up; who is interrupted
    before that says that nobody knows.
    """
    # Who is interrupted does not wait for the lock until the server has given it up.
    for name, seconds in (
        ("HANGING_SECONDS", 1),
        ("LOCK_SECONDS", 1),
        ("WRITING_SECONDS", 300 if is_interrupted else 3),
    ):
        monkeypatch.setattr(connecting, name, seconds)

    def end_it() -> None:
        proxy.wait_for("commits held")
        if is_interrupted:
            losses.store.interrupt()
        else:
            losses.break_connection()

    with behind_proxy(postgres, database_url, PostgresStore, 60) as (proxy, losses):
        losses.ask()
        proxy.hold_commit()
        ending = threading.Thread(target=end_it)
        ending.start()
        assert losses.ask() == said
        ending.join()
        assert losses.wrong() == []
        proxy.calm()
        losses.ask_again()
        assert losses.wrong() == []
