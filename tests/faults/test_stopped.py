"""Workers and daemons that are stopped and woken: real processes, real seconds."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from tests.daemon_process import DaemonProcess
from tests.faults.holder import LAST_WRITES, started
from tests.faults.oracle import Oracle, judge_all
from tests.wire.steps import eventually, register

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.daemon_process import Connection, Object
    from tests.faults.laboratory import Laboratory
    from tests.wire.steps import Task

WORKERS = 8
LATE_SECONDS = 10.0
LONGER_THAN_A_LEASE = 3.2


@contextmanager
def holders(
    daemon: DaemonProcess, name: str, tasks: Sequence[Task]
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """A holder of each task's node; those that are left in the end are killed."""
    ids = [task.id for task in tasks]
    processes = started(daemon.socket_path, daemon.home.parent, name, ids)
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def taken_over(connection: Connection, task: Task) -> bool:
    """Whether somebody else could take the task's node."""
    taken: Object | None = connection.call("AcquireNextNode", task_id=task.id, lease_owner="thief")
    return taken is not None


def sleep_of_workers(lab: Laboratory, daemon: DaemonProcess, name: str) -> int:
    """Stop half of the workers until others have their nodes, and wake them; returns how many."""
    with daemon.connect() as connection:
        tasks = [register(connection) for _ in range(WORKERS)]
        with holders(daemon, name, tasks) as workers:
            stopped = lab.random.sample(range(WORKERS), WORKERS // 2)
            for place in stopped:
                workers[place].send_signal(signal.SIGSTOP)
            until = time.time() + LATE_SECONDS
            for place in stopped:
                assert eventually(partial(taken_over, connection, tasks[place]), until)
            for place in stopped:
                workers[place].send_signal(signal.SIGCONT)
                assert workers[place].wait(LATE_SECONDS) == 0
    return len(stopped)


def test_a_worker_that_slept_writes_nothing(lab: Laboratory, home: Path) -> None:
    """While a worker is stopped another gets its node; awake, all that it writes is refused."""
    with DaemonProcess(home, AGENTD_NODE_TIMEOUT_SECS="1") as daemon:
        slept = 0
        for number in range(lab.amount(2, 20)):
            slept += sleep_of_workers(lab, daemon, f"round{number}")
        assert judge_all(daemon.database, home.parent) == []
        oracle = Oracle(daemon.database, home.parent)
        oracle.judge()
        refused = [entry for entry in oracle.accounts.entries if entry.refusal is not None]
        assert len(refused) >= slept * len(LAST_WRITES)
        lab.count(workers_stopped=slept, stale_writes_refused=len(refused))


def test_a_daemon_that_slept_robs_nobody(lab: Laboratory, home: Path) -> None:
    """While the daemon is stopped all leases run out; awake, it honours those of the living."""
    with DaemonProcess(home, AGENTD_NODE_TIMEOUT_SECS="3") as daemon, daemon.connect() as thief:
        tasks = [register(thief) for _ in range(WORKERS)]
        with holders(daemon, "worker", tasks) as workers:
            for _ in range(lab.amount(1, 20)):
                daemon.signal(signal.SIGSTOP)
                time.sleep(LONGER_THAN_A_LEASE)
                daemon.signal(signal.SIGCONT)
                assert not any(taken_over(thief, task) for task in tasks)
                lab.count(stops=1, leases_honoured=WORKERS)
            assert [worker.poll() for worker in workers] == [None] * WORKERS
        assert judge_all(daemon.database, home.parent) == []
