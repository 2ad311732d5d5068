"""Rule: a page is measured as a browser has it: asked for over HTTP, and told by the stream.

First paint is the whole page of a task that nobody has looked at yet, the median of several tasks.
An event is on the screen when a page that was asked for after the stream told of it shows it.
"""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import perf_counter, sleep

from benchmarks.daemons import agentd, fresh_home
from benchmarks.load import register_flat
from benchmarks.report import Row, at_most
from benchmarks.run import Run
from benchmarks.stats import median
from benchmarks.wire import Wire

SIZES = (10, 1_000, 10_000)
PAINT_SECONDS = 0.3
LOADS = ((10, 150), (500, 400))
"""Events a second, and milliseconds after which one has to be on the screen."""

SEEN = 12
"""Events that are looked for, at each load."""


class Browser:
    """Asks with the cookie that it was given."""

    def __init__(self, link: str) -> None:
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)(/enter.*)", link.strip())
        assert found, link
        self._port, self._cookie = int(found[1]), ""
        with self.ask(found[2]) as answer:
            self._cookie = (answer.headers["set-cookie"] or "").partition(";")[0]

    @contextmanager
    def ask(self, path: str) -> Iterator[http.client.HTTPResponse]:
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            headers = {"cookie": self._cookie, "x-agentd-live": "1"}
            connection.request("GET", path, headers=headers)
            yield connection.getresponse()

    def page(self, path: str) -> str:
        with self.ask(path) as answer:
            assert answer.status == 200, path
            return answer.read().decode()


def ui(run: Run) -> list[Row]:
    with fresh_home() as home, agentd(home) as daemon, _pages(daemon.socket) as browser:
        browser.page("/")
        paints = [_paint(browser, daemon.socket, size, run.rounds) for size in SIZES]
        task = register_flat(daemon.socket, 100)
        seen = [_seen(browser, daemon.socket, task, *load) for load in LOADS]
    return [*paints, *seen]


def _paint(browser: Browser, socket: Path, size: int, rounds: int) -> Row:
    seconds = []
    for _ in range(rounds):
        task = register_flat(socket, size)
        sleep(0.5)  # what the registration has the server do is done
        began = perf_counter()
        browser.page(f"/tasks/{task}")
        seconds.append(perf_counter() - began)
    return at_most(f"first paint of a task of {size:,} nodes", median(seconds), PAINT_SECONDS, "s")


def _seen(browser: Browser, socket: Path, task: str, per_second: int, bar: float) -> Row:
    """From the answer to a commit until it is on the page of its task."""
    ended = threading.Event()
    load = threading.Thread(target=_load, args=(socket, task, per_second, ended))
    load.start()
    try:
        with browser.ask("/changes") as stream, Wire(socket) as wire:
            sleep(1)
            took = [_see(browser, stream, wire, task, number) for number in range(SEEN)]
    finally:
        ended.set()
        load.join()
    what = f"an event is on the page, {per_second} a second"
    return at_most(what, median(took) * 1000, bar, "ms")


def _see(
    browser: Browser, stream: http.client.HTTPResponse, wire: Wire, task: str, number: int
) -> float:
    word = f"seen-{number}-{perf_counter()}"
    node = wire.call("TaskStatus", {"task_id": task, "limit": 1})["nodes"][0]["id"]
    wire.call("CommitEvent", {"task_id": task, "node_id": node, "payload": {"message": word}})
    began = perf_counter()
    while True:
        line = stream.readline()
        if _tells(line, task) and word in browser.page(f"/tasks/{task}"):
            return perf_counter() - began


def _tells(line: bytes, task: str) -> bool:
    if not line.startswith(b"data: {"):
        return False
    names = json.loads(line[6:])["names"]
    return "*" in names or task in names


def _load(socket: Path, task: str, per_second: int, ended: threading.Event) -> None:
    """Events of the last node: the first one's are looked for."""
    with Wire(socket) as wire:
        node = wire.call("TaskStatus", {"task_id": task})["nodes"][-1]["id"]
        began, sent = perf_counter(), 0
        while not ended.is_set():
            wire.call("CommitEvent", {"task_id": task, "node_id": node, "payload": sent})
            sent += 1
            sleep(max(began + sent / per_second - perf_counter(), 0))


@contextmanager
def _pages(socket: Path) -> Iterator[Browser]:
    with subprocess.Popen(
        [sys.executable, "-m", "agentd", "ui", "--no-open"],
        env={**os.environ, "AGENTD_SOCKET_PATH": str(socket)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield Browser(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGINT)
