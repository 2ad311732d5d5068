"""What the command line looks like on a terminal of 80 columns, and on one of 200."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.command_line import Ended, agentd, on_a_terminal_here
from tests.daemon_process import REPOSITORY, DaemonProcess, temporary_home
from tests.graphs import DIAMOND

HOSTILE = "[red]no markup[/red] \x1b[31mno control\x07\n" + "and long " * 20
COLOUR = re.compile(r"\x1b\[(?:\d+;)*3[1-6]m")


class Stage(NamedTuple):
    """A daemon with the release of the demo, some of it done, and a task that nobody trusts."""

    daemon: DaemonProcess
    release: str
    hostile: str

    def shows(self, *arguments: str, columns: int = 80, **env: Any) -> Ended:
        """What a person sees."""
        ended = on_a_terminal_here(self.daemon.home, *arguments, columns=columns, **env)
        assert ended.code == 0, ended
        return ended


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """The release has one node COMPLETED, one FAILED and one RUNNING."""
    with temporary_home() as home, DaemonProcess(home) as daemon, daemon.connect() as connection:
        nodes = [{"payload_schema": {"name": HOSTILE}}]
        hostile = connection.call("RegisterTask", goal=HOSTILE, initial_nodes=nodes)["task_id"]
        path = REPOSITORY / "examples" / "release.json"
        release = json.loads(path.read_text(encoding="utf-8"))
        for node in release["initial_nodes"]:
            node["payload_schema"]["name"] = node["payload_schema"]["title"]
        task = connection.call("RegisterTask", **release)["task_id"]
        for method in ("CompleteNode", "FailNode", None):
            held = connection.call("AcquireNextNode", task_id=task, lease_owner="worker-1")
            lease = {name: held[name] for name in ("task_id", "node_id", "lease_id")}
            if method:
                connection.call(method, **lease, payload={"report": "x" * 300, "n": 1})
        yield Stage(daemon, task, hostile)


def test_list(stage: Stage) -> None:
    """Tasks are a table of short ids, goals, progress and age that fits the terminal."""
    ended = stage.shows("task", "list")
    head, first, second = ended.plain.splitlines()
    names = ["TASK", "STATE", "GOAL", "DONE", "RUN", "FAIL", "WAIT", "AGE"]
    assert re.split(r" {2,}", head) == names
    short, state, goal, *progress, age = re.split(r" {2,}", first)
    assert stage.release.startswith(short)
    assert len(short) < 36
    assert (state, goal) == ("ACTIVE", "Release orchard 0.1.0")
    assert progress == ["1/12", "1", "1", "9"]
    assert re.fullmatch(r"\d+ s|\d+ min", age)
    assert "[red]no markup[/red] " in second
    assert ended.width <= 80


@pytest.mark.parametrize("options", [("--limit", "1"), ("--runnable",)])
def test_an_id_of_a_part_of_the_list(stage: Stage, options: tuple[str, ...]) -> None:
    """It stands for one task, though others that were registered in that minute are not shown."""
    for _ in range(2):
        with stage.daemon.connect() as connection:
            connection.call("RegisterTask", goal="another")
    table = stage.shows("task", "list", *options).plain.splitlines()
    short = table[1].split()[0]
    assert len(short) < 36
    assert stage.shows("task", "show", short).plain
    assert max(map(len, table[:2])) <= 80


def test_nothing_to_list(home: Path) -> None:
    """Where there are no tasks, what makes one is said."""
    with DaemonProcess(home):
        ended = on_a_terminal_here(home, "task", "list")
    assert ended == (0, "no tasks; `agentd task register FILE` makes one\n", "")


def test_show(stage: Stage) -> None:
    """A task shows how far each node has come, who works on it, and what it waits for."""
    ended = stage.shows("task", "show", stage.release)
    lines = ended.plain.splitlines()
    assert lines[0] == "Release orchard 0.1.0"
    assert lines[1].startswith(f"task     {stage.release}, registered ")
    assert lines[2] == "state    ACTIVE"
    assert lines[3] == "nodes    1 RUNNING, 1 FAILED, 9 blocked, 1 COMPLETED"
    table = {line[:25].strip(): re.split(r" {2,}", line[25:].strip()) for line in lines[6:]}
    state, attempt, took, result = table["Plan the release"]
    assert (state, attempt) == ("✓ COMPLETED", "1")
    assert re.fullmatch(r"\d+ (s|min)", took)
    assert result.startswith('{"report":"xxx')
    assert table["Implement the change"][0] == "✗ FAILED"
    assert table["Write the documentation"][0] == "● RUNNING"
    assert re.fullmatch(r"worker-1, [45] min left", table["Write the documentation"][3])
    waiting = ["⊘ blocked", "-", "-", "waits for Implement the chan…"]
    assert table["Run the unit tests"] == waiting
    assert lines[-2].endswith(" 'Implement the change'")
    *command, short = lines[-1].split()
    assert command == ["then", "agentd", "task", "retry"]
    assert agentd(stage.daemon.home, "task", "show", short).code == 0
    assert ended.width <= 80


def test_show_on_a_wide_terminal(stage: Stage) -> None:
    """On 200 columns more of the results is seen."""
    narrow, wide = (stage.shows("task", "show", stage.release, columns=n) for n in (80, 200))
    assert narrow.width <= 80 < wide.width <= 200


@pytest.mark.parametrize("columns", [80, 200])
def test_graph(stage: Stage, columns: int) -> None:
    """The graph is drawn with a sign and a word for each state, in its colour."""
    ended = stage.shows("task", "graph", stage.release, columns=columns)
    assert ended.width <= 80
    rows = [line for line in ended.plain.splitlines() if re.search(r"[✓✗●◎○⊘]", line)]
    assert len(rows) == 12
    assert re.search(
        r"● .*RUNNING +Write the documentation \(worker-1\)$", ended.plain, re.MULTILINE
    )
    assert COLOUR.search(ended.out)


def test_events(stage: Stage) -> None:
    """Events are lines with the nodes' names, cut where the terminal ends."""
    ended = stage.shows("task", "events", stage.release, "--last", "3")
    lines = [line.split() for line in ended.plain.splitlines()]
    piped = agentd(stage.daemon.home, "task", "events", stage.release, "--last", "3")
    assert [line[0] for line in lines] == [line.split()[0] for line in piped.out.splitlines()]
    assert [line[4] for line in lines] == [
        "ACQUIRE_NODE",
        "FAIL_NODE",
        "ACQUIRE_NODE",
    ]
    assert "Implement the change" in ended.plain
    assert ended.width <= 80


@pytest.mark.parametrize("verb", ["list", "show", "graph", "events"])
def test_what_users_wrote_is_text(stage: Stage, verb: str) -> None:
    """Markup is not interpreted, and control characters never reach the terminal."""
    columns = 120 if verb == "list" else 80  # ids take more room where tasks are made at once
    arguments = [stage.hostile] if verb != "list" else []
    ended = stage.shows("task", verb, *arguments, columns=columns)
    assert "[red]no markup[/red] \\x1b[" in ended.plain
    assert re.fullmatch(r"[^\x00-\x09\x0b-\x1f\x7f]*", ended.plain)
    assert "\x1b[31mno" not in ended.out
    assert ended.width <= columns


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_no_colours(stage: Stage, env: dict[str, Any]) -> None:
    """NO_COLOR and a terminal that knows no colours are honoured; the words stay the same."""
    ended = stage.shows("task", "graph", stage.release, **env)
    assert not COLOUR.search(ended.out)
    assert "COMPLETED" in ended.out


def test_too_large_a_graph(stage: Stage) -> None:
    """A graph that does not fit is answered with what to look at instead, not with a wall."""
    with stage.daemon.connect() as connection:
        nodes: list[dict[str, str]] = [{}] * 600
        task = connection.call("RegisterTask", goal="many", initial_nodes=nodes)["task_id"]
    ended = on_a_terminal_here(stage.daemon.home, "task", "graph", task)
    assert ended.code == 1
    assert "a graph of 600 nodes is too large to draw here" in ended.out
    shown = stage.shows("task", "show", task)
    assert len(shown.plain.splitlines()) < 120
    assert "and 500 more" in shown.plain


def test_a_session_by_hand(home: Path) -> None:
    """A person registers, acquires and completes, and each step says what the next can be."""
    with DaemonProcess(home):
        (home / "ship.yaml").write_text(DIAMOND)
        said = on_a_terminal_here(home, "task", "register", str(home / "ship.yaml")).plain
        task = re.search(r"^task   (\S+)$", said, re.MULTILINE)
        assert task
        assert "nodes  4, 1 runnable now" in said
        held = on_a_terminal_here(home, "node", "acquire", task[1], "--owner", "me").plain
        assert held.startswith("node     plan\nlease    ")
        then = re.search(r"then +agentd (node complete .*) '\{\}'", held)
        assert then
        done = on_a_terminal_here(home, *then[1].split(), '{"said":"hello"}').plain
        assert done.startswith("completed, event ")
        assert "input    {" in on_a_terminal_here(home, "node", "acquire", task[1]).plain


def test_a_terminal_without_a_width(stage: Stage) -> None:
    """A terminal that claims to have no columns is taken for an ordinary one."""
    without = stage.shows("task", "show", stage.hostile, COLUMNS="0")
    ordinary = stage.shows("task", "show", stage.hostile)
    age = re.compile(r"\d+ (?:s|min)\b")  # it goes on growing
    assert age.sub("some time", without.plain) == age.sub("some time", ordinary.plain)
    assert without.width == ordinary.width > 40


def test_a_terminal_that_knows_ascii_only(stage: Stage) -> None:
    """Where the terminal has no signs, a state has its first letter in their place."""
    shown = stage.shows("task", "show", stage.release, PYTHONIOENCODING="ascii").plain
    assert "\\u25" not in shown
    assert re.search(r" R RUNNING ", shown)
