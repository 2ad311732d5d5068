"""Clients that send and do not read: what they cost the daemon, and for how long."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.faults.bystander import Bystander
from tests.faults.footprint import MIB, memory_of, only_with_proc
from tests.faults.rude import Rude
from tests.wire.steps import SLACK_SECONDS, acquire, flat, held, register

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.daemon_process import Connection, DaemonProcess
    from tests.faults.laboratory import Laboratory

pytestmark = only_with_proc


CONTEXT = 900_000


def status_line(connection: Connection) -> bytes:
    """Return a request of some bytes whose answer has CONTEXT of them."""
    task = register(connection, context="x" * CONTEXT)
    return b'{"id":1,"method":"TaskStatus","params":{"task_id":"%b"}}\n' % task.id.encode()


@pytest.fixture
def clients(daemon: DaemonProcess) -> Iterator[list[Rude]]:
    """Four connections."""
    with contextlib.ExitStack() as opened:
        yield [opened.enter_context(Rude(daemon.socket_path)) for _ in range(4)]


def read_slowly(connection: Rude, seconds: float) -> bytes:
    """Read some 80 KB a second, so long."""
    read = b""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.1)
        read += connection.some(8_192)
    return read


def test_clients_that_read_nothing(
    daemon: DaemonProcess, clients: list[Rude], lab: Laboratory
) -> None:
    """They are cut off within 10 s, and cost little until then; one that reads slowly is served."""
    line = status_line(clients[0])
    slow, *deaf = clients
    before = memory_of(daemon).now
    with Bystander(daemon) as bystander:
        taken = [
            deaf[0].send_what_goes(line * 200_000),
            deaf[1].send_what_goes(b'{"method":"DescribeInterface"}\n' * 200_000),
        ]
        deaf[2].send_raw(line * 2)
        deaf[2].finish_sending()
        slow.send_raw(line * 2)
        began = time.monotonic()
        read = read_slowly(slow, 3)
        assert not any(one.hung_up() for one in deaf)
        while not all(one.hung_up() for one in deaf) and time.monotonic() < began + 20:
            read += read_slowly(slow, 0.3)
    waited, grown = time.monotonic() - began, memory_of(daemon).peak - before
    assert waited < 10 + SLACK_SECONDS
    assert daemon.stderr().count("has not read its answers") == len(deaf)
    assert max(taken) < MIB
    assert grown < 24 * MIB
    assert bystander.waits.p99 < 50
    while read.count(b"\n") < 2:
        read += slow.some(MIB)
    for answer in read.splitlines():
        assert len(json.loads(answer)["result"]["task"]["context"]) == CONTEXT
    lab.count(ms_until_cut_off=round(1000 * waited), KiB_grown=grown // 1024)


def test_large_contexts_in_a_pipeline(daemon: DaemonProcess, lab: Laboratory) -> None:
    """Of a pipeline of acquires with large contexts one is in memory at a time."""
    with daemon.connect() as eager:
        task = register(eager, flat(17))
        holder = held(acquire(eager, task))
        for _ in range(10):
            eager.call("CommitEvent", **holder, payload="x" * 1_000_000)
        before = memory_of(daemon).now
        request = {"method": "AcquireNextNode", "params": {"task_id": task.id}}
        eager.send_raw((json.dumps(request) + "\n").encode() * 16)
        nodes = {eager.read_response()["result"]["node_id"] for _ in range(16)}
        grown = memory_of(daemon).peak - before
    assert len(nodes) == 16
    assert grown < 60 * MIB
    lab.count(MiB_grown=grown // MIB)


def test_large_requests_in_a_pipeline(daemon: DaemonProcess, lab: Laboratory) -> None:
    """Of a pipeline of large requests few are in memory at a time."""
    with daemon.connect() as eager:
        before = memory_of(daemon).now
        request = {"method": "RegisterTask", "params": {"goal": "g", "context": "x" * 1_000_000}}
        sender = threading.Thread(
            target=eager.send_raw, args=((json.dumps(request) + "\n").encode() * 64,)
        )
        sender.start()
        for _ in range(64):
            assert eager.read_response()["result"]["task_id"]
        sender.join()
        grown = memory_of(daemon).peak - before
    assert grown < 32 * MIB
    lab.count(MiB_grown=grown // MIB)
