"""`agentd events watch`, `agentd workers`, and a node that is waited for."""

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.command_line import AGENTD, agentd_here, on_a_terminal
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, DaemonProcess, environment


@contextmanager
def watching(daemon: DaemonProcess, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """`agentd events watch` at work, and stopped at the end."""
    process = subprocess.Popen(
        [*AGENTD, "events", "watch", *options],
        cwd=REPOSITORY,
        env=environment(daemon.home, {}),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_SECONDS)


def registered(daemon: DaemonProcess, *nodes: dict[str, Any]) -> Any:
    """A task of these nodes."""
    with daemon.connect() as connection:
        return connection.call("RegisterTask", goal="g", initial_nodes=nodes)


def lines(process: "subprocess.Popen[str]", number: int) -> list[list[str]]:
    """The next lines that it prints, each in its fields."""
    assert process.stdout is not None
    return [process.stdout.readline().rstrip("\n").split("\t") for _ in range(number)]


def test_a_line_per_event(daemon: DaemonProcess) -> None:
    """Those behind `--after`, then those that happen: seq, time, type, task, node, payload."""
    first = registered(daemon, {})["task_id"]
    with watching(daemon, "--after", "0") as process:
        shown = lines(process, 2)
        assert [each[0] for each in shown] == ["1", "2"]
        assert [each[2:4] for each in shown] == [["REGISTER_TASK", first], ["ADD_NODE", first]]
        second = registered(daemon)["task_id"]
        [event] = lines(process, 1)
        assert (event[0], event[2:]) == (
            "3",
            ["REGISTER_TASK", second, "", '{"goal":"g","node_count":0}'],
        )


def test_one_task(daemon: DaemonProcess) -> None:
    """`--task` leaves out the others; with `--json` each answer is an envelope."""
    registered(daemon, {})
    task = registered(daemon, {})["task_id"]
    with watching(daemon, "--after", "0", "--task", task[:13], "--json") as process:
        assert process.stdout is not None
        page = json.loads(process.stdout.readline())
    assert page["ok"] is True
    assert {event["task_id"] for event in page["data"]["events"]} == {task}


def test_from_now_on(daemon: DaemonProcess) -> None:
    """Without `--after` it begins with what happens; a reader that has enough ends it."""
    registered(daemon)
    with watching(daemon) as process:
        with daemon.connect() as connection:
            while not connection.call("Metrics")["runtime"]["waiting_requests"]:
                time.sleep(0.01)
        registered(daemon)
        assert [each[0] for each in lines(process, 1)] == ["2"]


def test_nobody_works(daemon: DaemonProcess) -> None:
    """Nothing is printed in a pipe, a sentence on a terminal."""
    assert agentd_here(daemon.home, "workers") == (0, "", "")
    assert "nobody waits" in on_a_terminal(daemon.home, "workers").plain


def test_who_works(daemon: DaemonProcess) -> None:
    """Owner, how many wait and are held, and when he was seen."""
    registered(daemon, {})
    with daemon.connect() as connection:
        connection.call("AcquireNextNode", lease_owner="me")
    ended = agentd_here(daemon.home, "workers")
    owner, waiting, holding, seen, labels = ended.out.rstrip("\n").split("\t")
    assert (owner, waiting, holding, labels) == ("me", "0", "1", "")
    assert abs(int(seen) - time.time()) < PATIENCE_SECONDS
    shown = on_a_terminal(daemon.home, "workers").plain
    assert "OWNER  WAITING  HOLDING  LAST SEEN" in shown
    assert " s ago" in shown
    [worker] = json.loads(agentd_here(daemon.home, "workers", "--json").out)["data"]["workers"]
    assert worker["owner"] == "me"


def test_a_node_that_is_waited_for(shared: DaemonProcess) -> None:
    """`--wait` is answered as soon as there is one, or when the time is over."""
    made = registered(shared, {"id": None}, {"dependencies": []})
    task = made["task_id"]
    for _ in range(2):
        held = agentd_here(shared.home, "node", "acquire", task).out.split("\t")
    ended = agentd_here(shared.home, "node", "acquire", task, "--wait", "1")
    assert (ended.code, ended.out) == (0, "")

    def complete_all() -> None:
        with shared.connect() as connection:
            for node in connection.call("TaskStatus", task_id=task)["nodes"]:
                lease = {"task_id": task, "node_id": node["id"], "lease_id": node["lease_id"]}
                connection.call("CompleteNode", **lease)

    assert held[0] == task
    later = threading.Timer(0.2, complete_all)
    later.start()
    assert agentd_here(shared.home, "node", "acquire", task, "--wait", "60").out == ""
    later.join()


@pytest.mark.parametrize("seconds", ["61", "-1", "x", "0.5"])
def test_a_wait_out_of_range(shared: DaemonProcess, seconds: str) -> None:
    """It is a usage error that says what is expected."""
    ended = agentd_here(shared.home, "node", "acquire", "ab", "--wait", seconds)
    assert ended.code == 2
    assert "0 to 60" in ended.err or "expected" in ended.err
