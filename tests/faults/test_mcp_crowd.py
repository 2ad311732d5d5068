"""Many clients of tool calls: who lives loses nothing, and who was killed holds nothing."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.daemon_process import PATIENCE_SECONDS
from tests.mcp_clients import ClientProcess, seconds_until_gone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.daemon_process import DaemonProcess
    from tests.faults.laboratory import Laboratory

CROWD = 20
HOUR_SECONDS = 3_600
KEPT_SECONDS = 5.0
"""How long a dead client may hold something, at most, on a machine that does nothing else."""

LONGEST_PAUSE_SECONDS = 30
"""In a soak, between two deaths: a lease has its heartbeats meanwhile."""

WAYS = ((), ("kept",), ("kept", "launched"), ("deaf", "kept"), ("kept", "stopped"), ("polite",))


class Crowd:
    """So many clients at one daemon; whoever dies has a successor."""

    def __init__(self, stack: ExitStack, daemon: DaemonProcess, lab: Laboratory) -> None:
        self._stack = stack
        self._daemon = daemon
        self._lab = lab
        self._connection = stack.enter_context(daemon.connect())
        begun = [self._begin() for _ in range(lab.amount(2, CROWD))]
        self.clients = [self._met(*each) for each in begun]

    def _begin(self) -> tuple[ClientProcess, tuple[str, ...]]:
        way = self._lab.random.choice(WAYS)
        client = ClientProcess(self._daemon, *({*way} - {"stopped", "polite"}))
        return self._stack.enter_context(client), way

    def _met(
        self, client: ClientProcess, way: tuple[str, ...]
    ) -> tuple[ClientProcess, tuple[str, ...]]:
        return client.meet(self._connection), way

    def deaths(self) -> Iterator[float]:
        """One after the other dies; each time the seconds for which its server lived on."""
        while True:
            place = self._lab.random.randrange(len(self.clients))
            client, way = self.clients[place]
            if "stopped" in way:
                client.process.send_signal(signal.SIGSTOP)
            if "polite" in way:
                client.leave()
            else:
                client.kill()
            seconds = seconds_until_gone(client.server, PATIENCE_SECONDS)
            assert not client.holds(self._connection)
            client.end()
            self.clients[place] = self._met(*self._begin())
            yield seconds

    def look(self) -> None:
        """Whoever lives calls, and has lost nothing."""
        for client, way in self.clients:
            if "deaf" not in way:
                client.call()
            assert client.holds(self._connection)
        self._lab.count(leases_that_a_live_client_held=2 * len(self.clients))


@pytest.mark.alone
def test_a_crowd_of_tool_calls(lab: Laboratory, daemon: DaemonProcess) -> None:
    """No lease of a live client is lost; a dead one's are free within 5 s, in a soak of an hour."""
    ends_at = time.monotonic() + lab.amount(0, HOUR_SECONDS)
    with ExitStack() as stack:
        crowd = Crowd(stack, daemon, lab)
        for number, seconds in enumerate(crowd.deaths(), 1):
            crowd.look()
            lab.count(clients_that_died=1)
            if lab.soak:
                assert seconds <= KEPT_SECONDS
                time.sleep(lab.random.uniform(0, LONGEST_PAUSE_SECONDS))
            if number >= lab.amount(2, CROWD) and time.monotonic() >= ends_at:
                break
