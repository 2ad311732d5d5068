"""What a projection is.

The rule this file keeps: a reducer obeys. It folds one recorded event into one row and never
judges, so that old journals replay after the rules of `decide` have changed.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

from msgspec import Struct

from agentd.events import Event, LockMode
from agentd.journal import Recorded

Key = tuple[Any, ...]
"""The values of a row's key columns: texts and integers."""


class Rows(Protocol):
    """Where rows are looked up."""

    def get(self, projection: "Projection", key: Key) -> Any:
        """The row of that key, or None."""


class Tables(Rows, Protocol):
    """What folding needs of a store."""

    def put(self, projection: "Projection", key: Key, row: Struct | None) -> None:
        """Write a row, or remove it when it is None."""

    def dependents(self, node_id: str) -> Iterable[str]:
        """The nodes that depend on this one."""

    def stretches(self, task_id: str) -> Iterable[Any]:
        """The task's rows of the queue, by rank, then by batch."""

    def gates_in(self, task_id: str, stage: str) -> Iterable[Any]:
        """The task's gates that are in this stage, by their ids."""

    def conflicting_locks(self, key: str, mode: LockMode) -> Iterable[Any]:
        """The locks that are held and that no lock of this key and mode can be held beside."""

    def conflicting_wishes(self, key: str, mode: LockMode) -> Iterable[Any]:
        """The wishes of nodes that are ready, and that such a lock would be in the way of."""

    def wishes_of(self, node_id: str) -> Iterable[Any]:
        """The locks that the node's lease would hold."""

    def wishes_of_task(self, task_id: str) -> Iterable[Any]:
        """Those of all nodes of the task."""


def no_keys(_recorded: Recorded, _tables: Tables) -> Iterable[Key]:
    """No event concerns the table by itself: it follows the rows of another."""
    return ()


def no_change(row: Struct | None, _recorded: Recorded, _key: Key) -> Struct | None:
    """So there is nothing to fold."""
    return row


class Projection(NamedTuple):
    """A table that a reducer keeps.

    `kinds` are the events that concern it at all, `fixed` the columns that never change in a row,
    and `counters` those that often change alone and are in no index. Rows are looked up while they
    are folded by the columns that are `searched`, too.
    `keys` names the rows that an event concerns; `reduce` says what becomes of each of them:
    (row or None, recorded, key) -> row or None, None meaning that there is no such row.
    """

    name: str
    row: type[Struct]
    key: tuple[str, ...]
    fixed: tuple[str, ...]
    kinds: tuple[type[Event], ...] = ()
    keys: Callable[[Recorded, Tables], Iterable[Key]] = no_keys
    reduce: Callable[[Any, Recorded, Key], Struct | None] = no_change
    counters: tuple[str, ...] = ()
    searched: tuple[str, ...] = ()

    def key_of(self, row: Struct) -> Key:
        """The key of one of its rows."""
        return tuple(getattr(row, name) for name in self.key)
