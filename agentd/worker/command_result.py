"""The result of a command: its standard output.

The rule this file keeps: what a line has room for is the result itself, JSON as it stands or text;
anything larger is streamed to a file as it comes.
"""

import asyncio
from typing import Any

from msgspec import Raw

from agentd.client.values import is_json
from agentd.results.large_result import LargeResult
from agentd.worker.kept_result import LARGEST_SENT, PLACE, finish_result, large_json


class CommandResult:
    """Takes standard output piece by piece; `large` is for one that is too large."""

    def __init__(self, large: LargeResult) -> None:
        self._large = large
        self._is_large = False
        self._written = bytearray()

    def feed(self, piece: bytes) -> None:
        """What comes next."""
        if self._is_large:
            self._large.feed(piece)
            return
        self._written += piece
        if len(self._written) > LARGEST_SENT:
            self._make_large()

    async def value(self) -> Any:
        """What the command's node is completed with. Raises `WorkFailed` where that is lost."""
        if not self._is_large:
            result = self._small()
            if large_json(result) is None:
                return result
            self._make_large()
        return await asyncio.to_thread(finish_result, self._large, {"exit_code": 0})

    def _small(self) -> Raw | str:
        written = bytes(self._written)
        if is_json(written, PLACE):
            return Raw(written.strip())
        return written.decode(errors="replace").removesuffix("\n")

    def _make_large(self) -> None:
        self._is_large = True
        self._large.feed(bytes(self._written))
        self._written.clear()
