"""How the attempts of a node ended."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from agentd.api.moments import FractionalSeconds
from agentd.api.types import NULL, Json

HowEnded = Literal["failed", "timed_out", "expired", "released", "revoked", "completed"]

MOST_SHOWN = 20
"""The newest attempts that a worker is shown, and that a failure tells of."""

MOST_LISTED = 1_000
"""The newest attempts that NodeStatus shows."""

LARGEST_ERROR = 8 * 1024
"""Bytes of an error that is shown."""


class AttemptView(Struct):
    """One attempt that ended."""

    attempt: int
    owner: str | None
    ended_at: FractionalSeconds
    how: HowEnded
    kind: str | None
    error: Annotated[Json, Meta(description="of a release: its reason")]


def error_or_size(payload: bytes | None) -> Raw:
    """The error as it is shown: a large one is left out, and its size told."""
    if payload is not None and len(payload) > LARGEST_ERROR:
        return Raw(msgspec.json.encode({"left_out": True, "bytes": len(payload)}))
    return Raw(payload or NULL)
