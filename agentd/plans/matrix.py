"""A matrix, spread out: every combination of its axes, less what is excluded, and what is included.

The rule this file keeps: as GitHub's documents say it. An included entry joins every combination of
which it changes nothing that the axes gave; where there is none it is a combination of its own.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from agentd.plans.builder import Builder
from agentd.plans.part import Part, decoded

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
    for values in product(*axes.values()) if axes else ():
        combination = dict(zip(axes, values, strict=True))
        if not any(_fits(combination, entry) for entry in exclude):
            found.append(combination)
        if len(found) > MOST_COMBINATIONS:
            return found
    given = [dict(each) for each in found]
    for entry in include[: MOST_COMBINATIONS + 1]:
        joined = [at for at, axes_of in enumerate(given) if _changes_nothing(axes_of, entry, axes)]
        for at in joined:
            found[at].update(entry)
        if not joined:
            found.append(dict(entry))
    return found


def _fits(combination: Mapping[str, Part], entry: Mapping[str, Part]) -> bool:
    return all(
        name in combination and decoded(combination[name]) == decoded(value)
        for name, value in entry.items()
    )


def _changes_nothing(
    combination: Mapping[str, Part], entry: Mapping[str, Part], axes: Mapping[str, Sequence[Part]]
) -> bool:
    """An entry that names no axis joins all of them."""
    return all(
        decoded(combination[name]) == decoded(value)
        for name, value in entry.items()
        if name in axes
    )


def add_combinations(
    builder: Builder,
    part: Part,
    key: str,
    needs: Sequence[str],
    payload: Mapping[str, Any],
    settings: Mapping[str, Any],
    combinations: Sequence[Combination] | None,
) -> None:
    """A node for each combination, or one where there is no matrix; `key` means all of them."""
    if combinations is None:
        builder.add(part, key, needs, payload, settings=settings)
        return
    keys = []
    for combination in combinations:
        keys.append(f"{key} ({_label(combination)})")
        matrix = {name: value.raw for name, value in combination.items()}
        builder.add(part, keys[-1], needs, {**payload, "matrix": matrix}, settings=settings)
    builder.groups[key] = keys or needs


def _label(combination: Mapping[str, Part]) -> str:
    """What tells a combination from others: `3.12, ubuntu-latest`."""
    return ", ".join(_short(value) for value in combination.values())


def _short(part: Part) -> str:
    words = part.text() if part.kind in ("a text", "a number") else part.shown()
    return words or ""
