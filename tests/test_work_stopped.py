"""`agentd work` that is told to stop, or whose lease is lost: its command ends with it."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from agentd import Client
from tests.daemon_process import DaemonProcess
from tests.working import node, task, working


@pytest.fixture
def client(shared: DaemonProcess) -> Iterator[Client]:
    """A client of the daemon that all of them share."""
    with Client(shared.socket_path) as opened:
        yield opened


def is_gone(process_id: int) -> bool:
    """Whether there is no such process, in a few seconds."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(process_id, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


POLITE = "trap 'echo stops >&2; exit 1' TERM; echo begins >&2; sleep 60 & wait"
STUBBORN = "trap '' TERM; echo begins >&2; sleep 60 & echo $! >&2; while :; do sleep 1; done"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_an_interrupt_ends_the_command(
    shared: DaemonProcess, client: Client, number: signal.Signals
) -> None:
    """Ctrl-C, or a terminal that goes away, ends the command politely; the node is let go of."""
    task_id = task(client, 1)
    with working(shared, task_id, POLITE) as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (130, "")
    assert "] stops\n" in err
    assert "goes back when its lease runs out" in err
    assert node(client, task_id).status == "RUNNING"


def test_a_second_interrupt_is_firm(shared: DaemonProcess, client: Client) -> None:
    """A command that ignores SIGTERM is killed at the second Ctrl-C, with what it has started."""
    task_id = task(client, 1)
    with working(shared, task_id, STUBBORN) as process:
        assert process.stderr is not None
        helper = int(process.stderr.readline().rpartition(" ")[2])
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=4)
    assert process.returncode == 130
    assert is_gone(helper)
    assert node(client, task_id).status == "RUNNING"


def test_sigterm_lets_it_finish(shared: DaemonProcess, client: Client) -> None:
    """SIGTERM lets the command finish its node, and no other is acquired."""
    task_id = task(client, 1, 2)
    with working(shared, task_id, "echo begins >&2; sleep 2; echo 7") as process:
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    assert (process.returncode, out.splitlines()[0]) == (0, "1 completed, 0 failed, 0 lost")
    assert client.task_status(task_id).counts == {"PENDING": 1, "COMPLETED": 1}


@pytest.mark.parametrize("script", ["exec sleep 60", "trap 'exit 143' TERM; sleep 60 & wait"])
def test_sigterm_for_all_processes(shared: DaemonProcess, client: Client, script: str) -> None:
    """A machine that shuts down sends SIGTERM to the command too: its node is not failed."""
    task_id = task(client, 1)
    with working(shared, task_id, f"echo begins >&2; echo $$ >&2; {script}") as process:
        assert process.stderr is not None
        command = int(process.stderr.readline().rpartition(" ")[2])
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        os.killpg(command, signal.SIGTERM)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out.splitlines()[0]) == (0, "0 completed, 0 failed, 0 lost")
    assert "goes back when its lease runs out" in err
    assert node(client, task_id).status == "RUNNING"


def test_a_lost_lease_ends_the_command(daemon: DaemonProcess) -> None:
    """A command whose lease is lost is ended: its node is another's."""
    daemon.stop()
    with (
        DaemonProcess(daemon.home, AGENTD_NODE_TIMEOUT_SECS="1") as brief,
        Client(brief.socket_path) as client,
    ):
        task_id = task(client, 1)
        with working(brief, task_id, POLITE) as process:
            [event] = [
                event
                for event in client.task_events(task_id, after=0).events
                if event.action_type == "ACQUIRE_NODE"
            ]
            lease_id = node(client, task_id).lease_id
            assert lease_id is not None
            client.complete_node(task_id, event.node_id or "", lease_id, "taken")
            out, err = process.communicate(timeout=10)
        assert out == "0 completed, 0 failed, 1 lost\n"
        assert "] stops\n" in err
