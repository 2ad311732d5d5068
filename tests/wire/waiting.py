"""Requests that wait, as the wire tests send them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.daemon_process import PATIENCE_SECONDS, encoded
from tests.wire.steps import eventually

if TYPE_CHECKING:
    from tests.daemon_process import Connection

LONG = 60


def ask(connection: Connection, method: str, **params: Any) -> None:
    """Send a request, and do not wait for its answer."""
    connection.send_raw(encoded({"method": method, "params": params}) + b"\n")


def waits(connection: Connection, *, number: int = 1) -> None:
    """Until so many requests wait."""
    until = time.time() + PATIENCE_SECONDS

    def so_many_wait() -> bool:
        return waiting(connection) == number

    assert eventually(so_many_wait, until)


def waiting(connection: Connection) -> int:
    """How many requests wait now."""
    number: int = connection.call("Metrics")["runtime"]["waiting_requests"]
    return number
