"""Rule: whoever scrapes the figures is not felt by those who work.

A drain alone and beside a scraper that asks every 100 ms, in turns, with 100 limits to tell of.
"""

import socket
import subprocess
import sys
from pathlib import Path

from benchmarks.daemons import agentd, fresh_home
from benchmarks.load import drain_flat
from benchmarks.report import Row, at_least, at_most
from benchmarks.resident import cpu_seconds
from benchmarks.run import Run
from benchmarks.scraper import scrape
from benchmarks.stats import median
from benchmarks.wire import Wire

NODES = 4_000
WORKERS = 8
LIMITS = 100
SCRAPES = 50


def scraping(run: Run) -> list[Row]:
    """What is left of a drain's rate beside a scraper, and what one scrape costs the daemon."""
    port = _free_port()
    with fresh_home() as home, agentd(home, "--metrics", f"127.0.0.1:{port}") as daemon:
        _set_limits(daemon.socket)
        scrape(port)
        busy = cpu_seconds(daemon.pid)
        took = [scrape(port) for _ in range(SCRAPES)]
        cost = (cpu_seconds(daemon.pid) - busy) / SCRAPES * 1e3
        shares = [_share(daemon.socket, port) for _ in range(run.rounds)]
    return [
        at_least("drain beside a scraper", median(shares) * 100, 95, "%", worst=min(shares) * 100),
        at_most("  CPU of one scrape", cost, 15, "ms", wall=median(took)),
    ]


def _share(path: Path, port: int) -> float:
    """The rate beside a scraper as a part of the rate alone, of neighbours in time."""
    before = drain_flat(path, NODES, WORKERS).cycles_per_second
    command = [sys.executable, "-m", "benchmarks.scraper", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as scraper:
        try:
            beside = drain_flat(path, NODES, WORKERS).cycles_per_second
            assert scraper.poll() is None
        finally:
            scraper.kill()
    after = drain_flat(path, NODES, WORKERS).cycles_per_second
    return beside / ((before + after) / 2)


def _set_limits(path: Path) -> None:
    with Wire(path) as wire:
        for number in range(LIMITS):
            wire.call("SetLimit", {"name": f"limit {number}", "max_running": 3})


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
