"""`--at`: what a task and its nodes were once, in a pipe and on a terminal."""

import json
from pathlib import Path

import pytest

from tests.command_line import COLUMNS, agentd_here, on_a_terminal_here
from tests.daemon_process import DaemonProcess

PLAN = "goal: g\nnodes:\n  - {name: build}\n  - {name: publish, dependencies: [build]}\n"


@pytest.fixture
def task(shared: DaemonProcess, tmp_path: Path) -> str:
    """A task whose first node was held by `me` and then completed."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    task = agentd_here(shared.home, "task", "register", str(tmp_path / "plan.yaml")).out.strip()
    lease = agentd_here(shared.home, "node", "acquire", task, "--owner", "me").out.split()[2]
    assert agentd_here(shared.home, "node", "complete", task, "build", lease, "7").code == 0
    return task


def seqs(shared: DaemonProcess, task: str) -> list[str]:
    """The places of the task's events."""
    told = agentd_here(shared.home, "task", "events", task).out.splitlines()
    return [line.split("\t")[0] for line in told]


def test_a_task_as_it_was(shared: DaemonProcess, task: str) -> None:
    """Who held what, and that nothing had been done; a pipe has the fields that it has now."""
    *_, held, _done = seqs(shared, task)
    told = agentd_here(shared.home, "task", "show", task, "--at", held).out.splitlines()
    assert [line.split("\t")[1:4] for line in told] == [
        ["RUNNING", "build", "me"],
        ["PENDING", "publish", ""],
    ]
    shown = agentd_here(shared.home, "node", "show", task, "build", "--at", held, "--json")
    assert json.loads(shown.out)["data"]["node"]["lease_owner"] == "me"


def test_why_a_node_was_kept_back(shared: DaemonProcess, task: str) -> None:
    """What held it then, which holds it no longer."""
    *_, held, done = seqs(shared, task)
    told = agentd_here(shared.home, "node", "why", task, "publish", "--at", held).out
    assert told.startswith("dependency\t")
    assert agentd_here(shared.home, "node", "why", task, "publish", "--at", done).out == ""


def test_a_terminal_says_when_it_was(shared: DaemonProcess, task: str) -> None:
    """It shows since and until when, and offers no command: that would be about now."""
    *_, held, _done = seqs(shared, task)
    shown = on_a_terminal_here(shared.home, "task", "show", task, "--at", held)
    assert f"as it was after seq {held}" in shown.plain
    assert "me, until " in shown.plain
    why = on_a_terminal_here(shared.home, "node", "why", task, "build", "--at", held)
    assert "held by   me, since " in why.plain
    assert "agentd " not in shown.plain + why.plain
    assert max(shown.width, why.width) <= COLUMNS


def test_before_its_registration_there_was_no_task(shared: DaemonProcess, task: str) -> None:
    """The refusal says when it was registered."""
    ended = agentd_here(shared.home, "task", "show", task, "--at", "2h")
    assert ended.code == 1
    assert "there was no task" in ended.error


def test_many_nodes_as_they_were(shared: DaemonProcess) -> None:
    """An answer that goes out in pieces is one of the past, from its first node to its last."""
    with shared.connect() as connection:
        specs = [{"name": f"n{number}"} for number in range(3_000)]
        task = connection.call("RegisterTask", goal="g", initial_nodes=specs)["task_id"]
        seq = connection.call("WatchEvents", after_seq=0, task_id=task, limit=1)["last_seq"] + 3_000
        count = {"task_id": task, "count": 64}
        while connection.call("AcquireNodes", **count)["leases"]:
            pass
        then = connection.call("TaskStatus", task_id=task, at=seq)
        now = connection.call("TaskStatus", task_id=task, fields=["counts"])
    assert now["counts"] == {"RUNNING": 3_000}
    assert then["counts"] == {"PENDING": 3_000}
    assert [node["name"] for node in then["nodes"]] == [spec["name"] for spec in specs]
    assert {node["status"] for node in then["nodes"]} == {"PENDING"}


def test_locks_as_they_were(shared: DaemonProcess) -> None:
    """Who had which, though it was given back since."""
    lease = agentd_here(shared.home, "lock", "acquire", "past/a", "--owner", "ann").out.strip()
    shown = agentd_here(shared.home, "events", "--kind", "ACQUIRE_LOCK", "--json").out
    taken = str(json.loads(shown.splitlines()[-1])["data"]["events"][-1]["seq"])
    assert agentd_here(shared.home, "lock", "release", "past/a", lease).code == 0
    listed = ("lock", "list", "--prefix", "past/")
    assert agentd_here(shared.home, *listed).out == ""
    assert agentd_here(shared.home, *listed, "--at", taken).out.split("\t")[:3:2] == [
        "past/a",
        "ann",
    ]
    assert "UNTIL" in on_a_terminal_here(shared.home, *listed, "--at", taken).plain
    none = on_a_terminal_here(shared.home, *listed, "--at", "0").plain
    assert "no such lock was held then" in none


def test_fork_a_task(shared: DaemonProcess, task: str) -> None:
    """A pipe has the new id; what had ended has ended, and what is named runs again."""
    made = agentd_here(shared.home, "task", "fork", task).out.strip()
    told = agentd_here(shared.home, "task", "show", made).out.splitlines()
    assert [line.split("\t")[1] for line in told] == ["COMPLETED", "PENDING"]
    again = agentd_here(shared.home, "task", "fork", task, "--rerun", "build", "--goal", "h")
    told = agentd_here(shared.home, "task", "show", again.out.strip()).out.splitlines()
    assert [line.split("\t")[1] for line in told] == ["PENDING", "PENDING"]
    held = seqs(shared, task)[-2]
    then = agentd_here(shared.home, "task", "fork", task, "--at", held, "--json")
    assert json.loads(then.out)["data"].keys() == {"task_id", "node_ids"}
    assert agentd_here(shared.home, "task", "fork", task, "--rerun", "nobody").code == 1
    none = agentd_here(shared.home, "task", "fork", task, "--failed", "--at", held)
    assert (none.code, "nothing had FAILED there" in none.err) == (0, True)


def test_where_an_imported_task_comes_from(shared: DaemonProcess) -> None:
    """Its source, whatever that is called."""
    with shared.connect() as connection:
        asked = {"goal": "g", "source": "plans/\x1b[31mred.json", "nodes": []}
        made = connection.call("ImportTask", **asked)["task_id"]
    shown = on_a_terminal_here(shared.home, "task", "show", made).plain
    assert r"imported from plans/\x1b[31mred.json" in shown


def test_a_terminal_says_what_is_to_be_done(shared: DaemonProcess, task: str) -> None:
    """How many nodes are to do, and which."""
    shown = on_a_terminal_here(shared.home, "task", "fork", task)
    assert f"from   {task}" in shown.plain
    assert "nodes  1 to do, 1 as they ended there\nto do  publish" in shown.plain
    made = shown.plain.split()[1]
    assert f"forked from {task}, as" in on_a_terminal_here(shared.home, "task", "show", made).plain
    assert shown.width <= COLUMNS
