"""`agentd work` that is told to stop, or whose lease is lost: its command ends with it."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentd import Client
from tests.daemon_process import PATIENCE_SECONDS, DaemonProcess
from tests.working import is_gone, node, task, working

STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
each_stop = pytest.mark.parametrize("number", STOPS)


@pytest.fixture
def client(shared: DaemonProcess) -> Iterator[Client]:
    """A client of the daemon that all of them share."""
    with Client(shared.socket_path) as opened:
        yield opened


def next_pid(process: subprocess.Popen[str]) -> int:
    """The process id that the command says next."""
    assert process.stderr is not None
    return int(process.stderr.readline().rpartition(" ")[2])


def how_it_ended(client: Client, task_id: str) -> list[tuple[str, object]]:
    """How the attempts of the task's only node ended, and with what."""
    shown = client.node_status(task_id, node(client, task_id).id)
    return [(each.how, bytes(each.error).decode()) for each in shown.attempts]


POLITE = (  # its helper says when it has forgotten the trap
    "trap 'echo stops >&2; exit {code}' TERM; sh -c 'echo begins >&2; exec sleep 600' & wait"
)
SLEEPS = "echo begins >&2; exec sleep 600"
NAMED = "echo begins >&2; echo $$ >&2; exec sleep 600"
STUBBORN = (
    "trap '' TERM; echo begins >&2; sleep 600 & echo $! >&2; echo $$ >&2; while :; do sleep 1; done"
)


@each_stop
def test_an_idle_hand(shared: DaemonProcess, client: Client, number: signal.Signals) -> None:
    """It does not take what a busy one gives back: the node is given back once."""
    task_id = task(client, 1)
    with working(shared, task_id, SLEEPS, "--concurrency", "4") as process:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while client.metrics().runtime.waiting_requests < 2:  # one watches for news
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert "0 completed, 0 failed, 1 given back, 0 lost" in out + err
    assert how_it_ended(client, task_id) == [("released", '"its worker was stopped"')]


@pytest.mark.parametrize("code", [0, 1, 75])
@each_stop
def test_a_signal_ends_the_command(
    shared: DaemonProcess, client: Client, number: signal.Signals, code: int
) -> None:
    """Politely; whatever exit code it makes of that, the node is given back at once."""
    task_id = task(client, 1, 2)
    with working(shared, task_id, POLITE.format(code=code)) as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert "] stops\n" in err
    outcome = "0 completed, 0 failed, 1 given back, 0 lost"
    if number is signal.SIGTERM:
        assert (process.returncode, out.splitlines()[0]) == (0, outcome)
    else:
        assert (process.returncode, out) == (130, "")
        assert err.splitlines()[-1] == f"agentd: interrupted ({outcome})"
    assert client.task_status(task_id).counts == {"PENDING": 2}
    first = client.task_status(task_id).nodes[0]
    [attempt] = client.node_status(task_id, first.id).attempts
    assert (attempt.how, bytes(attempt.error)) == ("released", b'"its worker was stopped"')
    assert first.not_before is None


@each_stop
def test_a_second_signal_is_firm(
    shared: DaemonProcess, client: Client, number: signal.Signals
) -> None:
    """A command that ignores SIGTERM is killed at the second signal, with what it has started."""
    task_id = task(client, 1)
    with working(shared, task_id, STUBBORN, "--grace", "1h") as process:
        helper, leader = next_pid(process), next_pid(process)
        process.send_signal(number)
        assert process.stderr is not None
        assert process.stderr.readline().startswith("agentd: stopping")  # two that pend are one
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(number)
        process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == (0 if number is signal.SIGTERM else 130)
    assert is_gone(helper)
    assert is_gone(leader)
    assert how_it_ended(client, task_id) == [("released", '"its worker was stopped"')]


@pytest.mark.parametrize(
    ("number", "nodes", "words"),
    [
        (signal.SIGINT, 1, "1 command, up to 2 s; another Ctrl-C ends it at once"),
        (signal.SIGTERM, 2, "2 commands, up to 2 s; another signal ends them at once"),
    ],
)
def test_it_says_what_it_waits_for(
    shared: DaemonProcess, client: Client, number: signal.Signals, nodes: int, words: str
) -> None:
    """Once, at the signal: commands that take their time do not look like a worker that hangs."""
    task_id = task(client, *range(nodes))
    flags = ("--grace", "2s", "--concurrency", str(nodes))
    with working(shared, task_id, SLEEPS, *flags) as process:
        assert process.stderr is not None
        for _ in range(nodes - 1):
            assert process.stderr.readline().endswith("begins\n")
        process.send_signal(number)
        assert process.stderr.readline() == f"agentd: stopping {words}\n"
        _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert "stopping" not in err


def test_no_words_without_grace(shared: DaemonProcess, client: Client) -> None:
    """Commands that are killed at once are not waited for."""
    task_id = task(client, 1)
    with working(shared, task_id, SLEEPS, "--grace", "0") as process:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert "stopping" not in err


def test_the_grace(shared: DaemonProcess, client: Client) -> None:
    """What is still there when the grace is over is killed, though the command itself has ended."""
    task_id = task(client, 1)
    helper_ignores = "sh -c 'trap \"\" TERM; echo $$ >&2; while :; do sleep 1; done'"
    script = f"echo begins >&2; {helper_ignores} & wait"
    with working(shared, task_id, script, "--grace", "1s") as process:
        helper = next_pid(process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_SECONDS)
    assert is_gone(helper, 0)
    assert how_it_ended(client, task_id) == [("released", '"its worker was stopped"')]


@pytest.mark.parametrize("script", ["exec sleep 600", "trap 'exit 143' TERM; sleep 600 & wait"])
def test_sigterm_for_all_processes(shared: DaemonProcess, client: Client, script: str) -> None:
    """A machine that shuts down sends SIGTERM to the command too: its node is not failed."""
    task_id = task(client, 1)
    with working(shared, task_id, f"echo begins >&2; echo $$ >&2; {script}") as process:
        command = next_pid(process)
        process.send_signal(signal.SIGSTOP)  # so that it hears of both at once
        os.killpg(command, signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    outcome = "0 completed, 0 failed, 1 given back, 0 lost"
    assert (process.returncode, out.splitlines()[0]) == (0, outcome)
    assert how_it_ended(client, task_id) == [("released", '"its worker was stopped"')]


def test_a_node_that_is_taken_away(shared: DaemonProcess, client: Client) -> None:
    """Who gives the node back in its holder's place ends the command, long before a heartbeat."""
    task_id = task(client, 1)
    with working(shared, task_id, NAMED, "--max-failures", "1") as process:
        command, held = next_pid(process), node(client, task_id)
        assert held.lease_id is not None
        client.release_node(task_id, held.id, held.lease_id)
        assert is_gone(command)
        assert process.stderr is not None
        assert "it was given back, and not by its worker" in process.stderr.readline()
        assert process.stderr.readline().endswith("begins\n")  # no loss that stops the worker


def test_a_daemon_that_is_away(daemon: DaemonProcess) -> None:
    """Whoever stops a worker whose daemon is away does not wait for its return."""
    with Client(daemon.socket_path) as client:
        task_id = task(client, 1)
    with working(daemon, task_id, NAMED, "--grace", "0") as process:
        command = next_pid(process)
        daemon.kill()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert is_gone(command)
    assert (process.returncode, out) == (0, "0 completed, 0 failed, 0 given back, 0 lost\n")
    assert "gave node" not in err
    assert "it goes back when its lease runs out: node" in err


def test_a_daemon_that_does_not_answer(daemon: DaemonProcess) -> None:
    """A command that has just failed is no reason to wait: nothing is asked that takes long."""
    with Client(daemon.socket_path) as client:
        task_id = task(client, 1)
    script = "echo begins >&2; trap 'exit 3' USR1; echo $$ >&2; sleep 600 >&- 2>&- & wait"
    with working(daemon, task_id, script, "--grace", "0") as process:
        command = next_pid(process)
        daemon.process.send_signal(signal.SIGSTOP)
        try:
            os.kill(command, signal.SIGUSR1)
            assert is_gone(command)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)  # a question is given 30 s for its answer
        finally:
            daemon.process.send_signal(signal.SIGCONT)
    assert process.returncode == 0


def test_a_failed_node_and_a_signal(shared: DaemonProcess, client: Client) -> None:
    """The exit code of a worker that is stopped tells nothing of the task."""
    task_id = task(client, 1, 2)
    acquired = client.acquire_next_node(task_id, lease_owner="me")
    assert acquired is not None
    client.fail_node(acquired.task_id, acquired.node_id, acquired.lease_id, "broken")
    with working(shared, task_id, "echo begins >&2; exec sleep 600") as process:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0


def test_a_worker_that_is_killed(shared: DaemonProcess, client: Client) -> None:
    """Its command goes with it, and so does all that it has started, though they ignore SIGTERM."""
    task_id = task(client, 1)
    with working(shared, task_id, STUBBORN) as process:
        helper, leader = next_pid(process), next_pid(process)
        process.kill()
        process.wait()
        assert is_gone(helper)
        assert is_gone(leader)
    assert node(client, task_id).status == "RUNNING"


def test_a_guardian_that_is_killed(shared: DaemonProcess, client: Client) -> None:
    """Its worker cannot look after commands any more: it gives the node back, and says so."""
    task_id = task(client, 1, 2)
    with working(shared, task_id, STUBBORN) as process:
        helper, leader = next_pid(process), next_pid(process)
        asked = ["ps", "-o", "ppid=", "-p", str(leader)]
        parent = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        os.kill(int(parent), signal.SIGKILL)
        _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert err.splitlines()[-1] == (
        "agentd: stopped (0 completed, 0 failed, 1 given back, 0 lost): the process that guards "
        "the commands was killed"
    )
    assert is_gone(helper)
    assert is_gone(leader)
    assert client.task_status(task_id).counts == {"PENDING": 2}


def test_a_cancelled_task_leaves_time(shared: DaemonProcess, client: Client) -> None:
    """An event that the command says when it is told is refused, but does not end its time."""
    task_id = task(client, 1)
    last = "echo AGENTD_EVENT 1 >&2; sleep 1; echo cleaned up >&2; exit 1"
    script = f"trap '{last}' TERM; sh -c 'echo begins >&2; exec sleep 600' & wait"
    with working(shared, task_id, script) as process:
        client.cancel_task(task_id)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert "] cleaned up\n" in err
    assert out.splitlines()[0] == "0 completed, 0 failed, 0 given back, 1 lost"


def test_a_signal_to_a_command_that_is_told_already(
    shared: DaemonProcess, client: Client, tmp_path: Path
) -> None:
    """One that has its time for another reason keeps it; its node is given back all the same."""
    task_id = task(client, 1)
    wait = f"until [ -e {tmp_path}/stopped ]; do sleep 0.1; done"
    last = f"echo told >&2; {wait}; echo cleaned up >&2; exit 1"
    script = f"trap '{last}' TERM; sh -c 'echo begins >&2; exec sleep 600' & wait"
    with working(shared, task_id, script, "--timeout", "2.5s") as process:
        assert process.stderr is not None
        assert process.stderr.readline().endswith("told\n")
        process.send_signal(signal.SIGTERM)
        assert process.stderr.readline().startswith("agentd: stopping")
        (tmp_path / "stopped").touch()
        _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert "] cleaned up\n" in err
    assert how_it_ended(client, task_id) == [("released", '"its worker was stopped"')]


def test_a_lost_lease_ends_the_command(daemon: DaemonProcess) -> None:
    """A command whose lease is lost is ended: its node is another's."""
    daemon.stop()
    with (
        DaemonProcess(daemon.home, AGENTD_NODE_TIMEOUT_SECS="4") as brief,
        Client(brief.socket_path) as client,
    ):
        task_id = task(client, 1)
        with working(brief, task_id, POLITE.format(code=1)) as process:
            [event] = [
                event
                for event in client.task_events(task_id, after=0).events
                if event.action_type == "ACQUIRE_NODE"
            ]
            lease_id = node(client, task_id).lease_id
            assert lease_id is not None
            client.complete_node(task_id, event.node_id or "", lease_id, "taken")
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        assert out == "0 completed, 0 failed, 0 given back, 1 lost\n"
        assert "] stops\n" in err
