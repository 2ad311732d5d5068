"""Which trace a plan belongs to, as W3C Trace Context writes it.

The rule this file keeps: it is text that agentd hands on as it came. Who reads it is a tracer.
"""

import re
from typing import Annotated

from msgspec import Meta

_PATTERN = r"^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$(?!\n)"
_matches = re.compile(_PATTERN).search

_QUOTED = 80
"""Characters of what is no traceparent that a message repeats."""

Traceparent = Annotated[
    str,
    Meta(
        description="W3C Trace Context: the trace and the span of whoever planned this",
        extra_json_schema={"pattern": _PATTERN},
    ),
]


def is_traceparent(text: str) -> bool:
    """Whether a tracer takes it as the name of a span."""
    return _matches(text) is not None


def check_traceparent(text: str | None) -> None:
    """Raise ValueError for a text that is no traceparent."""
    if text is not None and not is_traceparent(text):
        raise ValueError(
            f"`$.traceparent`: {text[:_QUOTED]!r} is no traceparent; expected four lower-case "
            "hexadecimal fields, such as 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01, "
            "neither id all zeros"
        )
