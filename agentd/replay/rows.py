"""Rows as they are, beside rows as the journal says."""

from collections.abc import Iterator
from itertools import zip_longest

from msgspec import Struct
from msgspec.structs import asdict

from agentd.projections import NodeRow, Projection
from agentd.replay.difference import Difference
from agentd.store import Reader, Shadow


def compare(projection: Projection, shadow: Shadow, reader: Reader) -> Iterator[Difference]:
    """Walk both tables in the order of their keys."""
    folded, stored = shadow.rows(projection), reader.rows(projection)
    for expected, actual in zip_longest(folded, stored):
        if expected == actual:
            continue
        if expected is None or actual is None or _is_other(projection, expected, actual):
            yield from _one_too_many(projection, expected, actual)
            # One row too many or too few shifts all that follow: saying so once is enough.
            yield Difference(
                projection.name, "has other rows than the journal says; stopped comparing"
            )
            return
        yield from _differences(projection, expected, actual)


def _is_other(projection: Projection, expected: Struct, actual: Struct) -> bool:
    return projection.key_of(expected) != projection.key_of(actual)


def _one_too_many(
    projection: Projection, expected: Struct | None, actual: Struct | None
) -> Iterator[Difference]:
    """The row that one of the two tables has and the other has not: that with the lesser key."""
    if expected is not None and (actual is None or _comes_before(projection, expected, actual)):
        yield Difference(_name_of(projection, expected), "the row is missing")
    elif actual is not None:
        yield Difference(_name_of(projection, actual), "the journal knows no such row")


def _comes_before(projection: Projection, row: Struct, other: Struct) -> bool:
    """Whether its key is the lesser one: damage may have left a value of any type in a row."""
    one, two = (
        [(type(value).__name__, value) for value in projection.key_of(each)]
        for each in (row, other)
    )
    return one < two


def _differences(projection: Projection, expected: Struct, actual: Struct) -> Iterator[Difference]:
    where, before, now = _name_of(projection, expected), asdict(expected), asdict(actual)
    for name in before:
        if before[name] != now[name]:
            yield Difference(where, f"{name} is {now[name]!r}, the journal says {before[name]!r}")


def _name_of(projection: Projection, row: Struct) -> str:
    """What the row is called, and of which task it is."""
    name = f"{projection.name} {' '.join(map(str, projection.key_of(row)))}"
    return f"{name} (task {row.task_id})" if isinstance(row, NodeRow) else name
