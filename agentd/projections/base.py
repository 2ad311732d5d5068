"""What a projection is.

The rule this file keeps: a reducer obeys. It folds one recorded event into one row and never
judges, so that old journals replay after the rules of `decide` have changed.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from msgspec import Struct

from agentd.events import Event
from agentd.journal import Recorded

Key = tuple[str, ...]
"""The values of a row's key columns."""

Dependents = Callable[[str], Iterable[str]]
"""node_id -> the nodes that depend on it."""


class Projection(NamedTuple):
    """A table that a reducer keeps.

    `kinds` are the events that concern it at all, `fixed` the columns that never change in a row.
    `keys` names the rows that an event concerns; `reduce` says what becomes of each of them:
    (row or None, recorded, key) -> row or None, None meaning that there is no such row.
    """

    name: str
    row: type[Struct]
    key: tuple[str, ...]
    fixed: tuple[str, ...]
    kinds: tuple[type[Event], ...]
    keys: Callable[[Recorded, Dependents], Iterable[Key]]
    reduce: Callable[[Any, Recorded, Key], Struct | None]
