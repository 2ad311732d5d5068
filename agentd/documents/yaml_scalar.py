"""What one scalar of a YAML document means in JSON.

The rule this file keeps: `true`, `false`, `null` and numbers as JSON writes them are what they look
like, and a number keeps its digits; all else is the text that was written, dates, times and `no`
among them. A tag may ask for the same five types and for nothing else.
"""

import re
from typing import Any

import msgspec
import yaml

_TAG = "tag:yaml.org,2002:"

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?\Z")
_NO_NUMBER = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
"""What YAML takes for a number, and JSON has no word for."""


def scalar_value(event: Any) -> Any:
    """The value of a scalar event, a number as `msgspec.Raw`. Raises `MarkedYAMLError`."""
    tag, words = event.tag, event.value
    if tag is None and not event.style:  # neither a tag nor quotes
        return _plain_value(event)
    match (tag or "!").removeprefix(_TAG):
        case "!" | "str":
            return _check_text(event)
        case "int" | "float" if _NUMBER.match(words):
            return msgspec.Raw(words.encode())
        case "int" | "float":
            raise yaml_error(f"{words} is no number in JSON", event)
        case "bool" if _WORDS.get(words) is not None:
            return _WORDS[words]
        case "bool":
            raise yaml_error(f"{words} is neither true nor false", event)
        case "null" if words in _WORDS and _WORDS[words] is None:
            return None
        case "null":
            raise yaml_error(f"{words} is not null", event)
    raise unknown_tag_error(event)


def _plain_value(event: Any) -> Any:
    words = event.value
    if words in _WORDS:
        return _WORDS[words]
    if _NUMBER.match(words):
        return msgspec.Raw(words.encode())
    if _NO_NUMBER.match(words):
        raise yaml_error(f"{words} is no number in JSON; in quotes it is a text", event)
    return _check_text(event)


def _check_text(event: Any) -> str:
    try:
        event.value.encode()
    except UnicodeEncodeError as error:
        raise yaml_error("half of a surrogate pair is no text", event) from error
    return str(event.value)


def unknown_tag_error(event: Any) -> yaml.MarkedYAMLError:
    """The refusal of a tag that JSON has no type for."""
    tag = event.tag.replace(_TAG, "!!")
    return yaml_error(f"the tag {tag} is none of JSON's types", event)


def yaml_error(problem: str, event: Any) -> yaml.MarkedYAMLError:
    """A refusal of what an event stands for, to be raised."""
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
