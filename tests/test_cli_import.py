"""`agentd task import`: what other tools planned and did is a task, found again at each repeat."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agentd.client import Client
from agentd.errors import ConnectionLost
from agentd.plans import pieces, sending
from agentd.plans.plan import Plan
from agentd.plans.reading import read_plan
from tests.command_line import COLUMNS, agentd_here, on_a_terminal_here
from tests.daemon_process import DaemonProcess
from tests.plans import EXAMPLES

CHECKLIST = "# Pack\n\n- [ ] trunk\n  - [x] socks\n  - [ ] shirts\n"


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    """A checklist in a file."""
    path = tmp_path / "PLAN.md"
    path.write_text(CHECKLIST, encoding="utf-8")
    return path


def client_of(daemon: DaemonProcess) -> Client:
    """A client of that daemon."""
    return Client(daemon.socket_path)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_registers_and_drains(shared: DaemonProcess, path: Path) -> None:
    """Whoever works on it comes to its end: gates approved, what is handed out completed."""
    ended = agentd_here(shared.home, "task", "import", str(path))
    assert ended.code == 0
    task = ended.out.strip()
    with client_of(shared) as client:
        while True:
            lease = client.acquire_next_node(task)
            gates = client.list_gates(task_id=task).gates
            if lease is not None:
                client.complete_node(task, lease.node_id, lease.lease_id, {})
            elif not gates:
                break
            for gate in gates:
                client.decide_gate(task, gate.node_id, "approve")
        status = client.task_status(task)
    states = {node.name: node.status for node in status.nodes if node.status != "COMPLETED"}
    cancelled = {"4 Import from the old system": "FAILED"}
    assert states == (cancelled if path.name == "tasks.json" else {})


def test_what_is_done_has_arrived(shared: DaemonProcess, plan_file: Path) -> None:
    """The task says where it comes from, and only what is open is handed out."""
    task = agentd_here(shared.home, "task", "import", str(plan_file)).out.strip()
    with client_of(shared) as client:
        status = client.task_status(task)
        assert status.task.imported_from == f"markdown:{plan_file.resolve()}"
        assert (status.task.goal, status.counts) == ("Pack", {"COMPLETED": 1, "PENDING": 2})
        lease = client.acquire_next_node(task)
        assert lease is not None
        assert lease.name == "shirts"


def test_a_plan_that_does_not_say_what_it_is_for(shared: DaemonProcess, tmp_path: Path) -> None:
    """The file says it; in a hidden folder, which each project has, the project does."""
    issues = tmp_path / "orchard" / ".beads" / "issues.jsonl"
    issues.parent.mkdir(parents=True)
    issues.write_text('{"id": "o-1", "title": "t"}\n', encoding="utf-8")
    beside = tmp_path / "orchard" / "issues.jsonl"
    beside.write_bytes(issues.read_bytes())
    tasks = tmp_path / "orchard" / ".taskmaster" / "tasks" / "tasks.json"
    tasks.parent.mkdir(parents=True)
    told = {"description": "Tasks for master context"}  # as in each project
    tag = {"tasks": [{"id": 1, "title": "t"}], "metadata": told}
    tasks.write_text(json.dumps({"master": tag}), encoding="utf-8")
    run = ("task", "import", "--dry-run", "--json")
    goals = [
        json.loads(agentd_here(shared.home, *run, str(path)).out)["data"]["goal"]
        for path in (issues, beside, tasks)
    ]
    assert goals == [
        "orchard/.beads/issues.jsonl",
        "issues.jsonl",
        "orchard/.taskmaster/tasks/tasks.json",
    ]


def test_a_repeat_finds_the_task(shared: DaemonProcess, plan_file: Path) -> None:
    """By the file, whichever way to it is written and whatever stands in it; or by its source."""
    first = agentd_here(shared.home, "task", "import", str(plan_file))
    plan_file.write_text(CHECKLIST + "- [ ] hat\n", encoding="utf-8")
    again = agentd_here(shared.home, "task", "import", os.path.relpath(plan_file))
    assert (again.code, again.out) == (0, first.out)
    assert "was imported before, and nothing is changed" in again.error
    other = agentd_here(shared.home, "task", "import", str(plan_file), "--source", "mine")
    assert other.out != first.out
    assert agentd_here(shared.home, "task", "import", "-", "--source", "mine",
                       stdin=b"- [ ] x\n").out == other.out  # fmt: skip


def test_from_standard_input(shared: DaemonProcess) -> None:
    """What has no name is known by its content."""
    run = ("task", "import", "-", "--from", "markdown")
    first = agentd_here(shared.home, *run, stdin=b"- [ ] once\n")
    assert agentd_here(shared.home, *run, stdin=b"- [ ] once\n").out == first.out
    assert agentd_here(shared.home, *run, stdin=b"- [ ] twice\n").out != first.out


def test_for_a_program(shared: DaemonProcess, plan_file: Path) -> None:
    """The envelope has the nodes by name, and all that is not taken over, with its lines."""
    plan_file.write_text(CHECKLIST + "- [~] hat\n", encoding="utf-8")
    ended = agentd_here(shared.home, "task", "import", str(plan_file), "--json")
    data = json.loads(ended.out)["data"]
    assert ended.err == ""
    assert (data["form"], data["existing"]) == ("markdown", False)
    assert {*data["names"]} == {"trunk", "socks", "shirts", "hat"}
    (left,) = data["not_taken"]
    assert (left["line"], "neither done nor open" in left["why"]) == (6, True)


def test_a_dry_run(home: Path, plan_file: Path) -> None:
    """It needs no daemon, and shows what would be there."""
    ended = agentd_here(home, "task", "import", str(plan_file), "--dry-run")
    assert ended == (
        0,
        "trunk\tPENDING\tsocks,shirts\nsocks\tCOMPLETED\t\nshirts\tPENDING\t\n",
        "",
    )
    ended = agentd_here(home, "task", "import", str(plan_file), "--dry-run", "--json")
    data = json.loads(ended.out)["data"]
    assert (data["goal"], data["source"]) == ("Pack", f"markdown:{plan_file.resolve()}")
    assert [node["status"] for node in data["nodes"]] == ["PENDING", "COMPLETED", "PENDING"]
    shown = on_a_terminal_here(home, "task", "import", str(plan_file), "--dry-run")
    assert "3 nodes, 2 to do, 1 COMPLETED; nothing is imported" in shown.plain
    assert shown.width <= COLUMNS


def test_a_dry_run_of_what_is_too_large(home: Path, tmp_path: Path) -> None:
    """A graph that cannot be drawn is listed, as far as a person reads."""
    path = tmp_path / "PLAN.md"
    path.write_text("- [ ] all\n" + "".join(f"  - [ ] n{number}\n" for number in range(600)))
    shown = on_a_terminal_here(home, "task", "import", str(path), "--dry-run")
    lines = shown.plain.splitlines()
    assert any(line.startswith("PENDING   all ← n0, n1, ") for line in lines)
    assert lines[-2:] == [
        "PENDING   n98",
        "501 more; into a pipe or a file, all of them are printed",
    ]
    assert shown.width <= COLUMNS


def test_what_is_alike_is_said_once(home: Path) -> None:
    """And how often it is there."""
    jobs = "".join(f"  j{number}: {{runs-on: x, steps: []}}\n" for number in range(30))
    ended = agentd_here(home, "task", "import", "-", "--dry-run", stdin=f"jobs:\n{jobs}".encode())
    assert ended.error.startswith("agentd: not taken over: line 2, jobs.j0.runs-on: ")
    assert ended.error.endswith("(and 29 more like it)")


def test_faults_register_nothing(shared: DaemonProcess) -> None:
    """All of them are told, each with its line, and what was written steers no terminal."""
    with client_of(shared) as client:
        before = client.list_tasks().tasks
        plan = b"jobs:\n  a: {needs: \"z\\e[2J\"}\n  b: {strategy: {matrix: '${{ x }}'}}\n"
        ended = agentd_here(shared.home, "task", "import", "-", stdin=plan)
        assert (ended.code, ended.out) == (2, "")
        assert "\x1b" not in ended.err
        assert [line.partition(":")[0] for line in ended.err.splitlines()[1:]] == [
            "  line 2",
            "  line 3",
        ]
        assert client.list_tasks().tasks == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("/no/such/plan.md",), "/no/such/plan.md cannot be read: No such file or directory"),
        (("/",), "/ cannot be read: Is a directory"),
        (("-", "--source", ""), "--source: expected 1 to 4,096 characters"),
        (("-", "--source", "x" * 5_000), "--source: expected 1 to 4,096 characters"),
    ],
)
def test_what_cannot_be_read(home: Path, arguments: tuple[str, ...], told: str) -> None:
    """In one line, with the exit code of what is written wrongly."""
    ended = agentd_here(home, "task", "import", *arguments)
    assert ended.code == 2
    assert told in ended.err


def cut(monkeypatch: pytest.MonkeyPatch, nodes: int = 2) -> None:
    """Have plans come in pieces of so few nodes."""
    monkeypatch.setattr(pieces, "MOST_NODES", nodes)


def issues(count: int) -> bytes:
    """A chain of issues, the last one first, each with a comment."""
    lines = [
        {
            "id": f"i{number}",
            "title": "t",
            "status": "closed" if number < 2 else "open",
            "dependencies": [{"depends_on_id": f"i{number - 1}"}] if number else [],
            "comments": [{"text": f"c{number}", "created_at": "2026-01-01T00:00:00Z"}],
        }
        for number in reversed(range(count))
    ]
    return "\n".join(map(json.dumps, lines)).encode()


def nothing_told(_what: str, _done: int, _total: int) -> None:
    """Nobody watches."""


def plan_of(text: bytes) -> Plan:
    """The plan, with a goal."""
    plan = read_plan(text, "plan")
    plan.goal = "in pieces"
    return plan


def test_a_plan_in_pieces(shared: DaemonProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is held until all of it is there, unless that was wanted; its notes keep their times."""
    cut(monkeypatch)
    plan = plan_of(issues(7))
    with client_of(shared) as client:
        sent = sending.send_plan(client, plan, "in-pieces", paused=False, progress=nothing_told)
        status = client.task_status(sent.task_id)
        assert (status.state, status.counts) == ("ACTIVE", {"COMPLETED": 2, "PENDING": 5})
        notes = [each for each in client.task_events(sent.task_id).events if each.by_client]
        assert [json.loads(bytes(each.payload))["text"] for each in notes] == [
            f"c{number}" for number in reversed(range(7))
        ]
        assert {each.timestamp for each in notes} == {"2026-01-01T00:00:00.000Z"}
        again = sending.send_plan(client, plan, "in-pieces", paused=False, progress=nothing_told)
        assert (again.existing, again.completed) == (True, False)
        held = sending.send_plan(client, plan, "held", paused=True, progress=nothing_told)
        assert client.task_status(held.task_id).state == "PAUSED"


@pytest.mark.parametrize("calls", range(5))
def test_an_import_that_is_cut_off(
    shared: DaemonProcess, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    """Wherever that was: nothing of it is handed out, and the repeat completes it, once."""
    cut(monkeypatch)
    monkeypatch.setattr(pieces, "MOST_BYTES", 900)
    plan, source = plan_of(issues(4)), f"cut-{calls}"
    with client_of(shared) as client:
        left = [calls]

        def counted(name: str) -> Callable[..., object]:
            real = getattr(Client, name)

            def call(*given: object, **named: object) -> object:
                left[0] -= 1
                if left[0] < 0:
                    raise ConnectionLost("cut off")
                return real(*given, **named)

            return call

        with pytest.MonkeyPatch.context() as patched:
            for name in ("import_task", "add_nodes", "resume_task"):
                patched.setattr(Client, name, counted(name))
            with pytest.raises(ConnectionLost):
                sending.send_plan(client, plan, source, paused=False, progress=nothing_told)
        begun = [t for t in client.list_tasks(goal_contains="in pieces").tasks if not t.has_ended]
        assert all(not task.runnable for task in begun if task.state == "PAUSED")
        sent = sending.send_plan(client, plan, source, paused=False, progress=nothing_told)
        assert (sent.existing, sent.completed) == ((True, True) if calls else (False, False))
        status = client.task_status(sent.task_id)
        assert (status.state, len(status.nodes)) == ("ACTIVE", 4)
        events = client.task_events(sent.task_id, limit=1_000).events
        assert sum(event.by_client for event in events) == 4
        client.cancel_task(sent.task_id)


def test_a_plan_that_has_changed_since(
    shared: DaemonProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is added to a task whose plan is another one by now, nor is it resumed."""
    cut(monkeypatch)
    with client_of(shared) as client:
        sent = sending.send_plan(
            client, plan_of(issues(5)), "changed", paused=True, progress=nothing_told
        )
        other = plan_of(issues(5).replace(b'"i3"', b'"j3"').replace(b'"i1"', b'"j1"'))
        again = sending.send_plan(client, other, "changed", paused=False, progress=nothing_told)
        assert (again.task_id, again.existing, again.completed) == (sent.task_id, True, False)
        status = client.task_status(sent.task_id)
        assert (status.state, len(status.nodes)) == ("PAUSED", 5)


def test_a_task_that_was_cancelled_since(
    shared: DaemonProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found, and stays as it is."""
    cut(monkeypatch)
    plan = plan_of(issues(5))
    with client_of(shared) as client:
        sent = sending.send_plan(client, plan, "ended", paused=True, progress=nothing_told)
        client.cancel_task(sent.task_id)
        again = sending.send_plan(client, plan, "ended", paused=False, progress=nothing_told)
        assert (again.task_id, again.existing, again.completed) == (sent.task_id, True, False)


def test_who_is_killed_in_the_middle(
    daemon: DaemonProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon dies between pieces: the same command, typed again, completes the task."""
    path = tmp_path / "issues.jsonl"
    path.write_bytes(issues(7))
    cut(monkeypatch)

    def die(*_: object, **__: object) -> None:
        daemon.kill()
        raise ConnectionLost("killed")

    plan, source = plan_of(path.read_bytes()), f"beads:{path.resolve()}"
    with client_of(daemon) as client, pytest.MonkeyPatch.context() as patched:
        patched.setattr(Client, "add_nodes", die)
        with pytest.raises(ConnectionLost):
            sending.send_plan(client, plan, source, paused=False, progress=nothing_told)
    daemon.start()
    ended = agentd_here(daemon.home, "task", "import", str(path))
    assert ended.code == 0
    assert "had been cut off: it is whole now" in ended.err
    with client_of(daemon) as client:
        status = client.task_status(ended.out.strip(), fields=["counts"])
        assert (status.state, status.counts) == ("ACTIVE", {"COMPLETED": 2, "PENDING": 5})
