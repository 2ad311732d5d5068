"""What is said about the end of a node: its result, or what went wrong.

The rule this file keeps: something can always be said. A result that cannot be sent fails the node
with the reason, and a failure that cannot be sent is told by its type.
"""

import traceback
from typing import Any

import msgspec
from msgspec import Raw

from agentd.errors import RequestTooLarge, WorkFailed
from agentd.protocol import LINE_LIMIT

UNSENDABLE = (TypeError, ValueError, OverflowError, RecursionError, RequestTooLarge)
"""What `payload` raises."""

LONGEST = 4096
"""Characters of a message, and of a traceback, that a failed node keeps."""

_LINES = 20
"""Lines of a traceback that it keeps, the last ones."""

_ENVELOPE = 1024
"""Bytes of a request around its payload, at most."""


def payload(value: Any) -> Raw:
    """The value as JSON.

    Raises `RequestTooLarge`, or what msgspec raises where a value is no JSON (`TypeError`,
    `ValueError`, `OverflowError`, `RecursionError`).
    """
    encoded = msgspec.json.encode(value)
    if b"\n" in encoded:  # a Raw value: whether it is one at all is found out here
        encoded = msgspec.json.format(encoded, indent=-1)
    if len(encoded) > LINE_LIMIT - _ENVELOPE:
        raise RequestTooLarge(
            f"the payload has {len(encoded)} bytes, one line may have {LINE_LIMIT} in all: keep "
            "large data in a file and send its path"
        )
    return Raw(encoded)


def failure(error: BaseException) -> Raw:
    """Why a node failed: the payload of a `WorkFailed`, else type, message and traceback."""
    if isinstance(error, WorkFailed):
        try:
            return payload(error.payload)
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
