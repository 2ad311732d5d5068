"""Daemons on several hosts with one database: processes that are killed, and a server that is."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from tests.core import uid
from tests.daemon_process import DaemonProcess, serve_to_the_end
from tests.postgres_server import own_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOSTS = 3
LONG = 30
"""Seconds that a request may wait: it is answered because of what happens."""


@contextmanager
def hosts(url: str, directory: Path) -> Iterator[list[DaemonProcess]]:
    """Daemons, each with a home of its own; they start together."""
    with ExitStack() as ending:
        started: list[DaemonProcess | None] = [None] * HOSTS

        def start(number: int) -> None:
            home = directory / f"host{number}"
            started[number] = DaemonProcess(home, AGENTD_DATABASE_URL=url)

        threads = [threading.Thread(target=start, args=(number,)) for number in range(HOSTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for host in started:
            if host is not None:
                ending.enter_context(host)
        assert None not in started
        yield [host for host in started if host is not None]


class Waiting(threading.Thread):
    """A request on its way."""

    def __init__(self, host: DaemonProcess, method: str, **params: Any) -> None:
        super().__init__(daemon=True)
        self._host, self._method, self._params = host, method, params
        self._result: Any = None
        self.start()

    def run(self) -> None:
        with self._host.connect() as connection:
            self._result = connection.call(self._method, **self._params)

    def result(self) -> Any:
        """What it was answered."""
        self.join()
        return self._result


def complete(host: DaemonProcess, held: Any) -> None:
    """Complete a node through some daemon: it need not be the one that handed it out."""
    with host.connect() as connection:
        named = {name: held[name] for name in ("task_id", "node_id", "lease_id")}
        connection.call("CompleteNode", **named)


def test_a_plan_goes_on_over_three_hosts_whatever_is_killed(tmp_path: Path) -> None:
    """A daemon is killed, and then the server: workers at the others get on, nothing is lost."""
    plan = [{"id": uid(n), "dependencies": [uid(n - 1)][: n - 1]} for n in range(1, 5)]
    with own_server() as server, hosts(server.fresh_database(), tmp_path) as (first, second, third):
        with first.connect() as connection:
            connection.call("RegisterTask", goal="g", initial_nodes=plan)
            held = connection.call("AcquireNextNode", lease_owner="a")
        waiting = Waiting(second, "AcquireNextNode", lease_owner="b", wait_secs=LONG)
        first.kill()
        complete(third, held)
        held = waiting.result()
        assert held["node_id"] == uid(2)
        waiting = Waiting(third, "AcquireNextNode", lease_owner="c", wait_secs=LONG)
        server.kill()
        completing = threading.Thread(target=complete, args=(second, held))
        completing.start()  # it waits for the server
        server.start()
        completing.join()
        complete(third, waiting.result())
        first.start()
        with first.connect() as connection:
            complete(first, connection.call("AcquireNextNode", lease_owner="a"))
            counts = connection.call("Metrics")["database"]["node_status_counts"]
        assert counts["COMPLETED"] == len(plan)


def test_a_daemon_whose_server_is_not_there_says_so_and_ends(tmp_path: Path) -> None:
    """One line, without the password."""
    url = "postgresql://ann:secret@127.0.0.1:1/agentd"
    ended = serve_to_the_end(
        tmp_path / "home", AGENTD_DATABASE_URL=url, AGENTD_DATABASE_WAIT_SECS="1"
    )
    assert ended.code == 1
    assert (
        "the server of postgresql://ann@127.0.0.1:1/agentd could not be reached" in ended.lines[-1]
    )
    assert "secret" not in ended.output
