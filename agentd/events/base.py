"""What all events are, and what several of them say."""

from collections.abc import Mapping
from typing import ClassVar, Literal, get_args

from msgspec import Struct

Status = Literal["PENDING", "RUNNING", "COMPLETED", "FAILED"]

STATUSES: tuple[Status, ...] = get_args(Status)

StateOfTask = Literal["ACTIVE", "PAUSED", "COMPLETED", "FAILED", "CANCELLED"]

Amount = int | float
Amounts = Mapping[str, Amount]
"""By unit: what was used, or what may be."""


class Event(Struct, frozen=True):
    """A recorded fact. `schema` is the version of its fields."""

    schema: ClassVar[int] = 1
