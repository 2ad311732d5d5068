"""Both clients behind one face, so that one test says the same of both.

The rule this file keeps: each of them is as a program has it. The one for asyncio runs on a loop of
its own that stands still between two calls, as it does while a program is busy.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from agentd import AsyncClient, Client
from tests.daemon_process import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Awaited:
    """An `AsyncClient` whose calls are waited for."""

    def __init__(self, socket_path: str | Path | None = None, timeout: float = 30.0) -> None:
        self._runner = asyncio.Runner()
        self._client = AsyncClient(socket_path, timeout)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._client, name)
        if not callable(value):
            return value

        def wait(*args: Any, **kwargs: Any) -> Any:
            async def call() -> Any:
                return await value(*args, **kwargs)

            return self._runner.run(call())

        return wait

    def shut(self) -> None:
        """Close the client, and its loop."""
        self._runner.run(self._client.close())
        self._runner.close()


@contextmanager
def blocking(
    socket_path: str | Path | None = None, timeout: float = PATIENCE_SECONDS
) -> Iterator[Any]:
    """The client for threads."""
    with Client(socket_path, timeout) as client:
        yield client


@contextmanager
def awaited(
    socket_path: str | Path | None = None, timeout: float = PATIENCE_SECONDS
) -> Iterator[Any]:
    """The client for asyncio."""
    client = Awaited(socket_path, timeout)
    try:
        yield client
    finally:
        client.shut()


each_client = pytest.mark.parametrize("opened", [blocking, awaited])
"""Runs a test with either: `with opened(path) as client`."""
