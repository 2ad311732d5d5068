"""Three daemons on one PostgreSQL server, as three hosts would have them: `make demo-machines`.

The rule this file keeps: the demo believes nobody. It ends with exit status 0 only if what the
workers were told and what the journal says agree, though a daemon was killed, and the server.
"""

import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from agentd import Client
from agentd.errors import DaemonUnreachable, RequestRefused
from examples.demo import DemoFailedError, outcome
from examples.demo_hosts import Host
from examples.demo_screen import Check, Screen, Style
from tests.postgres_server import PostgresServer, own_server

HOSTS = ("ash", "birch", "cedar")
PARTS, STEPS = 12, ("fetch", "build", "test", "pack")
POLL_SECS = 0.05
DOWN_SECS = 1.0
DEADLINE_SECS = 28.0
KILL_DAEMON_AT, KILL_SERVER_AT, START_DAEMON_AT = 12, 26, 40
"""Nodes that are completed then."""


def plan() -> list[dict[str, Any]]:
    """Sixty nodes: twelve parts with four steps each, then a part of the release each."""
    nodes: list[dict[str, Any]] = []
    for part in range(PARTS):
        before: list[str] = []
        for step in (*STEPS, "release"):
            name = f"{step}-{part}"
            nodes.append({"name": name, "dependencies": before})
            before = [name]
    return nodes


class Demo:
    """One run: a server, three hosts, and what is known of them."""

    def __init__(self, home: Path, screen: Screen, server: PostgresServer) -> None:
        self.screen = screen
        self.server = server
        self.url = server.fresh_database()
        self.hosts = [Host(name, home / name, self.url) for name in HOSTS]
        self.task_id = ""
        self._gives_up_at = time.monotonic() + DEADLINE_SECS

    def play(self) -> list[Check]:
        """The whole story, printed as it happens; returns the verdict."""
        ash, birch, _cedar = self.hosts
        self.screen.heading("What happens")
        for host in self.hosts:
            self._start(host)
        self._register(ash)
        for host in self.hosts:
            host.work(self.task_id)
        self._wait_for(KILL_DAEMON_AT)
        birch.daemon.kill()
        self._tell("KILLS", f"the daemon of {birch.name} with SIGKILL", Style.BAD)
        self._wait_for(KILL_SERVER_AT)
        self.server.kill()
        self._tell("KILLS", "the server with SIGKILL", Style.BAD)
        time.sleep(DOWN_SECS)
        self.server.start()
        self._tell("starts", "the server again", Style.NEWS)
        self._wait_for(START_DAEMON_AT)
        self._start(birch)
        self._wait_for(len(plan()))
        for host in self.hosts:
            host.stop.set()
        replay = ash.daemon.check_replay(self._seconds_left())
        completed = list(self._completed(ash))
        self._print_hosts(completed)
        return [
            *self._checks(completed),
            Check("replay --check", not replay.returncode, outcome(replay)),
        ]

    def end(self) -> None:
        """Leave no process behind, however the run went."""
        for host in self.hosts:
            host.stop.set()
            host.daemon.kill()

    def _start(self, host: Host) -> None:
        pid = host.daemon.start()
        self._wait(f"the daemon of {host.name} answers", host.daemon.is_healthy)
        self._tell("starts", f"the daemon of {host.name}, pid {pid}", Style.NEWS)

    def _register(self, host: Host) -> None:
        with Client(host.daemon.socket_path) as client:
            task = client.call("RegisterTask", {"goal": "twelve parts", "initial_nodes": plan()})
        self.task_id = task["task_id"]
        self._tell("registers", f"a plan of {len(plan())} nodes, at {host.name}'s daemon")

    def _wait_for(self, completed: int) -> None:
        self._wait(f"{completed} nodes are completed", lambda: self._count() >= completed)
        self.screen.event("plan", "is at", f"{self._count()} of {len(plan())} completed")

    def _count(self) -> int:
        for host in self.hosts:
            try:
                with Client(host.daemon.socket_path, timeout=1.0) as client:
                    status = client.call("TaskStatus", {"task_id": self.task_id})
            except (DaemonUnreachable, RequestRefused):
                continue
            return int(status["counts"].get("COMPLETED", 0))
        return 0

    def _completed(self, host: Host) -> Iterator[dict[str, Any]]:
        """What the journal has of completions."""
        with Client(host.daemon.socket_path) as client:
            after = 0
            while True:
                params = {"task_id": self.task_id, "after_seq": after, "kinds": ["COMPLETE_NODE"]}
                found = client.call("WatchEvents", params)
                yield from found["events"]
                if not found["events"]:
                    return
                after = found["last_seq"]

    def _print_hosts(self, completed: list[dict[str, Any]]) -> None:
        self.screen.heading("Who completed what")
        workers = Counter(event["payload"]["result"]["worker"] for event in completed)
        self.screen.table(
            ("worker", "nodes"), [(name, str(number)) for name, number in sorted(workers.items())]
        )

    def _checks(self, completed: list[dict[str, Any]]) -> list[Check]:
        nodes = Counter(event["node_id"] for event in completed)
        told = {done.node_id for host in self.hosts for done in host.done}
        lost = told - nodes.keys()
        hosts = [host for host in self.hosts if host.done]
        number = len(plan())
        return [
            Check("nodes", len(nodes) == number, f"{len(nodes)} of {number} COMPLETED"),
            Check(
                "completed twice", len(completed) == len(nodes), str(len(completed) - len(nodes))
            ),
            Check("lost", bool(told) and not lost, f"{len(lost)} (of {len(told)} acknowledged)"),
            Check("hosts", len(hosts) == len(HOSTS), f"{len(hosts)} of {len(HOSTS)} took part"),
        ]

    def _wait(self, what: str, is_true: Callable[[], bool]) -> None:
        while not is_true():
            if self._seconds_left() <= 0:
                raise DemoFailedError(f"waited in vain until {what}")
            time.sleep(POLL_SECS)

    def _seconds_left(self) -> float:
        return max(0.0, self._gives_up_at - time.monotonic())

    def _tell(self, what: str, title: str, style: Style = Style.PLAIN) -> None:
        self.screen.event("demo", what, title, style=style)


def judge(demo: Demo, screen: Screen) -> bool:
    """Play the demo and print the verdict; whatever stops it is a verdict too."""
    try:
        checks = demo.play()
    except (DemoFailedError, DaemonUnreachable, RequestRefused) as trouble:
        screen.block(f"FAILED: {trouble}", Style.BAD)
        for host in demo.hosts:
            if host.daemon.log_path.exists():
                screen.block(host.daemon.last_words(), Style.BAD)
        return False
    finally:
        demo.end()
    screen.heading("Verdict")
    for check in checks:
        screen.check(check)
    return all(check.held for check in checks)


def main() -> int:
    """Run the demo. Returns the exit status: 0 if everything held, else 1."""
    started = time.monotonic()
    screen = Screen()
    home = Path(tempfile.mkdtemp(prefix="agentd-demo-", dir="/tmp"))  # a socket's path is short
    screen.line("agentd demo: one plan, one PostgreSQL, three daemons, two SIGKILLs", Style.HEAD)
    try:
        with own_server(durable=True) as server:
            held = judge(Demo(home, screen, server), screen)
    finally:
        shutil.rmtree(home)
    screen.line()
    if held:
        screen.line(f"Everything held, in {time.monotonic() - started:.1f} s.", Style.GOOD)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
