"""A line from the daemon, told as a result or raised as the refusal that the daemon raised.

The rule this file keeps: every line that is not a response of the protocol is `NotAgentd`, whatever
it is made of.
"""

import warnings
from functools import cache
from typing import Any, Generic, TypeVar, cast

import msgspec
from msgspec import UNSET, Struct, UnsetType

from agentd.api import RegisterTaskResult
from agentd.errors import WIRE_ERRORS, NotAgentd, RequestRefused
from agentd.text import malformed_reason

Result = TypeVar("Result")

_CALLER = 4
"""Whose line a warning names: who called the client's method, which asked, which called us."""

_BY_KIND = {error.kind: error for error in WIRE_ERRORS}


class _Error(Struct):
    code: int
    message: str
    data: dict[str, Any] = {}


class _Response(Struct, Generic[Result]):
    result: Result | UnsetType = UNSET
    error: _Error | UnsetType = UNSET


def decode_answer(line: bytes, result: type[Result]) -> Result:
    """The result on that line.

    Raises the `RequestRefused` of the line's `data.kind`, or `NotAgentd`. What the daemon says
    beside the result of a registration becomes a Python warning.
    """
    kind: Any = result
    try:
        response = _response_decoder(kind).decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        told = f"what answers does not speak the protocol: {malformed_reason(error)}"
        raise NotAgentd(told) from error
    if not isinstance(response.error, UnsetType):
        raise _refusal(response.error)
    if isinstance(response.result, UnsetType):
        raise NotAgentd("what answers does not speak the protocol: neither result nor error")
    if isinstance(response.result, RegisterTaskResult):
        for told in response.result.warnings or ():
            warnings.warn(told, stacklevel=_CALLER)
    return cast("Result", response.result)


@cache
def _response_decoder(result: Any) -> "msgspec.json.Decoder[_Response[Any]]":
    # A type, or a union of types such as `AcquireNextNodeResult | None`.
    return msgspec.json.Decoder(_Response[result])


def _refusal(error: _Error) -> RequestRefused:
    """The exception that the daemon raised, raised again on this side, with all of its data."""
    kind = error.data.get("kind")
    known = _BY_KIND.get(kind) if isinstance(kind, str) else None
    refusal = (known or RequestRefused)(error.message)
    refusal.data.update(error.data)
    return refusal
