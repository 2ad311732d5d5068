"""Which known field was meant by a name that is almost its own.

The rule this file keeps: a slip of the hand is told, and a word of somebody's own is left alone. So
the shorter a field, the less a name may differ from it: `nmae` is `name` and `date` is no `gate`.
"""

from functools import lru_cache

_MOST_COMPARED = 40
"""Characters: a name that is longer is no field with a slip in it."""

_SHORT, _LONG = 6, 8
"""Letters of a field from which on one may be another, and from which on two may be wrong."""

OWN_WORDS = frozenset({"required"})
"""Words that plans use for themselves, however near they come to a field."""


@lru_cache(maxsize=1024)  # the nodes of a plan have the same fields
def plain(name: str) -> str:
    """A name without its case and what parts its words: `dependsOn` is `depends_on`."""
    return name.replace("_", "").replace("-", "").replace(" ", "").casefold()


@lru_cache(maxsize=1024)
def nearest_field(name: str, fields: tuple[str, ...]) -> str | None:
    """The field that was probably meant; None for a word that is none of them."""
    letters = plain(name[:_MOST_COMPARED])
    if letters in OWN_WORDS:
        return None
    found: tuple[int, str] | None = None
    for field in fields:
        distance = _distance(letters, plain(field))
        if distance is not None and (found is None or distance < found[0]):
            found = distance, field
    return found and found[1]


def _distance(name: str, field: str) -> int | None:
    """In how many places they differ; None where that is too many for a slip."""
    if name == field:
        return 0
    most = 2 if len(field) >= _LONG else 1
    if len(field) <= len("key") or abs(len(name) - len(field)) > most:
        return None
    if len(field) < _LONG and name[:1] != field[:1]:
        return None
    if len(field) < _SHORT and len(name) == len(field) and sorted(name) != sorted(field):
        return None
    steps = _steps(name, field)
    return steps if steps <= most else None


def _steps(one: str, other: str) -> int:
    """Letters to be put in, left out, changed, or swapped with their neighbour."""
    before: list[int] = []
    last: list[int] = [*range(len(other) + 1)]
    for row, letter in enumerate(one):
        now = [row + 1]
        for column, its in enumerate(other):
            best = min(last[column] + (letter != its), last[column + 1] + 1, now[column] + 1)
            if row and column and letter == other[column - 1] and its == one[row - 1]:
                best = min(best, before[column - 1] + 1)
            now.append(best)
        before, last = last, now
    return last[-1]
