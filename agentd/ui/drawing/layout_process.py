"""Asking the process that lays out graphs.

The rule this file keeps: one process, one question at a time. It is started by the first question,
killed where it answers late, or not what was asked, and started anew by the next question.
"""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from importlib.util import find_spec

import msgspec

from agentd.ui.drawing.layout import CannotDraw, Graph
from agentd.ui.layout.placed import Placed
from agentd.worker.import_path import import_path

CHILD = "agentd.ui.layout.child"
_LONGEST_ANSWER = 64 * 1024 * 1024
_NEEDED = "fast_sugiyama"


class _Died(Exception):
    """The process ended without an answer, with this exit code."""


class LayoutProcess:
    """The process, where there is one."""

    def __init__(self, patience: float) -> None:
        """`patience`: seconds that a layout may take."""
        self._patience = patience
        self._process: Process | None = None
        self._asking = asyncio.Lock()

    async def ask(self, graph: Graph) -> Placed:
        """Where the nodes stand. Raises `CannotDraw`."""
        async with self._asking:
            was_there = self._process is not None
            try:
                return await self._ask(graph)
            except _Died as died:
                if not was_there:
                    raise CannotDraw(f"the layout ended with exit code {died}") from None
            try:  # it may have ended long before, for whatever reason
                return await self._ask(graph)
            except _Died as died:
                raise CannotDraw(f"the layout ended twice, with exit code {died}") from None

    async def _ask(self, graph: Graph) -> Placed:
        process = self._process = self._process or await _start()
        question = msgspec.json.encode((len(graph.ids), graph.edges, self._patience))
        try:
            async with asyncio.timeout(self._patience):
                line = await _answer(process, question)
                ended = None if line else await process.wait()
            placed = msgspec.json.decode(line, type=Placed) if line else None
        except TimeoutError:
            await self.close()
            raise CannotDraw(f"the layout took more than {self._patience:g} s") from None
        except ValueError as error:  # no JSON, another JSON, or a line without an end
            await self.close()
            raise CannotDraw(f"the layout cannot be read: {error}") from None
        except asyncio.CancelledError:
            await self.close()  # who asks next must not get this answer
            raise
        if placed is None:
            await self.close()
            raise _Died(ended)
        return placed

    async def close(self) -> None:
        """End the process; the next question starts another one."""
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _start() -> Process:
    if find_spec(_NEEDED) is None:
        raise CannotDraw(
            "a drawing needs fast-sugiyama, of the extra `web`, which is not built for every system"
        )
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        CHILD,
        stdin=PIPE,
        stdout=PIPE,
        env={**os.environ, "PYTHONPATH": import_path()},
        limit=_LONGEST_ANSWER,
        start_new_session=True,  # Ctrl-C is for who asks
    )


async def _answer(process: Process, question: bytes) -> bytes:
    """The line that comes back; nothing where the process has ended."""
    questions, answers = process.stdin, process.stdout
    if questions is None or answers is None:
        raise RuntimeError("the process was started without pipes")
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        questions.write(question + b"\n")
        await questions.drain()
        return await answers.readline()
    return b""
