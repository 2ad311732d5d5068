"""How nodes are handed out and tried again: in a person's words, or as the request has it.

The rule this file keeps: a word of a person's stands for one field of the request, and who gives
both is told so. What the daemon would refuse is a fault here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from agentd.api import NodeDefaults, NodeSpec, RetrySpec, own_settings
from agentd.documents.fields import Fields, json_kind
from agentd.documents.kinds import NODE_SETTINGS
from agentd.documents.locks import are_locks, read_locks
from agentd.durations import parse_duration

_ATTEMPTS = "expected a whole number from 1 to 1,000"
_QUOTED = 40
"""Characters of a number that a fault repeats."""

_EXPECTED = "expected a duration, such as 30s, 5m or 2h, got "
_RANGES = {
    "timeout_secs": "whole seconds, from 1s to 365d",
    "lease_secs": "whole seconds, from 1s to 1d",
    "backoff_secs": "0 to 365d",
}
_WORDS = {"timeout_secs": "timeout", "lease_secs": "lease"}
_PRIORITIES = {
    **dict.fromkeys(("critical", "urgent", "highest"), 20),
    "high": 10,
    **dict.fromkeys(("medium", "med", "normal"), 0),
    "low": -10,
    "lowest": -20,
}
_RETRY = {"attempts": "max_attempts", "backoff": "backoff_secs"}
_TYPES: Mapping[str, Any] = {
    field.name: field.type
    for kind in (NodeSpec, RetrySpec)
    for field in msgspec.structs.fields(kind)
}


def read_settings(
    fields: Fields, names: Sequence[str] = NODE_SETTINGS, inherited: RetrySpec | None = None
) -> dict[str, Any]:
    """Those of a node or of all nodes, by their names in the request.

    Where a node says `attempts` or `backoff` alone, the rest is what it `inherited`.
    """
    found = {name: _sent(fields, name) for name in names}
    for name, word in _WORDS.items():
        if (seconds := read_seconds(fields, word, name)) is not None:
            found[name] = seconds
    if (retry := _retry(fields, inherited)) is not None:
        found["retry"] = retry
    _check_moment(fields, found["not_before"])
    if found.get("locks") is not None:
        found["locks"] = read_locks(fields, found["locks"])
    return found


def _sent(fields: Fields, name: str) -> Any:
    """A field that goes on as it is; who writes a duration there is told where it belongs."""
    if name in _WORDS and json_kind(fields.raw(name, b"null")) == "a text":
        told = f"`{name}`: expected a number, got a text; `{_WORDS[name]}` takes a duration"
        fields.place.fault(told, name)
        return None
    if name == "locks" and not are_locks(fields):
        return None
    return read_priority(fields) if name == "priority" else fields.sent(name, _TYPES[name])


def read_priority(fields: Fields) -> Any:
    """A priority, as a number or in a word; None where there is none, or a fault."""
    written = fields.raw("priority", b"null")
    if json_kind(written) == "a text":
        word = msgspec.json.decode(written, type=str).lower()
        if word in _PRIORITIES:
            return _PRIORITIES[word]
    return fields.sent("priority", _TYPES["priority"])


def read_seconds(fields: Fields, word: str, name: str, type_: Any = None) -> Any:
    """A duration that stands for a field of the request; None where there is none, or a fault."""
    if word not in fields:
        return None
    _check_alone(fields, word, name)
    written = fields.raw(word, b"null")
    text = msgspec.json.decode(written) if json_kind(written) == "a text" else bytes(written)
    try:
        seconds = parse_duration(text if isinstance(text, str) else text.decode())
        whole = int(seconds) if seconds == int(seconds) else seconds
        return msgspec.convert(whole, type_ or _TYPES[name])
    except msgspec.ValidationError:
        fields.place.fault(f"`{word}`: {_quote(text)} is out of its range: {_RANGES[name]}", word)
    except ValueError as error:
        told = str(error) if isinstance(text, str) else _EXPECTED + json_kind(written)
        fields.place.fault(f"`{word}`: {told}", word)
    return None


def _quote(text: str | bytes) -> str:
    return repr(text) if isinstance(text, str) else text.decode()


def _retry(fields: Fields, inherited: RetrySpec | None) -> RetrySpec | None:
    """What `attempts` and `backoff` say; None where neither is given."""
    given = [word for word in _RETRY if word in fields]
    if not given:
        return None
    _check_alone(fields, given[0], "retry")
    own = {
        "max_attempts": _read_attempts(fields),
        "backoff_secs": read_seconds(fields, "backoff", "backoff_secs"),
    }
    said = {name: value for name, value in own.items() if value is not None}
    return msgspec.structs.replace(inherited or RetrySpec(), **said)


def _read_attempts(fields: Fields) -> Any:
    written = fields.raw("attempts", b"null")
    try:
        return msgspec.json.decode(written, type=_TYPES["max_attempts"])
    except msgspec.MsgspecError:
        kind = json_kind(written)
        found = bytes(written).decode()[:_QUOTED] if kind == "a number" else kind
        fields.place.fault(f"`attempts`: {_ATTEMPTS}, got {found}", "attempts")
        return None


def _check_alone(fields: Fields, word: str, name: str) -> None:
    if name in fields:
        fields.place.fault(f"`{word}` and `{name}` say the same thing: give one", word)


def _check_moment(fields: Fields, moment: float | str | None) -> None:
    """A moment that is none is a fault; so is one that would be another at each reading."""
    try:
        own_settings(NodeDefaults(not_before=moment), 0)
    except ValueError as error:
        told = str(error).replace("$.", "")
        if isinstance(moment, str) and _is_duration(moment):
            told += "; a time from now would be another one whenever the file is read"
        fields.place.fault(told, "not_before")


def _is_duration(text: str) -> bool:
    try:
        return parse_duration(text) >= 0
    except ValueError:
        return False
