"""From a request to a method and its params.

The rule this file keeps: what does not fit is refused with the field, the value and what is
expected.
"""

import re

import msgspec
from msgspec import Raw

from agentd.api import Params
from agentd.errors import InvalidParams, UnknownMethod
from agentd.methods import BY_NAME, METHODS, Method
from agentd.protocol import Request

_DECODERS = {method.name: msgspec.json.Decoder(method.params) for method in METHODS}
_MISSING = re.compile(r"^Object missing required field `(\w+)`(?: - at `(.+)`)?$")
_AT = re.compile(r"^(.*) - at `(.+)`$", re.DOTALL)
_PATH_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_EXAMPLE = "123e4567-e89b-42d3-a456-426614174000"
_QUOTED = 80
"""Characters of a value that an error repeats."""

_SMALL = 4_096
"""Bytes of a value up to which it is decoded to be repeated."""


def _spelling(name: str) -> str:
    """The name as it is however it is written: task-status, taskStatus, TASK_STATUS."""
    return re.sub(r"[\W_]", "", name).lower()


_SPELLINGS = {_spelling(name): method.name for name, method in BY_NAME.items()}


def decode(request: Request) -> tuple[Method, Params]:
    """The method and its decoded params. Raises `UnknownMethod` or `InvalidParams`."""
    method = BY_NAME.get(request.method)
    if method is None:
        raise UnknownMethod(
            f"there is no method {_quote(request.method)}{_suggestion(request.method)}; "
            "DescribeInterface lists them"
        )
    try:
        return method, _DECODERS[method.name].decode(request.params)
    except msgspec.MsgspecError as error:
        raise InvalidParams(f"{method.name}: {_explain(str(error), request.params)}") from None


def _suggestion(name: str) -> str:
    meant = _SPELLINGS.get(_spelling(name[:_QUOTED]))
    return f", did you mean {meant}?" if meant else ""


def _explain(error: str, params: Raw) -> str:
    if missing := _MISSING.match(error):
        return f"`{missing[2] or '$'}.{missing[1]}` is missing"
    if not (located := _AT.match(error)):
        return error if error.startswith("`") else f"`$`: {error}"
    reason, path = located.groups()
    value = _value(params, path)
    if "matching regex" in reason:  # the only pattern is the one of ids
        return f"`{path}` is not a UUID: {value}; expected such as {_EXAMPLE}"
    return f"`{path}`: {reason}: {value}"


def _value(params: Raw, path: str) -> str:
    """What stands at the path. Only the way there is decoded: a line may hold a million values."""
    value = params
    try:
        for name, index in _PATH_STEP.findall(path):
            if name:
                value = msgspec.json.decode(value, type=dict[str, Raw])[name]
            else:
                value = msgspec.json.decode(value, type=list[Raw])[int(index)]
        if len(value) > _SMALL:
            return f"{bytes(value)[:_QUOTED].decode(errors='ignore')}…"
        return _quote(msgspec.json.decode(value))
    except (msgspec.MsgspecError, UnicodeDecodeError, LookupError):
        return "…"


def _quote(value: object) -> str:
    """The value as JSON, shortened; JSON escapes what a terminal would obey."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"
