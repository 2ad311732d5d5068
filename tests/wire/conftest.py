"""Connections that several files of wire tests use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.daemon_process import Connection, DaemonProcess


@pytest.fixture
def other(daemon: DaemonProcess) -> Iterator[Connection]:
    """A second connection to a daemon of the test's own."""
    with daemon.connect() as connection:
        yield connection


@pytest.fixture
def worker(daemon: DaemonProcess) -> Iterator[Connection]:
    """The connection of a worker."""
    with daemon.connect() as connection:
        yield connection
