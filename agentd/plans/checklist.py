"""A checklist in Markdown: the items of its lists that have a box.

The rule this file keeps: an item waits for those that are nested below it, and for no other; a box
that is ticked is done. The first heading is the goal, the headings above an item are its section.
Anything that is no item is text for people, and stays where it is; a box in it is told.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from markdown_it import MarkdownIt
from markdown_it.token import Token

from agentd.documents.faults import BadDocument, DocumentText, Place
from agentd.plans.boxes import NO_ITEM, find_boxes
from agentd.plans.builder import Builder, Done
from agentd.plans.inline import plain
from agentd.plans.names import cut
from agentd.plans.part import Part
from agentd.plans.plan import NotTaken, Plan

_BOX = re.compile(
    r"(?:\[[ \t]?(.?)[ \t]?\](?:[ \t]+|$)"
    r"|\[([ xX])\](?![\s(\[:]))"  # the blank behind it is forgotten often
    r"(.*)",
    re.DOTALL,
)
_DONE = ("x", "X")
_EXPORTED = re.compile(r"^[A-Z]+, registered \S+, task [0-9a-f-]{36}$", re.MULTILINE)
"""What `agentd task export --form markdown` writes below the goal."""

_FRONT_MATTER = re.compile(
    r"---[ \t]*\n(?=\s*[\w-]+[ \t]*:).*?\n(?:---|\.\.\.)[ \t]*(?:\n|$)", re.DOTALL
)
_EVER_DEEPER = 10**9
"""Levels that the library takes: beyond its own bound it would leave out what is there."""


@dataclass(slots=True)
class _Item:
    """An item with a box: where it stands, what it says, and what is nested below it."""

    line: int
    mark: str
    text: str
    section: tuple[str, ...]
    more: list[str] = field(default_factory=list)
    below: list["_Item"] = field(default_factory=list)


def read_checklist(source: str, text: str) -> Plan:
    """The plan of a checklist. Raises `BadDocument`."""
    text = _without_front_matter(text)
    try:
        tokens = _parser().parse(text)
    except RecursionError as error:
        raise BadDocument(f"{source} is nested too deeply") from error
    reader = _Reader()
    reader.read(tokens)
    items = [*_in_order(reader.items)]
    written = DocumentText(b"[]", lambda path: items[int(path[0])].line if path else 1)
    builder = Builder("markdown", source, written)
    overlooked = [*find_boxes(tokens)]
    if not items:
        _fault_empty(builder, overlooked)
    builder.not_taken.extend(NotTaken(line, "the text", NO_ITEM) for line in overlooked)
    keys = _keys(items)
    for at, item in enumerate(items):
        _add(builder, at, item, keys)
    if (exported := _EXPORTED.search(text)) is not None:
        builder.not_taken.append(_as_text(text.count("\n", 0, exported.start()) + 1))
    return builder.plan(reader.goal or "", {})


def _without_front_matter(text: str) -> str:
    """What some tools write in front of a text; its lines are still counted."""
    normal = text.replace("\r\n", "\n").replace("\r", "\n")
    found = _FRONT_MATTER.match(normal)
    return normal if found is None else "\n" * found[0].count("\n") + normal[found.end() :]


def _fault_empty(builder: Builder, overlooked: Sequence[int]) -> None:
    told = "there is no item with a box, such as `- [ ] write the tests`"
    if overlooked:
        told += f"; the one on line {overlooked[0]} is no item of a list"
    builder.root.fault(told)


def _as_text(line: int) -> NotTaken:
    """A task that was exported to be read: an order is written in it, and is no nesting."""
    why = (
        "it was exported to be read: what its nodes wait for, their settings and results are text "
        "here; what `agentd task export` writes without `--form` comes back whole"
    )
    return NotTaken(line, "the task", why)


def _parser() -> MarkdownIt:
    """Reads blocks alone: what stands within a line stays as it was written."""
    options = {"maxNesting": _EVER_DEEPER}
    return MarkdownIt("commonmark", options).disable(["inline", "text_join"], ignoreInvalid=True)


class _Reader:
    """Goes through the blocks of a document; `_open` are the list items that stand open."""

    def __init__(self) -> None:
        self.goal: str | None = None
        self.items: list[_Item] = []
        self._headings: list[tuple[int, str]] = []
        self._open: list[_Item | None] = []
        self._heading = 0

    def read(self, tokens: Sequence[Token]) -> None:
        """Find the items, and the goal."""
        first = False  # whether the next text is the first one of a list item
        for token in tokens:
            match token.type:
                case "heading_open":
                    self._heading = int(token.tag[1:])
                case "list_item_open":
                    self._open.append(None)
                    first = True
                case "list_item_close":
                    self._open.pop()
                    first = False  # it may have been empty
                case "inline" if self._heading:
                    self._take_heading(token.content)
                case "inline" if first:
                    self._take_item(token)
                    first = False
                case "inline" | "fence" | "code_block":
                    self._take_more(token)

    def _take_heading(self, text: str) -> None:
        level, self._heading = self._heading, 0
        if self.goal is None and level == 1:
            self.goal = plain(text)
            return
        self._headings = [each for each in self._headings if each[0] < level]
        self._headings.append((level, text))

    def _take_item(self, token: Token) -> None:
        found = _BOX.fullmatch(token.content)
        if found is None or not found[3].strip():
            self._take_more(token)  # an item without a box tells of the one that it is below
            return
        text, _, more = found[3].strip().partition("\n")
        text = text.replace("\t", " ")  # a name has no tabs
        section = tuple(heading for _, heading in self._headings)
        mark = found[1] or found[2] or " "
        item = _Item((token.map or [0])[0] + 1, mark, text.strip(), section)
        if more:
            item.more.append("\n".join(line.strip() for line in more.split("\n")))
        above = next((each for each in reversed(self._open[:-1]) if each is not None), None)
        (self.items if above is None else above.below).append(item)
        self._open[-1] = item

    def _take_more(self, token: Token) -> None:
        """Text below the first line of an item is what there is to know about it."""
        about = next((each for each in reversed(self._open) if each is not None), None)
        if about is not None:
            about.more.append(token.content.rstrip("\n"))


def _in_order(items: Sequence[_Item]) -> list[_Item]:
    """The items as they stand in the text, the nested ones behind what they are below."""
    found, waiting = [], [*reversed(items)]
    while waiting:
        item = waiting.pop()
        found.append(item)
        waiting.extend(reversed(item.below))
    return found


def _keys(items: Sequence[_Item]) -> Mapping[int, str]:
    """What each item is called, by its `id`: its words, numbered where several say the same."""
    counts: dict[str, int] = {}
    words = {id(item): plain(item.text) for item in items}
    taken = {cut(each) for each in words.values()}
    found = {}
    for item in items:
        text = words[id(item)]
        name = cut(text)
        counts[name] = counts.get(name, 0) + 1
        while counts[name] > 1 and (numbered := cut(f"{text} ({counts[name]})")) in taken:
            counts[name] += 1
        found[id(item)] = name if counts[name] == 1 else numbered
        taken.add(found[id(item)])
    return found


def _add(builder: Builder, at: int, item: _Item, keys: Mapping[int, str]) -> None:
    part = Part(Place(builder.faults, (at,)), msgspec.Raw(b"null"))
    payload: dict[str, Any] = {"title": item.text}
    if item.section:
        payload["section"] = " / ".join(item.section)
    if item.more:
        payload["description"] = "\n\n".join(item.more)
    if item.mark not in (*_DONE, " "):
        told = f"the mark [{item.mark}] is neither done nor open: it is PENDING"
        builder.not_taken.append(NotTaken(item.line, "the item", told))
    needs = [keys[id(each)] for each in item.below]
    done = Done("COMPLETED", None, None) if item.mark in _DONE else None
    builder.add(part, keys[id(item)], needs, payload, done=done)
