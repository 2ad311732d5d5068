"""Pages of a list.

The rule this file keeps: a page fits an answer, and nothing behind it is looked at.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from msgspec import Struct

from agentd.queries.values import to_json

PAGE_BYTES = 1024 * 1024
"""JSON on one page of a list, unless its first entry has more; a line of it may be as long."""


class Page(NamedTuple):
    """Entries, encoded; the place of the last one, and whether there are more behind it."""

    entries: list[Any]
    last: int
    more: bool


def take_page(numbered: Iterable[tuple[int, Struct]], limit: int) -> Page:
    """As many of the entries, each with its place, as fit; nothing behind them is looked at."""
    entries: list[Any] = []
    last = size = 0
    for place, entry in numbered:
        encoded = to_json(entry)
        size += len(encoded)
        if len(entries) == limit or (entries and size > PAGE_BYTES):
            return Page(entries, last, more=True)
        entries.append(encoded)
        last = place
    return Page(entries, last, more=False)
