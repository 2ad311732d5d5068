"""What happens to a gate: a node that is decided, not worked on."""

from typing import Literal

from msgspec import Struct

from agentd.events.base import Event

Decision = Literal["approve", "reject"]


class Gate(Struct, frozen=True, omit_defaults=True):
    """What somebody is asked before the work goes on.

    Where nobody decides within `timeout_ms` of its opening, it is decided `on_timeout`.
    """

    ask: str
    timeout_ms: int | None = None
    on_timeout: Decision = "reject"


class GateOpened(Event, frozen=True, omit_defaults=True):
    """All that the gate waited for is there; it is decided at `timeout_at`, unless before."""

    ask: str
    timeout_at: int | None = None


class GateDecided(Event, frozen=True, omit_defaults=True):
    """Somebody decided, or the time was over; the node is acquired and ended behind it."""

    decision: Decision
    by: str | None = None
    note: str | None = None
