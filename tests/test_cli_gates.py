"""`agentd gate`, what other verbs show of gates, and what docs/gates.md says."""

import getpass
import json
import re
import shlex
import time
from typing import Any

import pytest

from agentd import Client, api
from agentd.documents.document import read_document
from agentd.documents.faults import BadDocument
from tests.command_line import agentd_here, on_a_terminal_here
from tests.daemon_process import REPOSITORY, DaemonProcess
from tests.documents import blocks, text

PAGE = REPOSITORY / "docs" / "gates.md"
PLAN = {
    "goal": "Release\x1b[31m",
    "nodes": [
        {"name": "build", "payload": {}},
        {
            "name": "ship",
            "dependencies": ["build"],
            "gate": {"ask": "Ship it\x1b[31m to all?", "timeout": "2h"},
        },
        {"name": "deploy", "dependencies": ["ship"]},
        {"name": "fast", "gate": "Hurry?"},
    ],
}


def run(daemon: DaemonProcess, *arguments: str, stdin: str = "") -> str:
    """What it prints."""
    ended = agentd_here(daemon.home, *arguments, stdin=stdin.encode())
    assert (ended.code, ended.err) == (0, ""), ended
    return ended.out


def data(daemon: DaemonProcess, *arguments: str) -> Any:
    """What the envelope holds."""
    return json.loads(run(daemon, *arguments, "--json"))["data"]


def shown(daemon: DaemonProcess, *arguments: str) -> str:
    """What a person sees, without what would steer the terminal."""
    ended = on_a_terminal_here(daemon.home, *arguments)
    assert ended.code == 0, ended
    assert "\x1b[31m to" not in ended.out
    return ended.plain


def refused(daemon: DaemonProcess, *arguments: str) -> str:
    """The one line that it complains with."""
    ended = agentd_here(daemon.home, *arguments)
    assert ended.code == 1
    return ended.error


@pytest.fixture
def task(daemon: DaemonProcess) -> str:
    """A task with two gates, of which one is open."""
    return run(daemon, "task", "register", "-", stdin=json.dumps(PLAN)).strip()


def build(daemon: DaemonProcess, task: str) -> None:
    """Do what is in front of the other."""
    run(daemon, "node", "done", task, "build", "--result", '{"bytes": 5}')


def test_what_waits_for_a_decision(daemon: DaemonProcess, task: str) -> None:
    """A line for each, oldest first: whole ids, and nothing that steers a terminal."""
    build(daemon, task)
    fast, ship = (line.split("\t") for line in run(daemon, "gate", "list").splitlines())
    assert (fast[0], *fast[2:4], *fast[5:]) == (task, "fast", "Hurry?", "", "", "", "")
    assert ship[2:4] == ["ship", r"Ship it\x1b[31m to all?"]
    assert 7000 < float(ship[5]) - time.time() <= 7200
    told = data(daemon, "gate", "list", "--task", task)["gates"]
    assert [each["name"] for each in told] == ["fast", "ship"]
    lines = shown(daemon, "gate", "list").splitlines()
    assert max(map(len, lines[:3])) <= 80
    assert lines[-2:] == [
        f"then  agentd gate approve {task[:8]} fast",
        f"      agentd gate reject {task[:8]} fast --note TEXT",
    ]


def test_a_gate_without_a_name(daemon: DaemonProcess) -> None:
    """The end of its id leaves room for the question, and can be typed."""
    plan = '{"goal": "g", "nodes": [{"gate": "May all of this go on?"}]}'
    task = run(daemon, "task", "register", "-", stdin=plan).strip()
    told = shown(daemon, "gate", "list", "--task", task)
    assert "May all of this go on?" in told
    approve = told.splitlines()[-2].removeprefix("then  agentd ")
    assert len(approve.split()[-1]) == 8
    run(daemon, *approve.split())


def test_a_yes_and_a_no(daemon: DaemonProcess, task: str) -> None:
    """Who types decides, unless another name is given; the list of those decided says so."""
    build(daemon, task)
    assert "nothing waits" not in shown(daemon, "gate", "list")
    assert shown(daemon, "gate", "approve", "@", "ship") == "approved ship, which is COMPLETED now"
    event = run(daemon, "gate", "reject", task, "fast", "--by", "ann", "--note", "no\tway").strip()
    with Client(daemon.socket_path) as client:
        [decided] = client.watch_events(after_seq=0, kinds=["DECIDE_GATE"], limit=9).events[-1:]
    assert decided.id == event
    first, second = data(daemon, "gate", "list", "--decided")["gates"]
    assert (first["decision"], first["by"], first["note"]) == ("reject", "ann", "no\tway")
    assert (second["decision"], second["by"]) == ("approve", getpass.getuser())
    assert "rejected by ann: no" in shown(daemon, "gate", "list", "--decided")
    assert shown(daemon, "gate", "list") == "nothing waits for a decision"
    assert run(daemon, "gate", "list", "--task", task) == ""


def test_what_is_asked(daemon: DaemonProcess, task: str) -> None:
    """On the ground of what, until when, who waits for it, and what to type."""
    assert "PENDING, not open, held up by dependency" in shown(daemon, "gate", "show", "@", "ship")
    build(daemon, task)
    told = shown(daemon, "gate", "show", task, "ship")
    for line in (
        r"asks      Ship it\x1b[31m to all?",
        'after     build, COMPLETED: {"bytes":5}',
        "before    deploy, PENDING",
        f"then      agentd gate approve {task} ship",
    ):
        assert line in told.replace('{"bytes": 5}', '{"bytes":5}').splitlines()
    assert re.search(r"^timeout   rejected by itself at .*\d\d:\d\d$", told, re.MULTILINE)
    found = data(daemon, "gate", "show", task, "ship")
    assert found["gate"]["ask"] == found["node"]["gate"]["ask"] == "Ship it\x1b[31m to all?"
    assert [each["result_payload"] for each in found["dependencies"]] == [{"bytes": 5}]
    fields = run(daemon, "gate", "show", task, "ship").rstrip("\n").split("\t")
    assert fields[1:] == ["COMPLETED", "build", '{"bytes": 5}']
    run(daemon, "gate", "approve", task, "ship", "--by", "ann")
    assert "COMPLETED, approved by ann" in shown(daemon, "gate", "show", task, "ship")


def test_other_verbs_show_a_gate_as_one(daemon: DaemonProcess, task: str) -> None:
    """As a state of its own while it is open, with what to type."""
    graph = shown(daemon, "task", "graph", task)
    assert "PENDING    ship (gate)" in graph
    assert "◇  gate       fast" in graph
    told = shown(daemon, "task", "show", task)
    assert "asks: Hurry?" in told
    assert "agentd gate approve" in told
    assert "1 gate" in told.splitlines()[3]
    assert f"then     agentd gate approve {task} fast" in shown(daemon, "task", "why", task)
    why = run(daemon, "node", "why", task, "fast")
    assert why == "gate\tit waits for a decision: Hurry?\n"
    assert f"agentd gate approve {task} fast" in shown(daemon, "node", "why", task, "fast")
    node = shown(daemon, "node", "show", task, "fast")
    assert "gate      Hurry?" in node
    assert f"then      agentd gate show {task}" in node
    assert ":::gate" in run(daemon, "task", "graph", task, "--format", "mermaid")


def test_what_cannot_be_decided(daemon: DaemonProcess, task: str) -> None:
    """It is said why, and what to type in its place."""
    assert "node build is no gate" in refused(daemon, "gate", "approve", task, "build")
    told = refused(daemon, "gate", "reject", task, "ship")
    assert "node ship is not open yet" in told
    assert f"agentd node why {task}" in told
    assert "gate, which is decided" in refused(daemon, "node", "done", task, "fast")
    run(daemon, "gate", "reject", task, "fast")
    assert "agentd node retry" in refused(daemon, "gate", "approve", task, "fast")
    ended = agentd_here(daemon.home, "gate", "approve", task, "build", "--json")
    error = json.loads(ended.out)["error"]
    assert error["kind"] == "gate_not_open"
    assert error["next"] == "`agentd gate list` shows what waits for a decision"


def test_a_gate_in_a_dry_run(daemon: DaemonProcess) -> None:
    """It is seen where the work stops for somebody, before anything is registered."""
    plan = ("task", "register", "-", "--dry-run")
    nodes = json.loads(run(daemon, *plan, "--json", stdin=json.dumps(PLAN)))["data"]["nodes"]
    asked = [None, "Ship it\x1b[31m to all?", None, "Hurry?"]
    assert [node.get("gate", {}).get("ask") for node in nodes] == asked


def test_a_gate_that_was_rejected(daemon: DaemonProcess, task: str) -> None:
    """Who looks at it is led to what was said, not to the log of a command that never ran."""
    run(daemon, "gate", "reject", task, "fast", "--note", "not on a Friday")
    for look in (("task", "show", task), ("node", "show", task, "fast")):
        told = shown(daemon, *look)
        assert "agentd gate show" in told
        assert "node log" not in told


def test_the_plan_of_the_page() -> None:
    """What docs/gates.md shows is understood as it says."""
    [written] = blocks(text(PAGE), "yaml")
    _build, ship, _deploy = read_document(written.encode(), "f").nodes
    ask = "Ship 0.2 to all customers?"
    assert ship.gate == api.GateSpec(ask=ask, timeout_secs=7200, on_timeout="reject")


def test_the_commands_of_the_page(daemon: DaemonProcess) -> None:
    """Each of them is one that does what it says, where it may be asked."""
    [plan] = blocks(text(PAGE), "yaml")
    [commands] = blocks(text(PAGE), "sh")
    for line in commands.splitlines():
        run(daemon, "task", "register", "-", stdin=plan)
        run(daemon, "node", "done", "@", "build")
        run(daemon, *shlex.split(line, comments=True)[1:])


@pytest.mark.parametrize(
    ("gate", "fault"),
    [
        ("5", "expected an object with fields such as `ask` and `timeout`"),
        ("{question: a}", "there is no field `question`: did you mean `ask`?"),
        ("{timeout: 5m}", "`ask` is missing"),
        ("{ask: 5}", "`ask`: expected a text, got a number"),
        ("{ask: a, timeout: soon}", "`timeout`: 'soon': expected a duration"),
        ("{ask: a, timeout: 5m, timeout_secs: 5}", "say the same thing"),
        (
            "{ask: a, on_timeout: maybe}",
            "`on_timeout`: expected `approve` or `reject`, got",
        ),
        ("''", "`gate` is empty: what is somebody to decide?"),
        ("{ask: ' '}", "`ask` is empty"),
        ("{ask: a, on_timeout: approve}", "`on_timeout`: without `timeout` nothing decides it"),
        ("a\n    attempts: 3", "`attempts`: the node has a `gate`"),
        ("a\n    timeout: 2h", "never worked on; put it under `gate`"),
        ("a\n    limits: [x]", "`limits`: the node has a `gate`"),
    ],
)
def test_a_gate_in_a_file_that_is_not_understood(gate: str, fault: str) -> None:
    """It is named, with the node that has it."""
    written = f"goal: g\nnodes:\n  - name: ship\n    gate: {gate}\n"
    with pytest.raises(BadDocument) as found:
        read_document(written.encode(), "f")
    assert "node 'ship'" in str(found.value)
    assert fault in str(found.value)
