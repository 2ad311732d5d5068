"""A document in YAML, as the JSON that it stands for.

The rule this file keeps: nothing is changed in silence. A date stays the text that was written, a
key that is given twice and a number that JSON does not have are refused, with their line.
"""

import math
from typing import Any, cast

import msgspec
import yaml

from agentd.cli.fields import BadDocument

_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_FLOAT = "tag:yaml.org,2002:float"

_DEEPEST = 200
"""More than the daemon takes in any case."""

_Fastest: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""A document of 10,000 nodes takes seconds without libyaml, which some builds lack."""


class _Loader(_Fastest):  # type: ignore[misc] # one of two
    """Safe YAML, without dates."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the class that it replaces has it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - as inherited
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is given twice", key.start_mark
                )
            seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping

    def construct_number(self, node: yaml.ScalarNode) -> float:
        """A number that JSON has."""
        number: float = self.construct_yaml_float(node)
        if not math.isfinite(number):
            raise yaml.constructor.ConstructorError(
                None, None, f"{node.value} is no number in JSON", node.start_mark
            )
        return number


_Loader.add_constructor(_FLOAT, _Loader.construct_number)


def _check_depth(text: str) -> None:
    """Refuse what libyaml would follow down until the process is out of stack."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise yaml.MarkedYAMLError(
                problem=f"nested more than {_DEEPEST} deep",
                problem_mark=cast("yaml.error.Mark", event.start_mark),
            )


def as_json(text: str, source: str) -> bytes:
    """The same document in JSON. Raises `BadDocument`, with the line where it is known."""
    try:
        _check_depth(text)
        return msgspec.json.encode(yaml.load(text, _Loader))  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise BadDocument(f"{source} is not valid YAML: {place}{error.problem}") from error
    except yaml.YAMLError as error:
        raise BadDocument(f"{source} is not valid YAML: {error}") from error
    except (RecursionError, TypeError, ValueError) as error:
        raise BadDocument(f"{source} is more than JSON can say: {error}") from error
