"""`agentd wait-ready`: come back as soon as the daemon answers."""

import argparse
import time

from agentd.api import HealthResult
from agentd.cli.printing import print_data
from agentd.client import Client
from agentd.client.address import Address, address_of
from agentd.client.away import AWAY
from agentd.client.pauses import growing_pauses
from agentd.errors import DaemonUnreachable, NotStarted
from agentd.text import printable

_OK = "ok"


def run(options: argparse.Namespace) -> int:
    """Print where it listens; 1 when it says that it is not ready. Raises `DaemonUnreachable`."""
    address = address_of(None)
    health = _wait(address, options.timeout)
    if options.json:
        print_data({"socket": str(address), "health": health})
    else:
        print(f"daemon    {printable(health.status)}, listening on {printable(address)}")
    return 0 if health.status == _OK else 1


def _wait(address: Address, seconds: float) -> HealthResult:
    """How the daemon is, once it answers; raises why it did not in so many seconds."""
    end, pauses = time.monotonic() + seconds, growing_pauses()
    while True:
        try:
            with Client(address, max(end - time.monotonic(), 0.001)) as client:
                return client.health()
        except NotStarted:  # one that refuses does so the next time, too
            raise
        except AWAY as error:
            if time.monotonic() >= end and isinstance(error, DaemonUnreachable):
                raise type(error)(f"not ready in {seconds:g} s: {error}") from error
            if time.monotonic() >= end:
                raise
        time.sleep(min(next(pauses), max(end - time.monotonic(), 0)))
