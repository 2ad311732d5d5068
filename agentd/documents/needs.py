"""What the nodes of a document depend on: names as they were written, and whom they mean.

The rule this file keeps: a node is meant by its name, or its id, or what else it is called where no
other node is called so. What names none is a fault, with what was probably meant.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from agentd.documents.fields import Fields, json_kind, text_or_number
from agentd.documents.kinds import DEPENDENCIES, LEADS, WAITS
from agentd.documents.names import composed
from agentd.documents.spelling import plain
from agentd.references import parse_id
from agentd.suggestion import closest_name

_EXPECTED = "a list of names or ids"
_MOST_NAMED = 10
"""Names that are listed where none was meant."""


class Nodes(NamedTuple):
    """The nodes of a document, by what they are called: each with its id.

    `also` are those fields that are not their names, and `others` all that goes along with them.
    Where they join a task, what names none of them is for the daemon to find (`join`).
    """

    by_name: Mapping[str, str]
    also: Mapping[str, Collection[str]]
    ids: Collection[str]
    others: Sequence[Fields]
    join: bool = False

    def find(self, need: str) -> str | None:
        """The node that is meant; None where there is none, or several are."""
        if (found := self.by_name.get(need) or parse_id(need)) is not None:
            return found if found in self.ids else None
        called = self.also.get(need, ())
        return next(iter(called)) if len(called) == 1 else None


def read_needs(fields: Fields, names: Sequence[str] = DEPENDENCIES) -> tuple[str, list[str]]:
    """Under which of the names the other nodes are given, and what they say."""
    field = fields.which(*names)
    written = fields.raw(field, b"[]")
    if (alone := text_or_number(written)) is not None:
        return field, [composed(alone)] if alone.strip() else []
    needs = []
    for at, each in enumerate(fields.get(field, list[msgspec.Raw], _EXPECTED, [])):
        if (text := text_or_number(each)) is not None:
            needs.append(composed(text))
        else:
            found = json_kind(each)
            fields.place.fault(f"`{field}`: expected {_EXPECTED}, {found} in it", field, at)
    return field, needs


def needed_ids(
    fields: Fields, node_id: str, field: str, needs: Sequence[str], nodes: Nodes
) -> list[str]:
    """The ids of what a node depends on. What names no node, or itself, is a fault."""
    found = []
    for need in needs:
        other = nodes.find(need)
        if other == node_id:
            fields.place.fault(f"`{field}`: it depends on itself", field)
        elif other is not None:
            found.append(other)
        elif nodes.join and len(nodes.also.get(need, ())) <= 1:
            found.append(parse_id(need) or need)
        else:
            fields.place.fault(f"`{field}`: {_no_node(fields, need, nodes)}", field)
    _check_words(fields, node_id, nodes)
    return found


def _no_node(fields: Fields, need: str, nodes: Nodes) -> str:
    if len(nodes.also.get(need, ())) > 1:
        return f"several nodes are called {need!r}: give the name, or the id, of one"
    what = "has the id" if parse_id(need) else "is named"
    return f"no node {what} {need!r}; {_hint(fields, need, nodes)}"


def _hint(fields: Fields, need: str, nodes: Nodes) -> str:
    names = [*nodes.by_name]
    if not fields.place.faults.are_many:  # else it is not worth a search
        parts = [part.strip() for part in need.split(",")]
        if len(parts) > 1 and all(map(nodes.find, parts)):
            return f"did you mean the list [{', '.join(parts)}]?"
        if meant := closest_name(need, names):
            return f"did you mean `{meant}`?"
        if field := next(_fields_with(need, nodes), None):
            return f"one has it as its `{field}`, which is no name: write it as `name`"
    some = ", ".join(names[:_MOST_NAMED]) + (", ..." if len(names) > _MOST_NAMED else "")
    return f"names there are: {some or 'none'}"


def _fields_with(need: str, nodes: Nodes) -> Iterator[str]:
    """The fields that go along with nodes and hold this text, such as a `task_id`."""
    for fields in nodes.others:
        for name, value in fields.others.items():
            if text_or_number(value) == need:
                yield name


def _check_words(fields: Fields, node_id: str, nodes: Nodes) -> None:
    """What is called otherwise in other plans, and names nodes, is no mere text: order was meant.

    Said under the payload it is.
    """
    for name, value in fields.others.items():
        letters = plain(name)
        if letters not in WAITS and letters not in LEADS:
            continue
        named = [
            each for each in _texts(value) if nodes.find(composed(each)) not in (None, node_id)
        ]
        if named and letters in WAITS:
            advice = f"did you mean `{WAITS[letters]}`?"
        elif named:
            advice = f"did you mean `dependencies` of {named[0]!r}, on this one?"
        else:
            continue
        told = f"there is no field `{name}`: {advice} (else put it under `payload`)"
        fields.place.fault(told, name)


def _texts(written: msgspec.Raw) -> list[str]:
    parts = (
        msgspec.json.decode(written, type=list[msgspec.Raw])
        if json_kind(written) == "a list"
        else [written]
    )
    return [text for text in map(text_or_number, parts) if text is not None]
