"""A matrix, spread out: every combination of its axes, less what is excluded, and what is included.

The rule this file keeps: as GitHub's documents say it. An included entry joins every combination of
which it changes nothing that the axes gave; where there is none it is a combination of its own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from agentd.plans.builder import Builder
from agentd.plans.matrix_entry import comparable, fits
from agentd.plans.part import Part

MOST_COMBINATIONS = 256
"""GitHub's bound, and Tekton's."""

_MOST_TRIED = 65_536
"""Combinations that are looked at: who excludes more than that did not mean it."""

Combination = dict[str, Part]


def combine(
    axes: Mapping[str, Sequence[Part]],
    exclude: Sequence[Mapping[str, Part]],
    include: Sequence[Mapping[str, Part]],
) -> list[Combination]:
    """The combinations in their order, at most one more than there may be.

    Raises `ValueError` where there are too many to look at.
    """
    if prod(map(len, axes.values())) > _MOST_TRIED:
        raise ValueError(f"it has more than {_MOST_TRIED:,} combinations before any is excluded")
    found: list[Combination] = []
    given: list[Mapping[str, object]] = []
    unwanted = [_values(entry) for entry in exclude]
    pairs = [[(part, comparable(part)) for part in axis] for axis in axes.values()]
    for chosen in product(*pairs) if axes else ():
        values = dict(zip(axes, (value for _, value in chosen), strict=True))
        if not any(fits(values, entry) for entry in unwanted):
            found.append(dict(zip(axes, (part for part, _ in chosen), strict=True)))
            given.append(values)
        if len(found) > MOST_COMBINATIONS:
            return found
    for entry in include[: MOST_COMBINATIONS + 1]:
        named = {name: value for name, value in _values(entry).items() if name in axes}
        joined = [at for at, values in enumerate(given) if fits(values, named)]
        for at in joined:  # an entry that names no axis joins all of them
            found[at].update((name, part) for name, part in entry.items() if name not in axes)
        if not joined:
            found.append(dict(entry))
    return found


def _values(entry: Mapping[str, Part]) -> Mapping[str, object]:
    return {name: comparable(part) for name, part in entry.items()}


def add_combinations(
    builder: Builder,
    part: Part,
    key: str,
    needs: Sequence[str],
    payload: Mapping[str, Any],
    settings: Callable[[Combination], Mapping[str, Any]],
    combinations: Sequence[Combination] | None,
) -> None:
    """A node for each combination, or one where there is no matrix; `key` means all of them."""
    if combinations is None:
        builder.add(part, key, needs, payload, settings=settings({}))
        return
    keys: dict[str, None] = {}
    for combination in combinations:
        own = _own_key(key, combination, keys)
        keys.setdefault(own)
        matrix = {name: value.raw for name, value in combination.items()}
        told = {**payload, "matrix": matrix}
        builder.add(part, own, needs, told, settings=settings(combination))
    if not keys:
        builder.note(part, f"{key}: its matrix is empty, and so there is no node")
    builder.groups[key] = [*keys] or needs


def _own_key(key: str, combination: Combination, taken: Mapping[str, None]) -> str:
    """`test (ubuntu-latest, 3.12)`; what would be called alike is numbered."""
    words = [word for value in combination.values() for word in _words(value)]
    own = f"{key} ({', '.join(words)})" if words else f"{key} (1)"
    found, number = own, 1
    while found in taken:
        number += 1
        found = f"{own} ({number})" if words else f"{key} ({number})"
    return found


def _words(part: Part) -> Iterator[str]:
    """What a value says: of a list or an object all that stands in it, of nothing nothing."""
    match part.kind:
        case "a list":
            within = part.items()
        case "an object":
            within = [*part.fields().values()]
        case "a text" | "a number":
            yield from filter(None, [part.text()])
            return
        case "null":
            return
        case _:
            yield part.shown()
            return
    for each in within:
        yield from _words(each)
