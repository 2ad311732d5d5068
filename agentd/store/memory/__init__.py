"""The smallest correct store: dictionaries. Tests measure the real engine against it.

The rule this file keeps: say what each operation means in the plainest way, however slow.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct

from agentd.projections import Key
from agentd.store.memory.gates import Gates
from agentd.store.memory.journal import Journal
from agentd.store.memory.past import Past, PastLocks
from agentd.store.memory.tasks import Tasks


class MemoryTx(Journal, Tasks, Gates):
    """Reader and write transaction in one: a copy of the whole database."""

    def past(self, task_id: str, until: int) -> Past:
        """See `Reader.past`."""
        return Past(self, task_id, until)

    def past_locks(self, until: int) -> PastLocks:
        """See `Reader.past_locks`."""
        return PastLocks(self, until)


class MemoryStore:
    """A store that lives as long as the object."""

    is_remote = False

    def __init__(self) -> None:
        self._committed = MemoryTx()

    def interrupt(self) -> None:
        """See `ServedStore.interrupt`: nothing ever waits."""

    def follow(self) -> None:
        """See `ServedStore.follow`: nobody else knows of it."""

    @contextmanager
    def write(self) -> Iterator[MemoryTx]:
        """See `Store.write`: what an exception interrupts has only changed the copy."""
        tx = self._snapshot()
        yield tx
        self._committed = tx

    @contextmanager
    def read(self) -> Iterator[MemoryTx]:
        """See `Store.read`."""
        yield self._snapshot()

    @contextmanager
    def shadow(self) -> Iterator["MemoryShadow"]:
        """See `Store.shadow`."""
        yield MemoryShadow(self)

    def close(self) -> None:
        """See `Store.close`."""

    def replace(self, tables: dict[str, dict[Key, Struct]]) -> None:
        """Other projections over the same journal."""
        self._committed = MemoryTx(self._committed.records, tables, self._committed.requests)

    def _snapshot(self) -> MemoryTx:
        # Records and rows are frozen, so copying the containers is enough.
        tables = {name: copy.copy(table) for name, table in self._committed.tables.items()}
        return MemoryTx(dict(self._committed.records), tables, dict(self._committed.requests))


class MemoryShadow(MemoryTx):
    """See `Shadow`."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__()
        self._store = store

    def hold(self) -> MemoryTx:
        """See `Shadow.hold`: there is one thread."""
        with self._store.read() as reader:
            return reader

    def swap(self) -> None:
        """See `Shadow.swap`."""
        self._store.replace(self.tables)
