"""What is said about the end of a node: its result, or what went wrong.

The rule this file keeps: something can always be said. A result that cannot be sent fails the node
with the reason, and a failure that cannot be sent is told by its type.
"""

import traceback
from typing import Any

import msgspec
from msgspec import Raw

from agentd.client.values import encoded
from agentd.errors import RequestTooLarge, WorkFailed
from agentd.protocol import LINE_LIMIT

UNSENDABLE = (TypeError, ValueError, RequestTooLarge)
"""What `payload` raises."""

LONGEST = 4096
"""Characters of a message, and of a traceback, that a failed node keeps."""

_LINES = 20
"""Lines of a traceback that it keeps, the last ones."""

_ENVELOPE = 1024
"""Bytes of a request around its payload, at most."""


def payload(value: Any, place: str) -> Raw:
    """The value as JSON. Raises `RequestTooLarge`, or what `encoded` raises."""
    text = encoded(value, place)
    if (size := len(bytes(text))) > LINE_LIMIT - _ENVELOPE:
        raise RequestTooLarge(
            f"the payload has {size} bytes, one line may have {LINE_LIMIT} in all: keep "
            "large data in a file and send its path"
        )
    return text


def failure(error: BaseException) -> Raw:
    """Why a node failed: the payload of a `WorkFailed`, else type, message and traceback."""
    if isinstance(error, WorkFailed):
        try:
            return payload(error.payload, "$.error_payload")
        except UNSENDABLE as unsendable:
            return failure(unsendable)
    shown = traceback.TracebackException.from_exception(error)
    lines = "".join(shown.format()).splitlines()[-_LINES:]
    told = {
        "type": type(error).__qualname__,
        "message": _plain(str(shown))[:LONGEST],  # `str(error)` is free to fail
        "traceback": _plain("\n".join(lines))[-LONGEST:],
    }
    return Raw(msgspec.json.encode(told))


def _plain(text: str) -> str:
    """Text that is UTF-8, whatever it was made of."""
    return text.encode(errors="backslashreplace").decode()
