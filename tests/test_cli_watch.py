"""`agentd workers`, and a node that is waited for."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import agentd_here, on_a_terminal
from tests.daemon_process import PATIENCE_SECONDS, DaemonProcess
from tests.fake_daemon import answers, fake_daemon


def registered(daemon: DaemonProcess, *nodes: dict[str, Any]) -> Any:
    """A task of these nodes."""
    with daemon.connect() as connection:
        return connection.call("RegisterTask", goal="g", initial_nodes=nodes)


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


def test_who_is_there_comes_first(home: Path) -> None:
    """Those who wait or hold something are above those who have gone, the newest first."""
    home.mkdir()
    told = [("gone", 0, 0, 50), ("holds", 0, 1, 10), ("left", 0, 0, 90), ("waits", 1, 0, 20)]
    keys = ("owner", "waiting", "holding", "last_seen")
    workers = [{**dict(zip(keys, each, strict=True)), "labels": []} for each in told]
    with fake_daemon(home / "agentd.sock", answers({"workers": workers})):
        _head, *lines = on_a_terminal(home, "workers").plain.splitlines()
    assert [line.split()[0] for line in lines] == ["waits", "holds", "left", "gone"]


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


@pytest.mark.parametrize("seconds", ["61", "2m", "-1", "x"])
def test_a_wait_out_of_range(shared: DaemonProcess, seconds: str) -> None:
    """It is a usage error that says what is expected."""
    ended = agentd_here(shared.home, "node", "acquire", "ab", "--wait", seconds)
    assert ended.code == 2
    assert "0 to 60" in ended.err or "expected" in ended.err
