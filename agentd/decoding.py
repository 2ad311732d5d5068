"""From a request to a method and its params.

The rule this file keeps: what does not fit is refused with the field, the value and what is
expected.
"""

import re
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from agentd import unknown_fields
from agentd.api import MOST_NODES, Params, RegisterTaskParams
from agentd.errors import InvalidParams, UnknownMethod
from agentd.methods import BY_NAME, METHODS, Method
from agentd.protocol import Request
from agentd.text import quote

_DECODERS = {method.name: msgspec.json.Decoder(method.params) for method in METHODS}
_MISSING_FIELD = re.compile(r"^Object missing required field `(\w+)`(?: - at `(.+)`)?$")
_UNKNOWN_FIELD = re.compile(r"^Object contains unknown field `(.*?)`(?: - at `(.+)`)?$", re.DOTALL)
_LOCATED_ERROR = re.compile(r"^(.*) - at `(.+)`$", re.DOTALL)
_PATH_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_EXAMPLE = "123e4567-e89b-42d3-a456-426614174000"
_SHOWN_CHARACTERS = 80
"""Characters of a large value, or of a method's name, that are looked at."""

_REPEATED_BYTES = 4_096
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
            f"there is no method {quote(request.method)}{_suggestion(request.method)}; "
            "DescribeInterface lists them"
        )
    try:
        if method.grows:
            _limit_nodes(request.params)
        params = _DECODERS[method.name].decode(request.params)
        lost = unknown_fields.explain_lost_payload(params, request.params)
        if isinstance(params, RegisterTaskParams):
            params.warn(unknown_fields.warnings_for_nodes(request.params))
    except msgspec.MsgspecError as error:
        reason = _explain(str(error), request.params, method.params)
        raise InvalidParams(f"{method.name}: {reason}") from None
    if lost:
        raise InvalidParams(f"{method.name}: {lost}")
    return method, params


class _NodeCount(Struct):
    initial_nodes: Annotated[list[Raw], Meta(max_length=MOST_NODES)] | None = None
    nodes: Annotated[list[Raw], Meta(max_length=MOST_NODES)] | None = None


_decode_node_count = msgspec.json.Decoder(_NodeCount).decode


def _limit_nodes(params: Raw) -> None:
    """Refuse too many nodes before any of them is decoded, which takes ten times as long."""
    if len(params) > MOST_NODES and bytes(params).count(b"{") > MOST_NODES:
        _decode_node_count(params)


def _suggestion(name: str) -> str:
    meant = _SPELLINGS.get(_spelling(name[:_SHOWN_CHARACTERS]))
    return f", did you mean {meant}?" if meant else ""


def _explain(error: str, params: Raw, kind: type[Struct]) -> str:
    if unknown := _UNKNOWN_FIELD.match(error):
        return unknown_fields.explain_unknown(kind, unknown[2] or "$", unknown[1])
    if missing := _MISSING_FIELD.match(error):
        return f"`{missing[2] or '$'}.{missing[1]}` is missing"
    if not (located := _LOCATED_ERROR.match(error)):
        return error if error.startswith("`") else f"`$`: {error}"
    reason, path = located.groups()
    value = _quote_value(params, path)
    if "matching regex" in reason:  # the only pattern is the one of ids
        return f"`{path}` is not a UUID: {value}; expected such as {_EXAMPLE}"
    return f"`{path}`: {reason}: {value}"


def _quote_value(params: Raw, path: str) -> str:
    """What stands at the path. Only the way there is decoded: a line may hold a million values."""
    value = params
    try:
        for name, index in _PATH_STEP.findall(path):
            if name:
                value = msgspec.json.decode(value, type=dict[str, Raw])[name]
            else:
                value = msgspec.json.decode(value, type=list[Raw])[int(index)]
        if len(value) > _REPEATED_BYTES:
            return f"{bytes(value)[:_SHOWN_CHARACTERS].decode(errors='ignore')}…"
        return quote(msgspec.json.decode(value))
    except (msgspec.MsgspecError, UnicodeDecodeError, LookupError):
        return "…"
