"""`agentd task cancel`, `pause`, `resume` and `budget`, lists that are narrowed, and task files."""

import json
from typing import Any, get_args

import pytest

from agentd.cli.task.options import STATES
from agentd.events import StateOfTask
from tests.command_line import agentd_here
from tests.daemon_process import DaemonProcess

DOCUMENT = """
goal: Sweep the {what}
labels: {{team: a}}
budget: {{usd: 1.5, tokens: 10}}
nodes: [{{name: one}}, {{name: two}}]
"""


def run(daemon: DaemonProcess, *arguments: str, stdin: str = "") -> str:
    """What it prints."""
    ended = agentd_here(daemon.home, *arguments, stdin=stdin.encode())
    assert (ended.code, ended.err) == (0, ""), ended
    return ended.out


def data(daemon: DaemonProcess, *arguments: str, stdin: str = "") -> Any:
    """What the envelope holds."""
    return json.loads(run(daemon, *arguments, "--json", stdin=stdin))["data"]


def register(daemon: DaemonProcess, what: str, more: str = "") -> str:
    """The id of a new task."""
    document = DOCUMENT.format(what=what) + more
    return run(daemon, "task", "register", "-", stdin=document).strip()


def state(daemon: DaemonProcess, task: str) -> str:
    return str(data(daemon, "task", "show", task)["state"])


def test_cancel(shared: DaemonProcess) -> None:
    """It prints the tasks that were cancelled, and nothing the second time."""
    task = register(shared, "floor")
    child = register(shared, "corner", f"parent_task_id: {task}")
    ended = run(shared, "task", "cancel", task, "--reason", "clean", "--by", "me")
    assert ended.split() == [task, child]
    assert run(shared, "task", "cancel", task) == ""
    assert state(shared, child) == "CANCELLED"
    assert data(shared, "task", "cancel", task) == {"ok": True, "cancelled": []}
    refused = agentd_here(shared.home, "task", "pause", task)
    assert refused.code == 1
    assert "was cancelled by me: clean" in refused.error


def test_pause_and_resume(shared: DaemonProcess) -> None:
    """They print nothing in a pipe."""
    task = register(shared, "wall", "paused: true")
    assert state(shared, task) == "PAUSED"
    assert run(shared, "task", "resume", task) == ""
    assert state(shared, task) == "ACTIVE"
    assert data(shared, "task", "pause", task, "--by", "me") == {"ok": True}
    assert state(shared, task) == "PAUSED"


def test_budget(shared: DaemonProcess) -> None:
    """Unit, used, budget, a line each; and it is replaced as a whole."""
    task = register(shared, "roof")
    told = ("node", "commit", task, "one", "none", "--usage")
    run(shared, *told, "usd=0", "--usage", "tokens=0")
    assert run(shared, "task", "cost", task) == "tokens\t0\t10\nusd\t0\t1.5\n"
    run(shared, *told, "cpu=0")
    budget = run(shared, "task", "budget", task, "usd=3", "cpu=0.5")
    assert budget == "cpu\t0\t0.5\ntokens\t0\t\nusd\t0\t3\n"
    assert data(shared, "task", "cost", task)["budget"] == {"cpu": 0.5, "usd": 3}
    none_left = "cpu\t0\t\ntokens\t0\t\nusd\t0\t\n"
    assert run(shared, "task", "budget", task, "--none") == none_left
    assert data(shared, "task", "cost", task)["budget"] is None
    assert "`agentd task cost TASK` shows" in agentd_here(shared.home, "task", "budget", task).err


def test_a_budget_of_which_nobody_tells(shared: DaemonProcess) -> None:
    """It is said when it is set and when it is shown, until somebody has told."""
    task = register(shared, "attic")
    set_it, show_it = ("task", "budget", task, "cost usd=3"), ("task", "cost", task)
    for verb in (set_it, show_it, (*show_it, "--json")):
        assert agentd_here(shared.home, *verb).error == (
            "agentd: nobody has told yet how much 'cost usd' was used: "
            "`agentd node commit TASK NODE LEASE --usage 'cost usd=AMOUNT'` does"
        )
    held = run(shared, "node", "acquire", task).split()[:3]
    run(shared, "node", "commit", *held, "--usage", "cost usd=2.5")
    assert run(shared, *show_it).startswith("cost usd\t2.5\t3\n")


@pytest.mark.parametrize(
    "arguments", [["usd"], ["=1"], ["usd=x"], ["usd=-1"], ["usd=inf"], ["usd=1", "--none"]]
)
def test_a_budget_that_is_none(shared: DaemonProcess, arguments: list[str]) -> None:
    """It is refused as a usage error, before anything is asked."""
    ended = agentd_here(shared.home, "task", "budget", "01", *arguments)
    assert ended.code == 2


def test_a_list_that_is_narrowed(shared: DaemonProcess) -> None:
    """By state, label, parent, goal and time; all together."""
    task = register(shared, "chimney")
    child = register(shared, "chimney's top", f"parent_task_id: {task}")

    def listed(*arguments: str) -> list[str]:
        return [
            line.split("\t")[0] for line in run(shared, "task", "list", *arguments).splitlines()
        ]

    assert listed("--goal", "CHIMNEY") == [child, task]
    assert listed("--goal", "chimney", "--parent", task) == [child]
    assert listed("--goal", "chimney", "--state", "PAUSED") == []
    assert listed("--goal", "chimney", "--state", "active") == listed("--goal", "chimney")
    assert listed("--goal", "chimney", "--label", "team=a", "--since", "2026-01-01T00:00:00Z") == [
        child,
        task,
    ]
    assert listed("--goal", "chimney", "--label", "team=b") == []
    assert listed("--goal", "chimney", "--until", "2026-01-01T00:00:00Z") == []
    assert agentd_here(shared.home, "task", "list", "--label", "team").code == 2
    assert agentd_here(shared.home, "task", "list", "--since", "soon").code == 2


def test_a_task_that_goes_on(shared: DaemonProcess) -> None:
    """A file whose dedupe_key a task bears that goes on is answered with that task."""
    key = "dedupe_key: once"
    task = register(shared, "stairs", key)
    ended = agentd_here(
        shared.home,
        "task",
        "register",
        "-",
        stdin=f"{DOCUMENT.format(what='stairs')}{key}".encode(),
    )
    assert (ended.code, ended.out.strip()) == (0, task)
    assert ended.err.startswith("agentd: already there")
    again = data(shared, "task", "register", "-", stdin=DOCUMENT.format(what="stairs") + key)
    assert (again["task_id"], again["existing"]) == (task, True)


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("labels: [a]", "`labels`: expected an object of texts, got a list"),
        ("labels: {a: 1}", "`labels`: expected an object of texts"),
        ("budget: {usd: -1}", "`budget`: expected an object of numbers, 0 or more"),
        ("paused: 1", "`paused`: expected true or false, got a number"),
        (
            "timeout_secs: soon",
            "`timeout_secs`: expected a number of seconds (`timeout` takes a duration), got a text",
        ),
        ("dedupe_key: 5", "`dedupe_key`: expected a text of 1 to 256 characters"),
        ("parent_task_id: x", "`parent_task_id`: expected a UUID"),
        ("label: {a: b}", "there is no field `label`: did you mean `labels`?"),
    ],
)
def test_a_file_that_is_wrong(shared: DaemonProcess, field: str, told: str) -> None:
    """The fault names the field and what is expected."""
    document = f"goal: g\nnodes: [{{name: a}}]\n{field}"
    ended = agentd_here(shared.home, "task", "register", "-", stdin=document.encode())
    assert ended.code == 2
    assert told in ended.err


def test_the_states_of_a_list() -> None:
    """`task list --state` takes every state that a task may be in."""
    assert get_args(StateOfTask) == STATES
