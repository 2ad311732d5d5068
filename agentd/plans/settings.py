"""Settings of nodes, as other tools say them: tries, pauses, time-outs, priorities.

The rule this file keeps: what agentd's ranges have no room for is cut to them, and noted; what is
an expression, which only its own tool can work out, is noted and left out.
"""

import math
from collections.abc import Mapping
from typing import Any

from agentd.api import RetrySpec
from agentd.api.moments import LONGEST_SECS, to_milliseconds
from agentd.plans.builder import Builder
from agentd.plans.part import Part

_MOST_ATTEMPTS = 1_000
_MOST_PRIORITY = 100
EXPRESSION = "it is an expression, which is worked out by its own tool: left out"
_NO_MOMENT = "0001-01-01T00:00:00"
EXPRESSION_SIGNS = ("${", "{{", "$(", "`")


def is_expression(part: Part) -> bool:
    """Whether it is a text that only its own tool can work out."""
    text = bytes(part.raw).decode()
    return part.kind == "a text" and any(sign in text for sign in EXPRESSION_SIGNS)


def number(builder: Builder, part: Part | None, expected: str) -> float | None:
    """A number; None where there is none, or an expression, which is noted."""
    if part is None or part.kind == "null":
        return None
    if is_expression(part):
        builder.note(part, EXPRESSION)
        return None
    return part.seconds(expected)


def retry(
    retries: float, pause: float | None, factor: float | None, longest: float | None
) -> Mapping[str, Any]:
    """So many tries after the first one, with pauses in seconds."""
    if retries < 1:
        return {}
    spec = RetrySpec(
        max_attempts=min(int(retries) + 1, _MOST_ATTEMPTS),
        backoff_secs=min(pause or 0, LONGEST_SECS),
        factor=max(factor or 1, 1),
        jitter=0,
    )
    if longest is not None:
        spec.max_backoff_secs = min(longest, LONGEST_SECS)
    elif spec.backoff_secs:
        spec.max_backoff_secs = LONGEST_SECS if spec.factor != 1 else spec.backoff_secs
    return {"retry": spec}


def timeout(seconds: float | None) -> Mapping[str, Any]:
    """How long an attempt may take, in whole seconds; nothing where there is no limit."""
    if not seconds:
        return {}
    return {"timeout_secs": min(max(math.ceil(seconds), 1), LONGEST_SECS)}


def priority(value: int | None) -> Mapping[str, Any]:
    """A priority within agentd's range."""
    return {} if not value else {"priority": max(-_MOST_PRIORITY, min(_MOST_PRIORITY, value))}


def moment(builder: Builder, part: Part | None) -> str | None:
    """A moment in RFC 3339; None where there is none, or what is none, which is noted.

    The year 1 is what programs in Go write that know none.
    """
    if part is None or part.kind == "null":
        return None
    text = part.text("a moment such as 2026-01-31T12:00:00Z")
    if not text or text.startswith(_NO_MOMENT):
        return None
    try:
        to_milliseconds(text, part.where)
    except ValueError:
        builder.note(part, "it is no moment in RFC 3339: left out")
        return None
    return text
