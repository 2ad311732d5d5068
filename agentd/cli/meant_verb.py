"""Which verb was meant by one that there is not.

The rule this file keeps: a suggestion can be typed as it stands, group and verb.
"""

from collections.abc import Mapping, Sequence

from agentd.suggestion import closest_name

Table = Mapping[str, Sequence[str]]
"""The verbs, and under each the verbs below it, where it is a group."""

_MOST = 3
"""Suggestions; more would be a list to be read."""


def meant_verbs(group: str, word: str, behind: Sequence[str], table: Table) -> list[str]:
    """What may have been meant by a word that stands where a verb should, best guess first.

    `group` is what stands before it, if anything does, `behind` what comes after it.
    """
    found = _everywhere(word, table)
    if group:
        found += _guess_below(group, word, table)
    elif not found:
        found = _guess(word, behind, table)
    named = behind[0].removesuffix("s") if behind else ""
    found.sort(key=lambda each: each.split()[0] != named)  # `list tasks` is `task list`
    return [*dict.fromkeys(found)][:_MOST]


def _guess(word: str, behind: Sequence[str], table: Table) -> list[str]:
    below = {verb for verbs in table.values() for verb in verbs}
    name = closest_name(word, sorted({*table, *below}))
    if name is None:
        return []
    return [_with_verb(name, behind, table[name])] if name in table else _everywhere(name, table)


def _guess_below(group: str, word: str, table: Table) -> list[str]:
    verb = closest_name(word, table[group])
    return [] if verb is None else [f"{group} {verb}"]


def _everywhere(word: str, table: Table) -> list[str]:
    """The verbs of that name, of whatever group, and that of none."""
    below = [f"{group} {word}" for group, verbs in table.items() if word in verbs]
    return [word, *below] if word in table else below


def _with_verb(name: str, behind: Sequence[str], verbs: Sequence[str]) -> str:
    """A group with the verb that stands behind it, however it is spelled."""
    verb = closest_name(behind[0], verbs) if behind and verbs else None
    return name if verb is None else f"{name} {verb}"
