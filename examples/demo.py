"""The main job on real input: two workers drain a release graph while the daemon is killed.

The rule this file keeps: the demo believes nobody. It ends with exit status 0 only if every claim
of the verdict was checked against what the workers wrote down and what the database file holds.
"""

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agentd.client import Client
from agentd.errors import DaemonUnreachable, RequestRefused
from examples.demo_daemon import ROOT, Daemon
from examples.demo_journal import Journal
from examples.demo_log import Entry, LogReader
from examples.demo_screen import Check, Screen, Style

WORKERS = ("worker-1", "worker-2")
KILL_AFTER_COMPLETED = 4
POLL_SECS = 0.02
DOWN_SECS = 0.5
DEADLINE_SECS = 14.0
"""The demo gives up rather than keep a person waiting."""
STYLES = {"completes": Style.GOOD, "waits": Style.NEWS, "is back": Style.NEWS}

Json = dict[str, Any]


class DemoFailedError(Exception):
    """The demo could not go on."""


TROUBLE = (
    DemoFailedError,
    DaemonUnreachable,
    RequestRefused,
    sqlite3.Error,
    subprocess.TimeoutExpired,
)
"""What can go wrong on the daemon's side; anything else is a fault of the demo."""


class Demo:
    """One run: a home, a daemon, two workers and what is known of them."""

    def __init__(self, home: Path, screen: Screen) -> None:
        self.home = home
        self.screen = screen
        self.daemon = Daemon(home)
        self.task: Json = json.loads((ROOT / "examples" / "release.json").read_bytes())
        self.task_id = ""
        self.entries: list[Entry] = []
        self._counts: dict[str, int] = {}
        self._readers = [LogReader(self._log_of(name)) for name in WORKERS]
        self._workers: list[subprocess.Popen[bytes]] = []
        self._gives_up_at = time.monotonic() + DEADLINE_SECS

    def play(self) -> list[Check]:
        """The whole story, printed as it happens; returns the verdict."""
        self.screen.heading("What happens")
        self._start_daemon("starts")
        self._register()
        self._start_workers()
        self._wait("both workers hold nodes", self._is_worth_a_kill)
        self._kill_daemon()
        self._start_daemon("restarts")
        self._wait("the workers finish", lambda: all(w.poll() is not None for w in self._workers))
        status = self._status()
        stopped = self.daemon.stop(self._seconds_left())
        self.screen.event("demo", "stops", f"the daemon with SIGTERM, exit status {stopped}")
        replay = self.daemon.check_replay(self._seconds_left())
        journal = Journal(self.daemon.database_path)
        self._print_nodes(status, journal)
        self._print_journal(journal)
        return [
            Check("workers", *self._workers_ended()),
            *state_checks(status, journal),
            Check("SIGTERM", stopped == 0, f"the daemon ended with exit status {stopped}"),
            Check("replay --check", replay.returncode == 0, outcome(replay)),
            lost_writes(self.entries, journal),
        ]

    def end(self) -> None:
        """Leave no process behind, however the run went."""
        self.daemon.kill()
        for worker in self._workers:
            worker.kill()
            worker.wait()

    def _start_daemon(self, verb: str) -> None:
        pid = self.daemon.start()
        self.screen.event("demo", verb, f"the daemon, pid {pid}", style=Style.NEWS)
        self._wait("the daemon answers Health", self._is_up)
        self.screen.event("daemon", "is ready", "", style=Style.NEWS)

    def _is_up(self) -> bool:
        if (status := self.daemon.exit_status()) is not None:
            raise DemoFailedError(f"the daemon ended with exit status {status}")
        return self.daemon.is_healthy()

    def _register(self) -> None:
        with Client(self.daemon.socket_path, self._seconds_left()) as client:
            self.task_id = client.call("RegisterTask", self.task)["task_id"]
        count = len(self.task["initial_nodes"])
        self.screen.event("demo", "registers", f"{self.task['goal']}: {count} nodes")

    def _start_workers(self) -> None:
        for name in WORKERS:
            command = [sys.executable, "-m", "examples.demo_worker", "--name", name]
            command += ["--socket", str(self.daemon.socket_path)]
            command += ["--task", self.task_id, "--log", str(self._log_of(name))]
            # A Ctrl-C is for the demo alone, which then ends its processes itself.
            self._workers.append(subprocess.Popen(command, cwd=ROOT, start_new_session=True))

    def _is_worth_a_kill(self) -> bool:
        self._counts = self._status()["counts"]
        completed = self._counts.get("COMPLETED", 0)
        if completed == len(self.task["initial_nodes"]):
            raise DemoFailedError("the graph was drained before the daemon could be killed")
        running = self._counts.get("RUNNING", 0)
        return completed >= KILL_AFTER_COMPLETED and running == len(WORKERS)

    def _kill_daemon(self) -> None:
        self.daemon.kill()
        counts = f"{self._counts['COMPLETED']} completed, {self._counts['RUNNING']} running"
        self.screen.event("demo", "KILLS", f"the daemon with SIGKILL: {counts}", style=Style.BAD)
        back_at = time.monotonic() + DOWN_SECS
        self._wait("the daemon stays away", lambda: time.monotonic() >= back_at)

    def _status(self) -> Json:
        with Client(self.daemon.socket_path, self._seconds_left()) as client:
            status: Json = client.call("TaskStatus", {"task_id": self.task_id})
        return status

    def _wait(self, what: str, is_true: Callable[[], bool]) -> None:
        """Wait until `is_true`, printing meanwhile what the workers do."""
        while not is_true():
            if self._seconds_left() <= 0:
                raise DemoFailedError(f"waited in vain until {what}")
            self._print_news()
            time.sleep(POLL_SECS)
        self._print_news()

    def _seconds_left(self) -> float:
        return max(0.0, self._gives_up_at - time.monotonic())

    def _print_news(self) -> None:
        news = [entry for reader in self._readers for entry in reader.new_entries()]
        self.entries += news
        for entry in sorted(news, key=lambda entry: entry.at):
            if entry.what != "commits":  # 24 more rows; the table counts them
                style = STYLES.get(entry.what, Style.PLAIN)
                self.screen.event(entry.worker, entry.what, entry.title, entry.at, style)

    def _print_nodes(self, status: Json, journal: Journal) -> None:
        self.screen.heading("How the nodes ended")
        committed = journal.count_by_node("EventCommitted")
        extended = journal.count_by_node("LeaseExtended")
        rows = []
        for node in status["nodes"]:
            node_id, done = node["id"], node["status"] == "COMPLETED"
            seconds = f"{journal.seconds_held(node_id):.2f}" if done else "-"
            worker = node["result_payload"]["worker"] if done else "-"
            counts = (str(committed[node_id]), str(extended[node_id]))
            rows.append((node["payload_schema"]["title"], node["status"], worker, seconds, *counts))
        head = ("node", "state", "worker", "seconds", "events", "heartbeats")
        self.screen.table(head, rows)

    def _print_journal(self, journal: Journal) -> None:
        self.screen.heading(f"Events journalled: {len(journal.rows)}")
        self.screen.table(("count", "kind"), ((str(n), k) for k, n in journal.kinds().items()))

    def _workers_ended(self) -> tuple[bool, str]:
        statuses = [worker.returncode for worker in self._workers]
        return not any(statuses), f"ended with exit status {' and '.join(map(str, statuses))}"

    def _log_of(self, name: str) -> Path:
        return self.home / f"{name}.jsonl"


def state_checks(status: Json, journal: Journal) -> list[Check]:
    """Every node ended once and in order, by the daemon's word and by the journal's."""
    nodes = status["nodes"]
    completed = sum(node["status"] == "COMPLETED" for node in nodes)
    twice = [node for node, n in journal.count_by_node("NodeCompleted").items() if n > 1]
    early = journal.out_of_order({node["id"]: node["dependencies"] for node in nodes})
    return [
        Check("nodes", completed == len(nodes), f"{completed} of {len(nodes)} COMPLETED"),
        Check("completed twice", not twice, str(len(twice))),
        Check("started before what they depend on", not early, str(len(early))),
    ]


def lost_writes(entries: list[Entry], journal: Journal) -> Check:
    """Is every write that a worker got an answer to in the journal?"""
    acknowledged = {entry.event_id for entry in entries if entry.event_id}
    lost = journal.lost(acknowledged)
    held = bool(acknowledged) and not lost
    return Check("lost writes", held, f"{len(lost)} (of {len(acknowledged)} acknowledged)")


def outcome(replay: subprocess.CompletedProcess[str]) -> str:
    """What the replay said: its last line, or all of it when it failed."""
    lines = (replay.stdout + replay.stderr).strip().splitlines()
    if replay.returncode:
        return "\n".join([f"exit status {replay.returncode}", *lines])
    return lines[-1].removeprefix("replay check: ") if lines else "no difference"


def judge(demo: Demo) -> bool:
    """Play the demo and print the verdict; whatever stops it is a verdict too."""
    try:
        checks = demo.play()
    except KeyboardInterrupt:
        demo.screen.block("interrupted", Style.BAD)
        return False
    except TROUBLE as trouble:
        demo.screen.block(f"FAILED: {trouble}", Style.BAD)
        return False
    finally:
        demo.end()
    demo.screen.heading("Verdict")
    for check in checks:
        demo.screen.check(check)
    return all(check.held for check in checks)


def main() -> int:
    """Run the demo. Returns the exit status: 0 if everything held, else 1."""
    started = time.monotonic()
    screen = Screen()
    home = Path(tempfile.mkdtemp(prefix="agentd-demo-", dir="/tmp"))  # a socket's path is short
    screen.line("agentd demo: a release graph, two workers, one SIGKILL", Style.HEAD)
    screen.line(f"Everything happens in {home}, which is removed at the end.")
    demo = Demo(home, screen)
    held = judge(demo)
    screen.line()
    if held:
        shutil.rmtree(home)
        screen.line(f"Everything held, in {time.monotonic() - started:.1f} s.", Style.GOOD)
        return 0
    screen.line(f"Not everything held. {home} is kept; the daemon's last words:", Style.BAD)
    screen.block(demo.daemon.last_words())
    return 1


if __name__ == "__main__":
    sys.exit(main())
