"""What is said about the end of a node: its result, or what went wrong.

The rule this file keeps: something can always be said. A result that cannot be sent fails the node
with the reason, and a failure that cannot be sent is told by its type.
"""

import traceback
from typing import Any

import msgspec
from msgspec import Raw

from agentd.client.values import encode
from agentd.errors import RequestTooLarge, WorkFailed
from agentd.protocol import LINE_LIMIT

UNSENDABLE = (TypeError, ValueError, RequestTooLarge)
"""What `encode_payload` raises."""

LONGEST = 4096
"""Characters of a message, and of a traceback, that a failed node keeps."""

_LINES = 20
"""Lines of a traceback that it keeps, the last ones."""

_ENVELOPE = 1024
"""Bytes of a request around its payload, at most."""


def encode_payload(value: Any, place: str) -> Raw:
    """The value as JSON. Raises `RequestTooLarge`, or what `encode` raises."""
    text = encode(value, place)
    if (size := len(bytes(text))) > LINE_LIMIT - _ENVELOPE:
        raise RequestTooLarge(
            f"the payload has {size} bytes, one line may have {LINE_LIMIT} in all: keep "
            "large data in a file and send its path"
        )
    return text


def failure_payload(error: BaseException) -> Raw:
    """Why a node failed: the payload of a `WorkFailed`, else type, message and traceback."""
    if isinstance(error, WorkFailed):
        try:
            return encode_payload(error.payload, "$.error_payload")
        except UNSENDABLE as unsendable:
            return failure_payload(unsendable)
    shown = traceback.TracebackException.from_exception(error)
    lines = "".join(shown.format()).splitlines()[-_LINES:]
    told = {
        "type": type(error).__qualname__,
        "message": _as_utf8(str(shown))[:LONGEST],  # `str(error)` is free to fail
        "traceback": _as_utf8("\n".join(lines))[-LONGEST:],
    }
    return Raw(msgspec.json.encode(told))


def _as_utf8(text: str) -> str:
    """Text that is UTF-8, whatever it was made of."""
    return text.encode(errors="backslashreplace").decode()
