"""`agentd task` in a pipe: plain lines with tabs, ids by their beginning, and refusals."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import UUID

import pytest

from tests.command_line import AGENTD, Ended, agentd, agentd_here
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, DaemonProcess, environment
from tests.graphs import DIAMOND

HOSTILE = "tabs\tand [red]lines[/red]\n\x1b[31mred\u202e"


def register(daemon: DaemonProcess, document: str = DIAMOND) -> str:
    """The id of a new task."""
    ended = agentd_here(daemon.home, "task", "register", "-", "--empty", stdin=document.encode())
    assert ended.code == 0, ended
    return ended.out.strip()


def fields(ended: Ended) -> list[list[str]]:
    """What a program reads, line by line."""
    assert ended.code == 0, ended
    return [line.split("\t") for line in ended.out.splitlines()]


def unique(task: str, others: str) -> str:
    """A beginning of a task's id that no other id there has."""
    return next(task[:n] for n in range(9, 37) if others.count(task[:n]) == 1)


# register


def test_register_a_file(shared: DaemonProcess, tmp_path: Path) -> None:
    """The task of a YAML file is registered with the names that its nodes have there."""
    path = tmp_path / "release.yaml"
    path.write_text(DIAMOND)
    ended = agentd(shared.home, "task", "register", str(path))
    assert (ended.code, ended.err) == (0, "")
    assert str(UUID(ended.out.strip())) == ended.out.strip()
    with shared.connect() as connection:
        status = connection.call("TaskStatus", task_id=ended.out.strip())
    assert status["task"]["goal"] == "Ship it"
    assert status["task"]["context"] == {"branch": "main"}
    plan, build, docs, publish = status["nodes"]
    assert publish["dependencies"] == [build["id"], docs["id"]]
    assert [node["payload_schema"] for node in (plan, build)] == [
        {"name": "plan"},
        {"name": "build", "command": "make"},
    ]


def test_register_the_release_of_the_demo(shared: DaemonProcess) -> None:
    """A request for RegisterTask is a document."""
    path = REPOSITORY / "examples" / "release.json"
    ended = agentd_here(shared.home, "task", "register", str(path), "--json")
    nodes = json.loads(path.read_text())["initial_nodes"]
    assert json.loads(ended.out)["data"]["node_ids"] == [node["id"] for node in nodes]
    again = agentd_here(shared.home, "task", "register", str(path))
    assert again.code == 1
    assert "exists already" in again.error


def test_register_a_cycle(shared: DaemonProcess) -> None:
    """It is told with the names in the document and a line of it, as any fault, at once."""
    document = "goal: g\nnodes:\n- {name: a, dependencies: [b]}\n- {name: b, dependencies: [a]}"
    ended = agentd_here(shared.home, "task", "register", "-", stdin=document.encode())
    assert ended.code == 2
    words = "the dependencies form a cycle"
    assert ended.error in {
        f"agentd: standard input, line {line}, node '{name}': {words}: {cycle}"
        for cycle in ("a -> b -> a", "b -> a -> b")
        for line, name in ((3, "a"), (4, "b"))
    }


@pytest.mark.parametrize("path", [".", "missing.yaml"])
def test_register_what_cannot_be_read(shared: DaemonProcess, tmp_path: Path, path: str) -> None:
    """A file that cannot be read is wrong usage."""
    ended = agentd_here(shared.home, "task", "register", str(tmp_path / path))
    assert ended.code == 2
    assert "cannot be read: " in ended.error


def test_register_what_describes_no_task(shared: DaemonProcess, tmp_path: Path) -> None:
    """A document that does not fit is refused with its name, before anything is sent."""
    path = tmp_path / "release.json"
    path.write_text('{"goal": "g", "nodes": [{"name": "a", "dependencies": ["b"]}]}')
    ended = agentd(shared.home, "task", "register", str(path))
    assert (ended.code, ended.out) == (2, "")
    where = f"agentd: {path}, line 1, node 'a': `dependencies`: no node is named 'b'"
    assert ended.error.startswith(where)


# list


def test_list(shared: DaemonProcess) -> None:
    """A line for each task, the newest first: id, time, state, how many of each status, goal."""
    first, second = register(shared), register(shared, "goal: later")
    lines = fields(agentd(shared.home, "task", "list"))
    assert [line[0] for line in lines[:2]] == [second, first]
    assert lines[1][2:] == ["ACTIVE", "4", "0", "0", "0", "Ship it"]
    assert lines[1][1].endswith("Z")


def test_list_some(shared: DaemonProcess) -> None:
    """--limit takes the newest, --runnable leaves out those that nothing can be done for."""
    first, second = register(shared), register(shared, "goal: nothing to do")
    assert [
        line[0] for line in fields(agentd_here(shared.home, "task", "list", "--limit", "1"))
    ] == [second]
    runnable = [line[0] for line in fields(agentd_here(shared.home, "task", "list", "--runnable"))]
    assert first in runnable
    assert second not in runnable


def test_what_users_wrote_stays_on_its_line(shared: DaemonProcess) -> None:
    """Tabs, ends of lines and control characters in a goal are shown, never obeyed."""
    register(shared, json.dumps({"goal": HOSTILE}))
    ended = agentd_here(shared.home, "task", "list", "--limit", "1")
    assert fields(ended)[0][-1] == r"tabs\tand [red]lines[/red]\n\x1b[31mred\u202e"


# show, graph


def test_show(shared: DaemonProcess) -> None:
    """A line for each node: id, status, name, owner, dependencies, attempt, seconds, result."""
    task = register(shared)
    with shared.connect() as connection:
        held = connection.call("AcquireNextNode", task_id=task, lease_owner="me")
        lease = {name: held[name] for name in ("task_id", "node_id", "lease_id")}
        connection.call("CompleteNode", **lease, result_payload={"said": "hello"})
    lines = fields(agentd(shared.home, "task", "show", task))
    assert lines[0][:6] == [held["node_id"], "COMPLETED", "plan", "", "", "1"]
    assert int(lines[0][6]) >= 0
    assert lines[0][7] == '{"said":"hello"}'
    needs = f"{lines[1][0]},{lines[2][0]}"
    assert lines[3][1:] == ["PENDING", "publish", "", needs, "0", "", ""]


def test_graph(shared: DaemonProcess) -> None:
    """In a pipe the drawing is the same, without colours and for any width."""
    ended = agentd(shared.home, "task", "graph", register(shared))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "◎    runnable   plan",
        "├─╮",
        "○ │  PENDING    build",
        "│ ○  PENDING    docs",
        "├─╯",
        "○    PENDING    publish",
    ]


def test_graph_where_the_output_is_not_unicode(shared: DaemonProcess) -> None:
    """A character that the output cannot say is no reason for a traceback."""
    ended = agentd(shared.home, "task", "graph", register(shared), PYTHONIOENCODING="ascii")
    assert (ended.code, ended.err) == (0, "")
    assert r"\u25ce" in ended.out


@pytest.mark.parametrize(
    ("form", "begin"),
    [("mermaid", "flowchart TD\n"), ("dot", "digraph task {\n"), ("svg", "<svg ")],
)
def test_graph_for_other_programs(shared: DaemonProcess, form: str, begin: str) -> None:
    """The formats are written to standard output."""
    ended = agentd_here(shared.home, "task", "graph", register(shared), "--format", form)
    assert ended.code == 0
    assert ended.out.startswith(begin)
    assert "publish" in ended.out


# events


def test_events(shared: DaemonProcess) -> None:
    """A line for each event, the newest last: seq, time, type, node, payload."""
    task = register(shared)
    lines = fields(agentd(shared.home, "task", "events", task))
    assert [line[2] for line in lines] == ["REGISTER_TASK", *4 * ["ADD_NODE"]]
    assert lines[0][3] == ""
    assert json.loads(lines[-1][4]) == {"dependencies": [lines[2][3], lines[3][3]]}
    last = fields(agentd_here(shared.home, "task", "events", task, "--last", "2"))
    assert last == lines[-2:]


def test_the_newest_events_of_a_large_task(shared: DaemonProcess) -> None:
    """What happened last is shown, however many bytes stand before it."""
    with shared.connect() as connection:
        made = connection.call("RegisterTask", goal="g", initial_nodes=[{}])
        event = {"task_id": made["task_id"], "node_id": made["node_ids"][0]}
        for payload in ("x" * 700_000, "y" * 700_000, "z"):
            connection.call("CommitEvent", **event, action_type="NOTE", payload=payload)
    shown = fields(agentd_here(shared.home, "task", "events", made["task_id"], "--last", "3"))
    assert [line[-1][1] for line in shown] == ["x", "y", "z"]


@contextmanager
def following(
    shared: DaemonProcess, task: str
) -> Iterator[tuple[subprocess.Popen[str], IO[str], IO[str]]]:
    """`task events --follow` from the newest event on, with what it prints; killed at the end."""
    with subprocess.Popen(
        [*AGENTD, "task", "events", task, "--follow", "--last", "1"],
        cwd=REPOSITORY,
        env=environment(shared.home, {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stderr
        try:
            yield process, process.stdout, process.stderr
        finally:
            process.kill()


def test_follow(shared: DaemonProcess) -> None:
    """With --follow new events are printed as they happen, until somebody interrupts."""
    task = register(shared)
    with following(shared, task) as (process, out, err), shared.connect() as connection:
        assert "ADD_NODE" in out.readline()
        connection.call("AcquireNextNode", task_id=task)
        assert "ACQUIRE_NODE" in out.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 130
        assert err.read() == "agentd: interrupted\n"


@pytest.mark.parametrize("something_happens", [True, False])
def test_follow_ends_with_its_reader(shared: DaemonProcess, *, something_happens: bool) -> None:
    """A reader that has had enough, such as `head`, ends it without a word, whatever happens."""
    task = register(shared)
    with following(shared, task) as (process, out, err), shared.connect() as connection:
        assert "ADD_NODE" in out.readline()
        out.close()
        if something_happens:
            connection.call("AcquireNextNode", task_id=task)
        assert process.wait(PATIENCE_SECONDS) == 0
        assert err.read() == ""


# Ids


def test_an_id_by_its_beginning(shared: DaemonProcess) -> None:
    """A beginning that no other task has stands for the id, with dashes or without, in any case."""
    task = register(shared)
    begin = unique(task, agentd_here(shared.home, "task", "list").out)
    whole = agentd_here(shared.home, "task", "show", task)
    for given in (begin, begin.upper(), begin.replace("-", "")):
        assert agentd_here(shared.home, "task", "show", given) == whole


def test_an_id_that_could_be_several(shared: DaemonProcess) -> None:
    """A beginning that several tasks have is refused with those that it could be."""
    tasks = {register(shared), register(shared)}
    ended = agentd_here(shared.home, "task", "show", next(iter(tasks))[:4])
    assert ended.code == 1
    first, *candidates = ended.err.splitlines()
    assert first.endswith("; give more of the id")
    assert tasks <= {line.split()[0] for line in candidates}


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ("ffff", 1, "no task's id begins with ffff: `agentd task list` shows"),
        (str(UUID(int=5)), 1, f"there is no task {UUID(int=5)}"),
        ("release", 2, "'release' is no task's id: `agentd task list` shows"),
        ("", 2, "'' is no task's id"),
        ("\x1b[31m", 2, r"is no task's id"),
        ("0" * 40, 2, "is no task's id"),
    ],
)
def test_an_id_that_is_none(shared: DaemonProcess, given: str, code: int, words: str) -> None:
    """What stands for no task is refused with what to do next."""
    ended = agentd_here(shared.home, "task", "show", given)
    assert ended.code == code
    assert words in ended.error
    assert ended.error.isprintable()


def test_a_task_that_is_too_large(shared: DaemonProcess, tmp_path: Path) -> None:
    """A document that no request has room for is told so, and what to do."""
    path = tmp_path / "large.json"
    path.write_text(json.dumps({"goal": "g", "nodes": [{"name": f"n{n}"} for n in range(20_000)]}))
    ended = agentd_here(shared.home, "task", "register", str(path))
    assert ended.code == 1
    assert "large.json, 20,000 nodes" in ended.error
    assert "or make it several tasks" in ended.error
