"""Many large requests at once: what they cost, and what becomes of them when the daemon stops."""

from __future__ import annotations

import contextlib
import json
import select
import signal
import time
from typing import TYPE_CHECKING

from tests.daemon_process import checked, encoded
from tests.faults.footprint import MIB, memory_of, only_with_proc
from tests.faults.rude import Rude
from tests.wire.steps import acquire, eventually, flat, held, register

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.daemon_process import DaemonProcess
    from tests.faults.laboratory import Laboratory

NODES = 20_000
"""The most that one request makes."""

PIECE = 65_536
RESULT = "x" * 1_000_000


@contextlib.contextmanager
def crowd(daemon: DaemonProcess, clients: int) -> Iterator[list[Rude]]:
    """So many connections."""
    with contextlib.ExitStack() as opened:
        yield [opened.enter_context(Rude(daemon.socket_path, 60)) for _ in range(clients)]


def status_line(task: str) -> bytes:
    """Return a request that asks for all of a task."""
    return encoded({"id": 1, "method": "TaskStatus", "params": {"task_id": task}}) + b"\n"


def test_a_stop_among_large_requests(daemon: DaemonProcess, lab: Laboratory) -> None:
    """Each is done whole or refused with what to do; what was done is there after the restart."""
    params = {"goal": "g", "initial_nodes": [{}] * NODES}
    line = encoded({"id": 1, "method": "RegisterTask", "params": params}) + b"\n"
    with crowd(daemon, 10) as clients, daemon.connect() as witness:
        for client in clients:
            client.send_raw(line)
        witness.call("Health")  # by now all of them were read
        began = time.monotonic()
        daemon.signal(signal.SIGTERM)
        answers = [checked(json.loads(client.read_line())) for client in clients]
        assert daemon.wait() == 0
        took = time.monotonic() - began
    done = {answer["result"]["task_id"] for answer in answers if "result" in answer}
    refused = [answer["error"] for answer in answers if "error" in answer]
    assert refused
    assert {error["data"]["kind"] for error in refused} == {"storage_error"}
    assert all("repeat it" in error["message"] for error in refused)
    daemon.start()
    with daemon.connect() as connection:
        tasks = connection.call("ListTasks")["tasks"]
    assert {task["id"]: task["counts"] for task in tasks} == {
        task: {"PENDING": NODES} for task in done
    }
    lab.count(done=len(done), refused=len(refused), ms_to_stop=round(1000 * took))


@only_with_proc
def test_clients_that_read_nothing_of_large_answers(daemon: DaemonProcess, lab: Laboratory) -> None:
    """However large their answers are, little of them is kept; one that reads has all of it."""
    results, deaf = lab.amount(20, 100), lab.amount(30, 100)
    with daemon.connect() as worker, crowd(daemon, deaf) as clients:
        task = register(worker, flat(results))
        for _ in range(results):
            holder = held(acquire(worker, task))
            worker.call("CompleteNode", **holder, result_payload=RESULT)
        before = memory_of(daemon).now
        for client in clients:
            client.send_raw(status_line(task.id))
        with Rude(daemon.socket_path, 60) as reader:
            reader.send_raw(status_line(task.id))
            answer = checked(json.loads(reader.read_line()))["result"]
        grown = memory_of(daemon).peak - before
    assert [node["result_payload"] for node in answer["nodes"]] == [RESULT] * results
    assert grown < (32 + 3 * deaf) * MIB  # of answers of 20 MB each, or 100
    lab.count(clients=deaf, MiB_answered=deaf * results, MiB_grown=grown // MIB)


@only_with_proc
def test_contexts_that_nobody_reads(daemon: DaemonProcess, lab: Laboratory) -> None:
    """Workers that ask at once are handed their nodes as there is room for what they are shown."""
    results, deaf = 20, lab.amount(30, 100)
    before = [f"n{index}" for index in range(results)]
    graph = {**flat(results), **{f"last{index}": before for index in range(deaf)}}
    with daemon.connect() as worker:
        task = register(worker, graph)
        for _ in range(results):
            holder = held(acquire(worker, task))
            worker.call("CompleteNode", **holder, result_payload=RESULT)
        line = encoded({"id": 1, "method": "AcquireNextNode", "params": {"task_id": task.id}})
        daemon.restart()  # now it does not know how large they are
    with crowd(daemon, deaf) as clients, daemon.connect() as witness:
        at_rest = memory_of(daemon).now
        for client in clients:
            client.send_raw(line + b"\n")
        assert eventually(lambda: any(map(Rude.hung_up, clients)), time.time() + 60)
        witness.call("Health")
        grown = memory_of(daemon).peak - at_rest
    assert grown < 500 * MIB  # of answers of 20 MB each
    lab.count(contexts=deaf, MiB_grown_by_contexts=grown // MIB)


def send_what_goes(clients: list[Rude], line: bytes) -> int:
    """Let all of them send until the daemon takes no more, and return how many bytes it took."""
    sent = dict.fromkeys(clients, 0)
    while ready := select.select([], [c for c in clients if sent[c] < len(line)], [], 1.0)[1]:
        for client in ready:
            sent[client] += client.send_at_once(line[sent[client] : sent[client] + PIECE])
    return sum(sent.values())


@only_with_proc
def test_long_lines_that_do_not_end(daemon: DaemonProcess, lab: Laboratory) -> None:
    """Of few of them more than the beginning is read, and nobody else is kept from long lines."""
    rude = lab.amount(100, 400)
    with crowd(daemon, rude) as clients:
        before = memory_of(daemon).now
        taken = send_what_goes(clients, b"x" * (MIB - 1))
        with daemon.connect() as other:
            other.call("Health")
        grown = memory_of(daemon).peak - before
        assert grown < (40 + rude // 5) * MIB  # of 1 MiB each
        if lab.soak:
            began = time.monotonic()
            _register_long(daemon)
            lab.count(ms_that_a_long_line_waited=round(1000 * (time.monotonic() - began)))
    lab.count(clients=rude, MiB_taken=taken // MIB, MiB_grown=grown // MIB)


def _register_long(daemon: DaemonProcess) -> None:
    """A line that needs a permit: who lets it wait is cut off, and others take the place."""
    with Rude(daemon.socket_path, 300) as honest:
        assert honest.call("RegisterTask", goal="x" * 10 * PIECE)["task_id"]
