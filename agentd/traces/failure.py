"""What a span says of a failure: its type, few words, and where it was raised.

The rule this file keeps: it is bounded, and the type is one of few.
"""

import traceback
from collections.abc import Mapping
from typing import Any

from agentd.errors import WorkFailed
from agentd.text import printable

_LONGEST_WORDS = 200
"""Characters of a description."""

_LONGEST = 4096
"""Characters of a message, and of a traceback: its end."""


def failure_attributes(error: BaseException) -> dict[str, str | int]:
    """Its type, and with which exit code a program said so, if one did.

    The type is the kind that was chosen for a failure, else the name of the exception's class.
    """
    kind = error.kind if isinstance(error, WorkFailed) else None
    payload = _payload(error)
    code = payload.get("exit_code")
    if not isinstance(code, int):
        return {"error.type": kind or type(error).__qualname__}
    return {"error.type": kind or "exit_code", "process.exit.code": code}


def failure_words(error: BaseException) -> str:
    """What went wrong, on one line."""
    return printable(_told(error))[:_LONGEST_WORDS]


def recorded(error: BaseException) -> dict[str, str]:
    """The attributes of an `exception` event."""
    shown = traceback.TracebackException.from_exception(error)
    return {
        "exception.type": _full_name(type(error)),
        "exception.message": str(shown)[:_LONGEST],
        "exception.stacktrace": "".join(shown.format())[-_LONGEST:],
    }


def _told(error: BaseException) -> object:
    payload = _payload(error)
    if "message" in payload:
        return payload["message"]
    if "exit_code" in payload:
        return f"exit code {payload['exit_code']}"
    if "kind" in payload:
        return payload["kind"]
    return traceback.TracebackException.from_exception(error)  # `str(error)` is free to fail


def _payload(error: BaseException) -> Mapping[str, Any]:
    payload = error.payload if isinstance(error, WorkFailed) else None
    return payload if isinstance(payload, dict) else {}


def _full_name(kind: type[BaseException]) -> str:
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
