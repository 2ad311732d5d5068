"""When a lease is lost, and how the one who works on the node learns of it."""

# ruff: noqa: PT012, SIM117 - what is tested is what leaves a block, and a block within a block

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from agentd import Client
from agentd.errors import LeaseLost
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, DaemonProcess
from tests.leases import GONE, hold, left_alone, outcome, taken


@pytest.fixture
def losing(fleeting: DaemonProcess) -> Iterator[Client]:
    """A client of the daemon whose leases can be taken."""
    with Client(fleeting.socket_path) as opened:
        yield opened


@pytest.fixture
def client(shared: DaemonProcess) -> Iterator[Client]:
    """A client of the daemon with long leases."""
    with Client(shared.socket_path) as opened:
        yield opened


def work() -> None:
    """Python, step after step, until something is raised."""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends_at:
        pass
    raise AssertionError("nothing was raised")


# Leases that are lost


def test_it_is_lost_in_the_middle_of_work(fleeting: DaemonProcess, losing: Client) -> None:
    """LeaseLost comes between two steps of the work, within a heartbeat, and says why."""
    acquired = hold(fleeting)
    with pytest.raises(LeaseLost, match=f"^node {acquired.node_id}: {GONE}"):
        with losing.lease(acquired) as lease:
            taken(fleeting, acquired)
            work()
    assert lease.is_lost
    assert left_alone(fleeting, acquired)


_SLEEPER = """
import sys, time
from agentd import Client
from agentd.errors import LeaseLost
with Client(sys.argv[1]) as client:
    acquired = client.acquire_next_node(sys.argv[2], lease_secs=3)
    try:
        with client.lease(acquired):
            print("holds", flush=True)
            while True:
                pass
    except LeaseLost as lost:
        print(acquired.node_id in str(lost), flush=True)
"""


def test_it_is_lost_while_the_program_sleeps(shared: DaemonProcess, client: Client) -> None:
    """A program that was stopped for longer than its lease learns that another has the node."""
    task_id = client.register_task("g", initial_nodes=[{}]).task_id
    with subprocess.Popen(
        [sys.executable, "-c", _SLEEPER, str(shared.socket_path), task_id],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    ) as sleeper:
        assert sleeper.stdout is not None
        try:
            assert sleeper.stdout.readline() == "holds\n"
            sleeper.send_signal(signal.SIGSTOP)
            ends_at = time.monotonic() + PATIENCE_SECONDS
            while (acquired := client.acquire_next_node(task_id)) is None:
                assert time.monotonic() < ends_at
                time.sleep(0.02)
            with client.lease(acquired):
                sleeper.send_signal(signal.SIGCONT)
                assert sleeper.stdout.readline() == "True\n"
            assert outcome(shared, acquired) == ("COMPLETED", None)
        finally:
            sleeper.kill()


def test_a_commit_says_that_it_is_lost(client: Client, shared: DaemonProcess) -> None:
    """Whatever is written under a lease that is gone raises LeaseLost, and so does the end."""
    acquired = hold(shared)
    with pytest.raises(LeaseLost, match=acquired.node_id), client.lease(acquired) as lease:
        client.fail_node(acquired.task_id, acquired.node_id, acquired.lease_id, "by hand")
        with pytest.raises(LeaseLost, match=acquired.node_id):
            lease.commit("SAW")
        with pytest.raises(LeaseLost, match=acquired.node_id):
            lease.check()
    assert outcome(shared, acquired) == ("FAILED", "by hand")


def test_a_node_that_was_ended_with_its_own_lease(client: Client, shared: DaemonProcess) -> None:
    """Who ended the node does not matter: the lease is gone."""
    acquired = hold(shared)
    with pytest.raises(LeaseLost, match="FAILED"), client.lease(acquired) as lease:
        client.fail_node(acquired.task_id, acquired.node_id, acquired.lease_id, "by hand")
        lease.result = "too late"
    assert outcome(shared, acquired) == ("FAILED", "by hand")


def test_an_error_of_the_work_is_not_hidden(client: Client, shared: DaemonProcess) -> None:
    """Where the failure cannot be told any more, the work's own error goes on, with a note."""
    acquired = hold(shared)
    with pytest.raises(KeyError) as caught, client.lease(acquired):
        client.complete_node(acquired.task_id, acquired.node_id, acquired.lease_id, "by hand")
        raise KeyError("mine")
    [note] = caught.value.__notes__
    assert note.startswith(f"node {acquired.node_id} could not be failed: ")


def test_it_is_raised_at_the_end_if_it_was_swallowed(
    fleeting: DaemonProcess, losing: Client
) -> None:
    """A block that swallows LeaseLost does not get past its end."""
    acquired = hold(fleeting)
    with pytest.raises(LeaseLost, match=acquired.node_id), losing.lease(acquired) as lease:
        try:
            taken(fleeting, acquired)
            work()
        except LeaseLost:
            lease.result = "as if nothing had happened"
    assert left_alone(fleeting, acquired)


def test_a_block_that_was_left_keeps_nothing(fleeting: DaemonProcess, losing: Client) -> None:
    """After the block no heartbeat goes out: a node that was left alone goes back."""
    acquired = hold(fleeting)
    with pytest.raises(KeyboardInterrupt), losing.lease(acquired):
        raise KeyboardInterrupt

    def silent() -> bool:
        before = losing.metrics().runtime.heartbeats
        time.sleep(0.12)  # more than two heartbeats of the shortest kind
        return losing.metrics().runtime.heartbeats == before

    assert silent() or silent()  # one may have been on its way


def test_dropped_work(client: Client, shared: DaemonProcess) -> None:
    """`drop` lets go of the node: nothing is written, and the block does not get past its end."""
    acquired = hold(shared)
    with pytest.raises(LeaseLost, match="no time"), client.lease(acquired) as lease:
        lease.drop("no time")
        work()
    assert outcome(shared, acquired) == ("RUNNING", None)
    with pytest.raises(LeaseLost, match="no time"), client.lease(acquired) as lease:
        try:
            lease.drop("no time")
            work()
        except LeaseLost:
            lease.result = "all the same"
    assert outcome(shared, acquired) == ("RUNNING", None)
    with pytest.raises(KeyError, match="mine"), client.lease(acquired) as lease:
        try:
            lease.drop("no time")
            work()
        except LeaseLost as lost:
            raise KeyError("mine") from lost
    assert outcome(shared, acquired) == ("RUNNING", None)


# Several leases


def test_a_lease_within_a_lease(
    fleeting: DaemonProcess, losing: Client, shared: DaemonProcess, client: Client
) -> None:
    """Where the outer one is lost, its reason is told, and the inner node is left alone."""
    outer, inner = hold(fleeting), hold(shared)
    with pytest.raises(LeaseLost, match=f"node {outer.node_id}: {GONE}"), losing.lease(outer):
        with client.lease(inner) as lease:
            taken(fleeting, outer)
            work()
    assert not lease.is_lost
    assert outcome(shared, inner) == ("RUNNING", None)


def test_the_inner_one_is_lost(
    fleeting: DaemonProcess, losing: Client, shared: DaemonProcess, client: Client
) -> None:
    """Where the inner one is lost, the outer node may still come to its end."""
    outer, inner = hold(shared), hold(fleeting)
    with client.lease(outer) as lease:
        with pytest.raises(LeaseLost, match=f"node {inner.node_id}: {GONE}"), losing.lease(inner):
            taken(fleeting, inner)
        lease.result = "all the same"
    assert outcome(shared, outer) == ("COMPLETED", "all the same")
    outer, inner = hold(shared), hold(fleeting)
    with pytest.raises(LeaseLost, match=f"node {inner.node_id}: {GONE}"):
        with client.lease(outer), losing.lease(inner):
            taken(fleeting, inner)
    assert outcome(shared, outer) == ("RUNNING", None)


def test_it_is_lost_in_its_own_thread(
    fleeting: DaemonProcess, losing: Client, shared: DaemonProcess, client: Client
) -> None:
    """LeaseLost is raised in the thread that holds the lease, and in no other."""
    lost, kept = hold(fleeting), hold(shared)
    raised: list[BaseException] = []

    def run() -> None:
        with pytest.raises(LeaseLost) as caught, losing.lease(lost):
            taken(fleeting, lost)
            work()
        raised.append(caught.value)

    with client.lease(kept):
        thread = threading.Thread(target=run)
        thread.start()
        while thread.is_alive():
            pass
    assert lost.node_id in str(raised[0])
    assert outcome(shared, kept) == ("COMPLETED", None)
