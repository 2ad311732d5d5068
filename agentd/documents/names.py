"""What a node of a document is called: its name, its id, and what else others may call it by.

The rule this file keeps: the first of `name`, `id`, `key` and `title` that a node has is its name,
a number as the text that was written; a UUID in `id` is its id. Names are compared as they look:
composed (NFC), and two that differ in nothing that a reader sees are refused.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from agentd.documents.fields import Fields, json_kind, text_or_number
from agentd.documents.kinds import NAMES
from agentd.references import parse_id

_MOST_NAMED = 10
"""Nodes that are named where several have what each needs for itself."""


class Called(NamedTuple):
    """What a node is called. `also` are the texts in those fields that are not its name."""

    name: str | None
    node_id: str | None
    also: Sequence[str]


def read_called(fields: Fields, key: str | None) -> Called:
    """What a node is called; `key` is its name where it stands in a mapping of nodes.

    The fields that are not its name go along in its payload.
    """
    name = None if key is None else _check_name(fields, composed(key))
    named, node_id, also = key is not None, None, []
    for field in NAMES:
        if field not in fields:
            continue
        text = text_or_number(fields.raw(field, b"null"))
        if field == "id" and text is not None and (node_id := parse_id(text)) is not None:
            continue
        if not named:
            name, named = _read_name(fields, field, text), True
            continue
        if field == "name":
            _check_same(fields, name, text)
        else:
            fields.hand_on(field)
        also += [] if text is None else [composed(text)]
    return Called(name, node_id, also)


def _read_name(fields: Fields, field: str, text: str | None) -> str | None:
    if text is None:
        found = json_kind(fields.raw(field, b"null"))
        fields.place.fault(f"`{field}`: expected a text or a number, got {found}", field)
        return None
    return _check_name(fields, composed(text), field)


def _check_name(fields: Fields, name: str, *field: str) -> str | None:
    if name.strip() and parse_id(name) is None:
        return name
    what = f"`{field[0]}`" if field else "the name of a node"
    fields.place.fault(f"{what}: expected a word, neither empty nor a UUID", *field)
    return None


def _check_same(fields: Fields, name: str | None, text: str | None) -> None:
    """A node in a mapping may say its name once more, and no other."""
    if name is not None and (text is None or composed(text) != name):
        fields.place.fault(
            f"`name`: the node is {name!r} already, by its key; another name for people may stand "
            "in `title`",
            "name",
        )


def composed(text: str) -> str:
    """A name as it is written in one way only (NFC)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _fold(name: str) -> str:
    """A name as a reader sees it: without case and forms (NFKC)."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFKC", name).casefold()


def check_unique(nodes: Sequence[tuple[Fields, Called]]) -> None:
    """A name, or an id, that several nodes have is a fault; so are names that look the same."""
    by_name: dict[str, list[int]] = {}
    by_id: dict[str, list[int]] = {}
    for at, (_, called) in enumerate(nodes):
        if called.name is not None:
            by_name.setdefault(_fold(called.name), []).append(at)
        if called.node_id is not None:
            by_id.setdefault(called.node_id, []).append(at)
    for found in by_name.values():
        if len(found) > 1:
            _fault_twins(nodes, found)
    for node_id, found in by_id.items():
        if len(found) > 1:
            _fault(nodes, found, f"`id`: {node_id!r} is given to nodes {_numbers(found)}")


def _fault_twins(nodes: Sequence[tuple[Fields, Called]], found: Sequence[int]) -> None:
    names = [*dict.fromkeys(nodes[at][1].name for at in found)]
    if len(names) == 1:
        _fault(nodes, found, f"`name`: {names[0]!r} is given to nodes {_numbers(found)}")
        return
    told = ", ".join(f"{nodes[at][1].name!r} (#{at + 1})" for at in found[:_MOST_NAMED])
    _fault(nodes, found, f"`name`: {told} are taken for one another by readers")


def _fault(nodes: Sequence[tuple[Fields, Called]], found: Sequence[int], what: str) -> None:
    nodes[found[1]][0].place.fault(f"{what}; each needs one of its own")


def _numbers(found: Iterable[int]) -> str:
    numbers = [at + 1 for at in found]
    more = f" and {len(numbers) - _MOST_NAMED:,} more" if len(numbers) > _MOST_NAMED else ""
    return ", ".join(f"#{number}" for number in numbers[:_MOST_NAMED]) + more
