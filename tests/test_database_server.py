"""What a daemon knows of its database's server while that is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentd.daemon.database_server import DatabaseServer
from agentd.daemon.grace import Grace
from agentd.errors import DatabaseGone
from tests.core import LEASE_MS, NOW

if TYPE_CHECKING:
    import pytest


def test_why_a_server_is_gone_is_what_was_found_last(caplog: pytest.LogCaptureFixture) -> None:
    """It was restarted, and now it is full: who looks is told what is to be done, since when."""
    moments = iter(range(NOW, NOW + 10))
    server = DatabaseServer(lambda: next(moments), Grace(NOW, LEASE_MS))
    for why in ("it was ended", "it is full", "it is full", "it was ended", "it is full"):
        server.note_gone(DatabaseGone(why))
        assert server.fault is not None
        assert server.fault.why.startswith(f"{why} (gone since 2026-01-31T12:00:00.123Z)")
        assert server.fault.data["since"] == NOW
    assert caplog.messages == [
        "the database's server is gone, and requests wait: it was ended",
        "the database's server is still gone: it is full",
    ]
    server.note_answer()
    assert server.fault is None
    server.note_gone(DatabaseGone("it is full"))
    assert caplog.messages[-1] == "the database's server is gone, and requests wait: it is full"
