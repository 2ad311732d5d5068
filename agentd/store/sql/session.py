"""A connection as these files use one: the little of APSW's that they ask of any engine.

The rule this file keeps: SQL is SQLite's, with `?` and `?1` for what is bound; another engine
translates. Rows are tuples of what the row Structs hold.
"""

from collections.abc import Iterator
from typing import Any, Protocol


class Rows(Protocol):
    """What a question found."""

    @property
    def get(self) -> Any:
        """The first row's value, or its values where there are several; None without a row."""

    def fetchall(self) -> list[Any]:
        """All rows that were not taken yet."""

    def __iter__(self) -> Iterator[Any]:
        """The rows one by one."""

    def close(self, force: bool = False, /) -> None:  # noqa: FBT001, FBT002 - APSW's signature
        """No more of them is wanted."""


class Cursor(Protocol):
    """Asks one question at a time."""

    def execute(self, sql: str, bindings: Any = None, /) -> Rows:
        """Ask, and forget what was found before."""


class Session(Protocol):
    """A connection in a transaction."""

    def execute(self, sql: str, bindings: Any = None, /) -> Rows:
        """Ask with a cursor of the question's own."""

    def cursor(self) -> Cursor:
        """A cursor for many questions, one after the other."""
