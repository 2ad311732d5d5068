"""A document in YAML, as the JSON that it stands for.

The rule this file keeps: nothing is changed in silence, and what a document means is said here. Of
the library only the events are taken, which follow the text: what is merged, what an alias stands
for and what a scalar is (`yaml_scalar`) are ours, so that another version of the library gives no
document another meaning. A key or an anchor that is given twice is a fault, with its line, and
reading goes on; a document that grows beyond all measure when its aliases are written out is not
read to its end.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import yaml

from agentd.documents.faults import BadDocument, DocumentText, Fault, Path
from agentd.documents.yaml_scalar import scalar_value, unknown_tag_error, yaml_error

_DEEPEST = 200
"""More than the daemon takes in any case."""

_LARGEST = 16 * 1024 * 1024
"""Characters with every alias written out: sixteen times what the daemon takes."""

_MERGE = "<<"
"""The key that takes in other mappings (https://yaml.org/type/merge.html)."""

_COLLECTIONS = {
    yaml.SequenceStartEvent: (None, "!", "tag:yaml.org,2002:seq"),
    yaml.MappingStartEvent: (None, "!", "tag:yaml.org,2002:map"),
}

_Fastest: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""A document of 10,000 nodes takes seconds without libyaml, which some builds lack."""


class _Part(NamedTuple):
    """A part of the document.

    `json` is what msgspec encodes, `key` what it is as a key: a scalar as it was written. `below`
    has the lines and the parts of a collection, by key or number. `size` is in characters, `depth`
    in collections, both with every alias written out.
    """

    json: Any
    key: str | None = None
    below: "Mapping[str | int, tuple[int, _Part]]" = MappingProxyType({})
    depth: int = 0
    size: int = 0


class _Composer:
    """Makes parts of events."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[Any] = yaml.parse(text, _Fastest)
        self._anchors: dict[str, _Part | None] = {}  # None before the end of what it names
        self._size = 0
        self.faults: list[Fault] = []

    def document(self) -> _Part:
        """The one document that there is; null where there is none."""
        whole = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if whole is not None:
                    raise yaml_error("a second document begins: each file has one", event)
                whole = self._part(next(self._events), 0)
        return whole or _Part(None)

    def documents(self) -> _Part:
        """All documents that there are, as one list."""
        below: dict[str | int, tuple[int, _Part]] = {}
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors.clear()  # each document has its own
                first = next(self._events)
                below[len(below)] = _line(first), self._part(first, 1)
        return _Part([part.json for _, part in below.values()], None, below)

    def _part(self, event: Any, depth: int) -> _Part:
        before = self._size
        self._grow(1 + len(getattr(event, "value", "")), event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        self._name(event)
        if isinstance(event, yaml.ScalarEvent):
            part = self._scalar(event)
        else:
            part = self._collection(event, depth + 1)
        part = part._replace(size=self._size - before)
        if event.anchor is not None:
            self._anchors[event.anchor] = part
        return part

    def _grow(self, size: int, event: Any) -> None:
        self._size += size
        if self._size > _LARGEST:
            raise yaml_error("with every alias written out it is too large", event)

    def _keep(self, error: yaml.MarkedYAMLError) -> None:
        """A fault behind which the document can be read on."""
        mark: Any = error.problem_mark
        self.faults.append((mark.line + 1, f", column {mark.column + 1}: {error.problem}"))

    def _scalar(self, event: Any) -> _Part:
        try:
            return _Part(scalar_value(event), event.value)
        except yaml.MarkedYAMLError as error:
            self._keep(error)
            return _Part("", event.value)

    def _name(self, event: Any) -> None:
        if event.anchor in self._anchors:
            self._keep(yaml_error(f"the anchor &{event.anchor} is given twice", event))
        if event.anchor is not None:
            self._anchors[event.anchor] = None

    def _alias(self, event: Any, depth: int) -> _Part:
        part = self._anchors.get(event.anchor)
        if part is None:
            within = event.anchor in self._anchors
            told = (
                "within what it stands for" if within else f"for nothing: no &{event.anchor} above"
            )
            self._keep(yaml_error(f"*{event.anchor} stands {told}", event))
            return _Part(None)
        _check_depth(depth + part.depth, event)
        self._grow(part.size, event)
        return part

    def _collection(self, event: Any, depth: int) -> _Part:
        _check_depth(depth, event)
        if event.tag not in _COLLECTIONS[type(event)]:
            self._keep(unknown_tag_error(event))
        is_list = isinstance(event, yaml.SequenceStartEvent)
        below = self._items(depth) if is_list else self._pairs(depth)
        values = {key: part.json for key, (_, part) in below.items()}
        deepest = max((part.depth for _, part in below.values()), default=0)
        return _Part([*values.values()] if is_list else values, None, below, deepest + 1)

    def _items(self, depth: int) -> dict[str | int, tuple[int, _Part]]:
        return {
            number: (_line(event), self._part(event, depth))
            for number, event in enumerate(self._until(yaml.SequenceEndEvent))
        }

    def _pairs(self, depth: int) -> dict[str | int, tuple[int, _Part]]:
        """The keys of a mapping. What is merged stands where `<<` does, and yields to the rest."""
        own: set[str | None] = set()  # None for what is merged
        pairs: dict[str | int, tuple[int, _Part]] = {}
        for event in self._until(yaml.MappingEndEvent):
            key = self._key(event, depth)
            if key in own:
                named = _MERGE if key is None else key
                self._keep(yaml_error(f"the key {named!r} is given twice", event))
            own.add(key)
            value = self._part(next(self._events), depth)
            if key is None:
                self._merge(pairs, value, event)
            else:
                pairs[key] = _line(event), value
        return pairs

    def _merge(self, pairs: dict[str | int, tuple[int, _Part]], value: _Part, event: Any) -> None:
        """Take in what `<<` does; of a list of mappings the first that has a key wins."""
        is_list = type(value.json) is list
        for part in [part for _, part in value.below.values()] if is_list else [value]:
            if type(part.json) is not dict:
                told = "`<<` takes in a mapping, or a list of mappings"
                self._keep(yaml_error(told, event))
                return
            for key, found in part.below.items():
                pairs.setdefault(key, found)

    def _key(self, event: Any, depth: int) -> str | None:
        """The text that was written, whatever it looks like; None for the key that merges."""
        if isinstance(event, yaml.ScalarEvent) and event.tag is None and event.anchor is None:
            self._grow(1 + len(event.value), event)
            return None if event.value == _MERGE and not event.style else str(event.value)
        key = self._part(event, depth).key
        if key is None:
            self._keep(yaml_error("a key is a text in JSON, no list and no mapping", event))
        return key or ""

    def _until(self, end: type) -> Iterator[Any]:
        for event in self._events:
            if isinstance(event, end):
                return
            yield event


def _check_depth(depth: int, event: Any) -> None:
    if depth > _DEEPEST:
        raise yaml_error(f"nested more than {_DEEPEST} deep", event)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _line_of(part: _Part, path: Path) -> int:
    """The line of what stands at a path, or of the last before it that is there."""
    line = 1
    for step in path:
        if step not in part.below:
            break
        line, part = part.below[step]
    return line


def parse_yaml(text: str, source: str) -> DocumentText:
    """The same document in JSON. Raises `BadDocument`, with the line where it is known."""
    return _parse(text, source, _Composer.document)


def parse_yaml_stream(text: str, source: str) -> DocumentText:
    """The same with all documents of the file, in a list."""
    return _parse(text, source, _Composer.documents)


def _parse(text: str, source: str, compose: Callable[[_Composer], _Part]) -> DocumentText:
    try:
        composer = _Composer(text)
        whole = compose(composer)
        encoded = msgspec.json.encode(whole.json)
        return DocumentText(encoded, lambda path: _line_of(whole, path), composer.faults)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise BadDocument(f"{source} is not valid YAML: {place}{error.problem}") from error
    except yaml.YAMLError as error:
        raise BadDocument(f"{source} is not valid YAML: {error}") from error
    except (RecursionError, ValueError) as error:
        raise BadDocument(f"{source} is more than JSON can say: {error}") from error
