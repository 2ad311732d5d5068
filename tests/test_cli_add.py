"""`agentd task add` and `agentd add`: nodes from a file join a task that is there."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest

from agentd import Client
from agentd.errors import NoAnswer
from tests.command_line import agentd, agentd_here, on_a_terminal_here
from tests.daemon_process import DaemonProcess
from tests.working import work

ADD = ("task", "add")
MORE = """\
- name: read
  needs: plan
  before: synthesise
- name: check
  depends_on: [read, plan]
  before: [synthesise, read again]
  prompt: look closely
- name: read again
  limits: [reading]
"""
WITHOUT = ("AGENTD_TASK_ID", "AGENTD_NODE_ID", "AGENTD_LEASE_ID")


@pytest.fixture
def client(shared: DaemonProcess) -> Iterator[Client]:
    with Client(shared.socket_path) as opened:
        yield opened


@pytest.fixture
def task(client: Client) -> str:
    """A task with a plan and its join."""
    nodes: list[dict[str, Any]] = [
        {"name": "plan"},
        {"name": "synthesise", "dependencies": ["plan"]},
    ]
    return client.register_task("g", initial_nodes=nodes).task_id


def needs(client: Client, task: str) -> dict[str | None, set[str | None]]:
    """What each node of the task waits for, by their names."""
    nodes = client.task_status(task).nodes
    names = {node.id: node.name for node in nodes}
    return {node.name: {names[each] for each in node.dependencies} for node in nodes}


def test_a_list_of_nodes(shared: DaemonProcess, client: Client, task: str) -> None:
    """Written as in a task file, with `before`; in a pipe an id and a name on each line."""
    ended = agentd_here(shared.home, *ADD, task, "-", stdin=MORE.encode())
    assert (ended.code, ended.err) == (0, "")
    lines = [line.split("\t") for line in ended.out.splitlines()]
    assert [name for _, name in lines] == ["read", "check", "read again"]
    assert needs(client, task) == {
        "plan": set(),
        "synthesise": {"plan", "read", "check"},
        "read": {"plan"},
        "check": {"read", "plan"},
        "read again": {"check"},
    }
    shown = client.node_status(task, "check").node
    assert json.loads(bytes(shown.payload_schema)) == {"name": "check", "prompt": "look closely"}
    assert [node.id for node in client.task_status(task, after=1, limit=3).nodes] == [
        node_id for node_id, _ in lines
    ]


def test_a_task_file(shared: DaemonProcess, client: Client, task: str, tmp_path: Path) -> None:
    """Its `nodes`, as a list or a mapping; with `--json` the ids by the names."""
    path = tmp_path / "more.json"
    path.write_text('{"goal":"other","nodes":{"a":null,"b":{"needs":"a","before":"synthesise"}}}')
    data = json.loads(agentd_here(shared.home, *ADD, task, str(path), "--json").out)["data"]
    assert (data["task_id"], [*data["names"]]) == (task, ["a", "b"])
    assert data["node_ids"] == [*data["names"].values()]
    assert needs(client, task)["synthesise"] == {"plan", "b"}


def test_on_a_terminal(shared: DaemonProcess, task: str, tmp_path: Path) -> None:
    """A person reads what was added, what goes along, and where to look."""
    path = tmp_path / "more.yaml"
    path.write_text(MORE)
    shown = on_a_terminal_here(shared.home, *ADD, task, str(path))
    assert shown.plain.splitlines() == [
        "added  3 nodes: read, check, read again",
        "kept   in the payloads: prompt (1)",
        f"look   agentd task graph {task}",
    ]


def test_a_dry_run(home: Path, tmp_path: Path) -> None:
    """What each waits for, and what waits for it; no daemon is asked."""
    dry = (*ADD, "@", "-", "--dry-run")
    ended = agentd_here(home, *dry, stdin=MORE.encode())
    rows = "read\tplan\tsynthesise\ncheck\tread,plan\tsynthesise,read again\nread again\t\t\n"
    assert ended == (0, rows, "")
    told = json.loads(agentd_here(home, *dry, "--json", stdin=b'[{"needs":["x"]}]').out)["data"]
    assert told == {"nodes": [{"name": "#1", "dependencies": ["x"], "before": []}]}
    path = tmp_path / "more.yaml"
    path.write_text(MORE)
    shown = on_a_terminal_here(home, *ADD, "@", str(path), "--dry-run")
    assert shown.plain.splitlines()[:2] == [
        "3 nodes; nothing is added: this is a dry run",
        "read  after plan  before synthesise",
    ]


def test_all_faults_at_once(home: Path) -> None:
    """With their lines, before anything is sent; what is the task's own is not the nodes'."""
    written = """\
nodes:
  - {name: x, needs: y}
  - {name: y, needs: x}
  - {name: z, before: [z], status: done}
context: {}
priority: 3
"""
    ended = agentd_here(home, *ADD, "@", "-", stdin=written.encode())
    assert ended.code == 2
    assert ended.err.splitlines() == [
        "agentd: standard input has 5 faults",
        "  line 3, node 'y': the dependencies form a cycle: x -> y -> x",
        (
            "  line 4, node 'z': there is no field `status`: a node begins as PENDING: leave out "
            "what is done, or put this under `payload`"
        ),
        "  line 4, node 'z': `before`: it depends on itself",
        "  line 5: there is no field `context`: the task has its own: only nodes are added to it",
        "  line 6: there is no field `priority`: the task has its own: only nodes are added to it",
    ]


@pytest.mark.parametrize("written", ["[]", "goal: g", "nodes: {}"])
def test_nothing_to_add(home: Path, written: str) -> None:
    """A file without nodes was meant otherwise."""
    ended = agentd_here(home, *ADD, "@", "-", stdin=written.encode())
    assert ended.code == 2
    assert ended.error.endswith("line 1: there are no nodes: nothing to add")


def test_what_the_daemon_refuses(shared: DaemonProcess, task: str) -> None:
    """In the words of the file: names, and not the ids that were made."""
    for written, said in (
        ("- {name: a, needs: nobody}", "node 'a' depends on 'nobody', which is a node neither of"),
        ("- {name: plan}", "the name 'plan' is that of node"),
        ("- {name: a, needs: synthesise, before: plan}", "'a' -> 'plan'"),
    ):
        ended = agentd_here(shared.home, *ADD, task, "-", stdin=written.encode())
        assert ended.code == 1
        assert said in ended.error
        assert "(invalid_graph)" in ended.error


def test_a_repeat(shared: DaemonProcess, client: Client, task: str) -> None:
    """The same document under the same id is added once, and answered alike."""
    again = (*ADD, task, "-", "--request-id", str(uuid4()))
    first, second = (agentd_here(shared.home, *again, stdin=b"[{}, {}]") for _ in range(2))
    assert first == second
    assert len(client.task_status(task).nodes) == 4
    assert agentd_here(shared.home, *ADD, task, "-", "--request-id", "x", stdin=b"[{}]").code == 2


def test_nobody_knows_whether(shared: DaemonProcess, task: str) -> None:
    """Then the command is told that is safe to type."""
    with patch.object(Client, "add_nodes", side_effect=NoAnswer("no answer")):
        ended = agentd_here(shared.home, *ADD, task, "-", stdin=b"[{}]")
    assert ended.code == 3
    again = f"with the same document: `agentd task add {task} - --request-id "
    assert again in ended.error


def test_from_inside_a_command(
    shared: DaemonProcess, client: Client, task: str, tmp_path: Path
) -> None:
    """A planner that `agentd work` runs adds nodes to its own task, and the join waits for them."""
    path = tmp_path / "more.yaml"
    path.write_text(MORE)
    add = f"{sys.executable} -m agentd add {path}"
    script = f"test -e {tmp_path}/was || {add} >&2; touch {tmp_path}/was"
    ended = work(shared, task, script)
    assert ended.code == 0
    names = {node.id: node.name for node in client.task_status(task).nodes}
    events = client.task_events(task).events
    done = [names[str(each.node_id)] for each in events if each.action_type == "COMPLETE_NODE"]
    assert done == ["plan", "read", "check", "synthesise", "read again"]


def test_outside_of_a_command(home: Path) -> None:
    """There it is said what to call in its place."""
    nowhere: dict[str, Any] = dict.fromkeys(WITHOUT)
    ended = agentd(home, "add", "-", **nowhere)
    assert ended.code == 2
    assert "elsewhere it is `agentd task add TASK FILE`" in ended.error


def test_a_lease_that_is_gone(shared: DaemonProcess, client: Client, task: str) -> None:
    """Who holds the node no more adds nothing: somebody else may be planning."""
    held = client.acquire_next_node(task)
    assert held is not None
    client.release_node(held.task_id, held.node_id, held.lease_id)
    lease = zip(WITHOUT, (held.task_id, held.node_id, held.lease_id), strict=True)
    env: dict[str, Any] = dict(lease)
    ended = agentd(shared.home, "add", "-", stdin=b"[{}]", **env)
    assert ended.code == 1
    assert "(stale_lease)" in ended.error
    assert len(client.task_status(task).nodes) == 2
