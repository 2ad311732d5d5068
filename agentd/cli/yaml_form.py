"""A document in YAML, as the JSON that it stands for.

The rule this file keeps: nothing is changed in silence. `true`, `false`, `null` and numbers as JSON
writes them are what they look like; all else is the text that was written, dates, times and `no`
among them. A key that is given twice and a number that JSON does not have are refused, with their
line; so is a document that grows beyond all measure when its aliases are written out.
"""

import math
import re
from typing import Any, cast

import msgspec
import yaml

from agentd.cli.fields import BadDocument

_TAG = "tag:yaml.org,2002:"

_DEEPEST = 200
"""More than the daemon takes in any case."""

_LARGEST = 16 * 1024 * 1024
"""Characters with every alias written out: sixteen times what the daemon takes."""

_RESOLVERS = (
    ("null", r"~|null|Null|NULL|", [*"~nN", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("int", r"-?(?:0|[1-9][0-9]*)", [*"-0123456789"]),
    (
        "float",
        r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        [*"-+.0123456789"],
    ),
    ("merge", "<<", ["<"]),
)
"""What is no text although nobody put it in quotes, and the characters that it begins with."""

_Fastest: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""A document of 10,000 nodes takes seconds without libyaml, which some builds lack."""


class _Loader(_Fastest):  # type: ignore[misc] # one of two
    """Safe YAML that stands for JSON."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - as in the class it replaces
    yaml_constructors = {  # noqa: RUF012 - the same
        tag: made
        for tag, made in yaml.SafeLoader.yaml_constructors.items()
        if tag in (None, *(_TAG + name for name in ("null", "str", "seq", "map")))
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._checked: set[yaml.Node] = set()

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Take in what is merged: after that a key may stand in the mapping twice."""
        if node not in self._checked:
            self._checked.add(node)
            _check_keys(node)
        super().flatten_mapping(node)

    def construct_number(self, node: yaml.ScalarNode) -> msgspec.Raw:
        """A number that JSON has, as it was written."""
        try:
            number = msgspec.json.decode(node.value, type=float)
        except msgspec.MsgspecError:
            number = math.nan
        if not math.isfinite(number):
            raise _refused(f"{node.value} is no number in JSON", node.start_mark)
        return msgspec.Raw(node.value.encode())

    def construct_truth(self, node: yaml.ScalarNode) -> bool:
        """True or false, of what has a tag that says so."""
        if node.value.lower() not in ("true", "false"):
            raise _refused(f"{node.value} is neither true nor false", node.start_mark)
        return bool(node.value.lower() == "true")


for _name, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern})\Z"), _first)
for _name in ("int", "float"):
    _Loader.add_constructor(_TAG + _name, _Loader.construct_number)
_Loader.add_constructor(_TAG + "bool", _Loader.construct_truth)


def _check_keys(mapping: yaml.MappingNode) -> None:
    """Refuse keys that are no text or are given twice; others are the text that was written."""
    seen = set()
    for key, _ in mapping.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _refused("a key is a text in JSON, no list and no mapping", key.start_mark)
        if key.value in seen:
            raise _refused(f"the key {key.value!r} is given twice", key.start_mark)
        seen.add(key.value)
        if key.tag != _TAG + "merge":
            key.tag = _TAG + "str"


def _check_size(text: str) -> None:
    """Refuse what takes all of the stack (depth) or of the memory (aliases of aliases)."""
    size = 0
    sizes: dict[str | None, int] = {}  # of what has an anchor
    within: list[tuple[str | None, int]] = []  # the anchor, and the size before it
    for event in yaml.parse(text, _Loader):
        size += 1
        if isinstance(event, yaml.CollectionStartEvent):
            within.append((event.anchor, size))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = within.pop()
            sizes[anchor] = size - before
        elif isinstance(event, yaml.ScalarEvent):
            size += len(event.value)
            sizes[event.anchor] = len(event.value)
        elif isinstance(event, yaml.AliasEvent):
            size += sizes.get(event.anchor, 0)
        mark = cast("yaml.error.Mark", event.start_mark)
        if len(within) > _DEEPEST:
            raise _refused(f"nested more than {_DEEPEST} deep", mark)
        if size > _LARGEST:
            raise _refused("with every alias written out it is too large", mark)


def _refused(problem: str, mark: yaml.error.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def as_json(text: str, source: str) -> bytes:
    """The same document in JSON. Raises `BadDocument`, with the line where it is known."""
    try:
        _check_size(text)
        return msgspec.json.encode(yaml.load(text, _Loader))  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise BadDocument(f"{source} is not valid YAML: {place}{error.problem}") from error
    except yaml.YAMLError as error:
        raise BadDocument(f"{source} is not valid YAML: {error}") from error
    except (RecursionError, TypeError, ValueError) as error:
        raise BadDocument(f"{source} is more than JSON can say: {error}") from error
