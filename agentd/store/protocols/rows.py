"""Rows of projections, by key."""

from collections.abc import Iterator
from typing import Any, Protocol

from msgspec import Struct

from agentd.projections import Key, Projection


class RowReader(Protocol):
    """One consistent view of the rows."""

    def get(self, projection: Projection, key: Key) -> Any:
        """The row of that key, or None."""

    def rows(self, projection: Projection) -> Iterator[Struct]:
        """All rows of a projection, in the order of their keys."""


class RowTx(Protocol):
    """Rows are written."""

    def put(self, projection: Projection, key: Key, row: Struct | None) -> None:
        """Write a row, or remove it when it is None."""
