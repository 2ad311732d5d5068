"""Daemons that share one PostgreSQL, in turns: what each remembers is what the database says.

The rule this file keeps: the machine asks one store after the other, as daemons on several hosts
come one after the other; each has a memory of its own, and the model knows of one database only.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from agentd.store import Reader, Shadow, Store, Tx
from agentd.store.postgres import PostgresStore
from tests.postgres_server import shared_server
from tests.postgres_stores import migrated
from tests.property.conftest import EXAMPLES
from tests.property.machine import CoreMachine
from tests.property.test_core_machine import MACHINE

FEW = settings(MACHINE, max_examples=max(EXAMPLES // 8, 1))


class InTurns:
    """A store of several: each transaction is the next one's."""

    def __init__(self, url: str, most: int) -> None:
        self._stores = [PostgresStore.open_existing(url) for _ in range(most)]
        self._turns = cycle(self._stores)

    @contextmanager
    def write(self) -> Iterator[Tx]:
        with next(self._turns).write() as tx:
            yield tx

    @contextmanager
    def read(self) -> Iterator[Reader]:
        with next(self._turns).read() as reader:
            yield reader

    @contextmanager
    def shadow(self) -> Iterator[Shadow]:
        with next(self._turns).shadow() as shadow:
            yield shadow

    def close(self) -> None:
        for store in self._stores:
            store.close()


class CompanyMachine(CoreMachine):
    """Three daemons, one of which is started anew now and then."""

    def open(self) -> Store:
        self.url = shared_server().fresh_database(migrated)
        return InTurns(self.url, 3)

    def reopened(self) -> Store:
        self.core.store.close()
        return InTurns(self.url, 3)

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "url"):
            self.core.store.close()
            shared_server().drop_database(self.url)


def test_daemons_in_turns_answer_as_one() -> None:
    """Whichever daemon is asked, every answer and every state is the model's."""
    run_state_machine_as_test(CompanyMachine, settings=FEW)


@pytest.mark.parametrize(("slots", "near"), [(4, 2), (64, 1)], ids=["few-slots", "far"])
def test_the_same_when_what_others_leave_is_soon_gone(
    monkeypatch: pytest.MonkeyPatch, slots: int, near: int
) -> None:
    """The same holds where slots are filled again before everybody has read them."""
    for module in ("changes", "writes"):
        monkeypatch.setattr(f"agentd.store.postgres.{module}.SLOTS", slots)
    monkeypatch.setattr("agentd.store.postgres.writing.SLOTS", slots)
    monkeypatch.setattr("agentd.store.postgres.writing._NEAR", near)
    monkeypatch.setattr("agentd.store.postgres.changes._PIECE", 300)
    monkeypatch.setattr("agentd.store.postgres.changes._MOST_PIECES", slots)
    fewer = settings(FEW, max_examples=FEW.max_examples // 2)
    run_state_machine_as_test(CompanyMachine, settings=fewer)
