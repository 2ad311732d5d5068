"""What is wrong with a document: every fault, each with its place.

The rule this file keeps: who corrects a document is told of all that is wrong with it at once, and
where: a line, and the node that stands there.
"""

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

from agentd.errors import BadSetting

_MOST_FAULTS = 200
"""Faults that are told: who has more of them made one mistake many times."""

_MOST_HINTS = 20
"""Faults up to which it is worth a search, what was meant."""

Path = tuple[str | int, ...]
"""Where something stands in a document: names of fields and places in lists, from outside in."""

Fault = tuple[int, str]
"""A line, and what stands behind it in the message."""


class BadDocument(BadSetting):
    """A document that describes no task; `faults` are the lines that say why, if they are many."""

    def __init__(self, message: str, faults: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.faults = faults


class DocumentText(NamedTuple):
    """A document as JSON, and the line on which something of it was written.

    `faults` are those that were found already.
    """

    json: bytes
    line_of: Callable[[Path], int]
    faults: Sequence[Fault] = ()


class Faults:
    """All that was found wrong with one document."""

    def __init__(self, source: str, written: DocumentText) -> None:
        self._source = source
        self._line_of = written.line_of
        self._found = [*written.faults]

    @property
    def directory(self) -> str:
        """Where the document is; what comes from standard input is here."""
        return os.path.dirname(self._source)  # noqa: PTH120 - "" where it is here

    def __bool__(self) -> bool:
        return bool(self._found)

    def line_of(self, path: Path) -> int:
        """The line of what stands there."""
        return self._line_of(path)

    @property
    def are_many(self) -> bool:
        """Are there so many that a hint is not worth a search?"""
        return len(self._found) >= _MOST_HINTS

    def add(self, path: Path, what: str) -> None:
        """Keep a fault of what stands there."""
        self._found.append((self._line_of(path), what))

    def refuse(self) -> None:
        """Raise `BadDocument` if there is a fault: one in its message, several below it."""
        found = sorted(dict.fromkeys(self._found), key=lambda at: at[0])  # some are met twice
        told = [f"line {line}{what}" for line, what in found]
        if len(told) > _MOST_FAULTS:
            told[_MOST_FAULTS:] = [f"and {len(told) - _MOST_FAULTS:,} more"]
        if len(told) > 1:
            raise BadDocument(f"{self._source} has {len(found):,} faults", told)
        if told:
            raise BadDocument(f"{self._source}, {told[0]}")


class Place(NamedTuple):
    """A place in a document, where faults are found; `who` names the node that stands there."""

    faults: Faults
    path: Path = ()
    who: str = ""

    def below(self, *path: str | int, who: str = "") -> Self:
        """A place within this one."""
        return self._replace(path=(*self.path, *path), who=who or self.who)

    def fault(self, message: str, *path: str | int) -> None:
        """Something is wrong here, or within this place."""
        self.faults.add((*self.path, *path), f"{self.who and ', ' + self.who}: {message}")
