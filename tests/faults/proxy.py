"""A TCP proxy before a server, that does to the bytes what networks do to them.

The rule this file keeps: a command has taken effect when it returns. What it counts, by name, is
`proxy.counted`; `proxy.wait_for("answers lost")` waits until something has happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit, urlunsplit

from tests.daemon_process import PATIENCE_SECONDS
from tests.faults.proxy_link import Direction, Link, Trap
from tests.faults.storm import Fate, Storm
from tests.free_port import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

Found = TypeVar("Found")


class Weather:
    """What the proxy's connections meet. It is its own thread's alone, but for what is counted."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.server = server
        self.counted: dict[str, int] = {}
        self.clear = {direction: asyncio.Event() for direction in Direction}
        self.released = asyncio.Event()
        self.traps: list[Trap] = []
        self.piece_bytes: int | None = None
        self.delay_seconds = 0.0
        self.cut_after: dict[Direction, int] = {}
        self.storm: Storm | None = None
        self._happened = threading.Condition()
        self.calm()

    def calm(self) -> None:
        """Nothing befalls anybody any more; what was held back goes on."""
        for event in (*self.clear.values(), self.released):
            event.set()
        self.traps.clear()
        self.cut_after.clear()
        self.piece_bytes, self.delay_seconds, self.storm = None, 0.0, None

    def count(self, what: str) -> None:
        """Something has happened."""
        with self._happened:
            self.counted[what] = self.counted.get(what, 0) + 1
            self._happened.notify_all()

    def wait_for(self, what: str, times: int) -> None:
        """Wait, in another thread, until it has happened that often. Raises AssertionError."""
        with self._happened:
            happened = self._happened.wait_for(
                lambda: self.counted.get(what, 0) >= times, PATIENCE_SECONDS
            )
        assert happened, f"{what!r} has not happened {times} times: {self.counted}"

    def sprung(self, direction: Direction) -> Trap | None:
        """The trap for a COMMIT on its way to the server, or its answer on its way back."""
        to_server = direction is Direction.TO_SERVER
        self.count("commits seen" if to_server else "answers seen")
        for trap in self.traps:
            if trap.direction is direction:
                self.traps.remove(trap)
                return trap
        storm = self.storm
        if storm and storm.happens(storm.commit if to_server else storm.answer):
            return Trap(direction)
        return None

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """The bytes as they go: at once, or some at a time."""
        size = self.piece_bytes or len(data)
        return (data[at : at + size] for at in range(0, len(data), size or 1))

    def fate(self, direction: Direction, size: int) -> Fate:
        """What befalls the next bytes."""
        left = self.cut_after.get(direction)
        if left is not None and left <= size:
            del self.cut_after[direction]
            return Fate(cut_at=left)
        if left is not None:
            self.cut_after[direction] = left - size
        fate = self.storm.fate(size) if self.storm else Fate()
        return fate._replace(wait_seconds=fate.wait_seconds + self.delay_seconds)


class Proxy:
    """Listens on a port of 127.0.0.1, in a thread of its own, until it is closed."""

    def __init__(self, host: str, port: int) -> None:
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._weather = Weather((host, port))
        self._links: dict[asyncio.Task[None], Link] = {}
        self._listening: socket.socket | None = None
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.accept()

    @property
    def counted(self) -> dict[str, int]:
        """What has happened, and how often."""
        return self._weather.counted

    def url(self, url: str) -> str:
        """The same, through the proxy."""
        parts = urlsplit(url)
        who, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{who}{at}127.0.0.1:{self.port}"))

    def wait_for(self, what: str, times: int = 1) -> None:
        """Wait until something has happened. Raises AssertionError where it does not."""
        self._weather.wait_for(what, times)

    # What may befall connections

    def cut(self, *, reset: bool = False) -> int:
        """Cut all that there are now, and return how many there were."""

        def cut() -> int:
            for link in self._links.values():
                link.cut(reset=reset)
            return len(self._links)

        return self._do(cut)

    def cut_after(self, count: int, direction: Direction) -> None:
        """Cut the connection over which the byte after `count` others would go."""
        self._do(lambda: self._weather.cut_after.update({direction: count}))

    def stall(self, *directions: Direction) -> None:
        """Nothing goes on in these directions, in both without any; new ones hear nothing.

        Bytes are kept: `calm` lets them go on. In both it is a partition, as both sides see it.
        """

        def stall() -> None:
            for each in directions or Direction:
                self._weather.clear[each].clear()

        self._do(stall)

    def split(self, count: int) -> None:
        """Bytes go on so many at a time."""
        self._do(lambda: setattr(self._weather, "piece_bytes", count))

    def delay(self, seconds: float) -> None:
        """Each piece of bytes takes so much longer."""
        self._do(lambda: setattr(self._weather, "delay_seconds", seconds))

    def blow(self, storm: Storm) -> None:
        """Let chance decide."""
        self._do(lambda: setattr(self._weather, "storm", storm))

    def lose_commit(self) -> None:
        """The next COMMIT of a transaction that writes does not reach the server: it is cut."""
        self._trap(Trap(Direction.TO_SERVER))

    def lose_answer(self) -> None:
        """The next one is done, and cut before its answer reaches the client."""
        self._trap(Trap(Direction.TO_CLIENT))

    def hold_commit(self) -> None:
        """The next one does not reach the server until `calm`; the connection stays."""
        self._trap(Trap(Direction.TO_SERVER, holds=True))

    def hold_answer(self) -> None:
        """The next one is done, and the client hears nothing until `calm`."""
        self._trap(Trap(Direction.TO_CLIENT, holds=True))

    def calm(self) -> None:
        """Nothing befalls anybody any more; what was held back goes on; who was refused is not."""
        self._do(self._weather.calm)
        self.accept()

    # Whether there are connections

    def refuse(self) -> None:
        """Nobody listens: who connects is refused. Connections that there are stay."""

        def close() -> None:
            if self._listening is not None:
                self._loop.remove_reader(self._listening)
                self._listening.close()
                self._listening = None

        self._do(close)

    def accept(self) -> None:
        """Listen, on the same port."""

        def listen() -> None:
            if self._listening is None:
                self._listening = socket.create_server(("127.0.0.1", self.port), backlog=100)
                self._listening.settimeout(0)
                # Not asyncio's server: it loses a socket where it is closed while it lets one in.
                self._loop.add_reader(self._listening, self._let_in, self._listening)

        self._do(listen)

    def _let_in(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):  # gone already
            link = Link(self._weather, listening.accept()[0])
            task = self._loop.create_task(link.run())
            self._links[task] = link
            task.add_done_callback(self._links.pop)
            self._weather.count("connections")

    # Its thread

    def close(self) -> None:
        """Cut all, and end the thread."""
        self.refuse()
        self._run(self._finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _finish(self) -> None:
        for link in self._links.values():
            link.cut()
        await asyncio.sleep(0)  # so that each has begun, and closes what it has
        tasks = list(self._links)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # what was cut is closed in the loop's next round

    def _trap(self, trap: Trap) -> None:
        def set_it() -> None:
            self._weather.released.clear()
            self._weather.traps.append(trap)

        self._do(set_it)

    def _do(self, what: Callable[[], Found]) -> Found:
        async def do() -> Found:
            return what()

        return self._run(do())

    def _run(self, what: Coroutine[object, object, Found]) -> Found:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE_SECONDS)


@contextlib.contextmanager
def proxied(host: str, port: int) -> Iterator[Proxy]:
    """Give a proxy before that server for the length of the block."""
    proxy = Proxy(host, port)
    try:
        yield proxy
    finally:
        proxy.close()
