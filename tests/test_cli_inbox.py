"""`agentd inbox`: what waits for a person, and what to type."""

import json
import shlex
from typing import Any

import pytest

from agentd.inbox import waiting
from tests.command_line import COLUMNS, agentd_here, on_a_terminal_here
from tests.daemon_process import Connection, DaemonProcess

LONG = "n" * 40


def register(connection: Connection, goal: str, *nodes: dict[str, Any], **more: Any) -> str:
    """The id of a task of these nodes."""
    made = connection.call("RegisterTask", goal=goal, initial_nodes=nodes, **more)
    return str(made["task_id"])


def gate(name: str | None, ask: str, **more: Any) -> dict[str, Any]:
    """A node that somebody decides."""
    return {"name": name, "gate": {"ask": ask, **more}}


def acquired(connection: Connection, task: str) -> dict[str, Any]:
    """Which node of the task is held now, and under which lease."""
    held = connection.call("AcquireNextNode", task_id=task)
    return {name: held[name] for name in ("task_id", "node_id", "lease_id")}


def fill(connection: Connection) -> dict[str, str]:
    """Have one of each kind, and what is none: the ids of the tasks by their goals."""
    ids = {
        "asks": register(connection, "asks", gate(None, "Go on?")),
        "hurries": register(
            connection, "hurries", gate("publish it", "To\nall?", timeout_secs=3600)
        ),
        "fails": register(connection, "fails", {}, {"name": "b"}),
        "dear": register(connection, "dear", {}, {}, budget={"usd": 2, "tokens": 9_000}),
        "works": register(connection, "works", {}, {}, budget={"usd": 2}),
        "waits": register(
            connection, "waits", {"name": "a"}, {"dependencies": ["a"]}, budget={"usd": 2}
        ),
    }
    connection.call("FailNode", **acquired(connection, ids["fails"]))
    connection.call("CompleteNode", **acquired(connection, ids["fails"]))
    connection.call("CompleteNode", **acquired(connection, ids["dear"]), usage={"usd": 2.5})
    acquired(connection, ids["waits"])
    for name in ("open", "claude x"):
        connection.call("SetLimit", name=name, max_running=1)
    connection.call("CloseLimit", name="claude x", for_secs=7_230, reason="quota")
    return ids


def test_nothing_waits(shared: DaemonProcess) -> None:
    """It says so to a person, and nothing to a program; that is no failure."""
    assert agentd_here(shared.home, "inbox") == (0, "", "")
    assert on_a_terminal_here(shared.home, "inbox").plain == "nothing waits for you"
    assert json.loads(agentd_here(shared.home, "inbox", "--json").out)["data"] == {"waiting": []}


def test_what_waits(daemon: DaemonProcess) -> None:
    """The most urgent first: what ends by itself, what was asked first, what stands still.

    Each with a command that can be typed as it stands, words in capitals apart.
    """
    with daemon.connect() as connection:
        ids = fill(connection)
        [asked] = connection.call("TaskStatus", task_id=ids["asks"])["nodes"]
    ended = agentd_here(daemon.home, "inbox")
    assert (ended.code, ended.err) == (0, "")
    lines = [line.split("\t") for line in ended.out.splitlines()]
    assert [(each[0], each[1], each[3], each[4], each[7], each[8]) for each in lines] == [
        (
            *("gate", ids["hurries"], "publish it", "hurries", r"To\nall?"),
            f"agentd gate approve {ids['hurries']} 'publish it'",
        ),
        (
            *("gate", ids["asks"], "", "asks", "Go on?"),
            f"agentd gate approve {ids['asks']} {asked['id']}",
        ),
        (
            *("budget", ids["dear"], "", "dear", "usd: 2.5 of 2 used"),
            f"agentd task budget {ids['dear']} usd=AMOUNT tokens=9000",
        ),
        (
            *("failed", ids["fails"], "", "fails", "1 of 2 nodes FAILED"),
            f"agentd task retry {ids['fails']}",
        ),
        (
            *("limit", "", "claude x", "", "closed, 2 h left: quota; 0 nodes waiting"),
            "agentd limit open 'claude x'",
        ),
    ]
    told = json.loads(agentd_here(daemon.home, "inbox", "--json").out)["data"]["waiting"]
    assert [each["command"] for each in told] == [each[8] for each in lines]
    assert told[0]["until"] == pytest.approx(told[0]["since"] + 3600)
    assert [each["until"] is None for each in told] == [False, True, True, True, False]

    # What is typed takes it out.
    for each in reversed(told):
        words = shlex.split(each["command"].replace("AMOUNT", "10"))[1:]
        assert agentd_here(daemon.home, *words).code == 0
        left = json.loads(agentd_here(daemon.home, "inbox", "--json").out)["data"]["waiting"]
        assert each["text"] not in [other["text"] for other in left]


def test_on_a_terminal(daemon: DaemonProcess) -> None:
    """Three lines each; ids are as short as can be typed, so a command has one line."""
    with daemon.connect() as connection:
        ids = fill(connection)
        register(connection, "g" * 200, gate(None, "w" * 200))
        [asked] = connection.call("TaskStatus", task_id=ids["asks"])["nodes"]
    shown = on_a_terminal_here(daemon.home, "inbox")
    assert shown.width <= COLUMNS
    lines = shown.plain.splitlines()
    assert lines[0].startswith("gate    publish it: hurries  ")
    assert lines[0].endswith(" left")
    assert lines[1:3] == [
        r"        To\nall?",
        f"        agentd gate approve {ids['hurries'][:18]} 'publish it'",
    ]
    assert lines[5] == f"        agentd gate approve {ids['asks'][:18]} {asked['id'][-8:]}"
    assert "registered" in next(line for line in lines if line.startswith("failed  fails"))
    assert lines[-2:] == [
        "`agentd gate reject TASK NODE` says no",
        "`agentd task show TASK` says what failed",
    ]


def test_what_failed_long_ago(shared: DaemonProcess) -> None:
    """Only what was registered in the last 7 days, or since then: nobody would take it out."""
    with shared.connect() as connection:
        task = register(connection, "g", {})
        connection.call("FailNode", **acquired(connection, task))
    assert task in agentd_here(shared.home, "inbox").out
    assert task in agentd_here(shared.home, "inbox", "--since", "1m").out
    assert agentd_here(shared.home, "inbox", "--since", "2999-01-01T00:00:00Z").out == ""
    help_ = " ".join(agentd_here(shared.home, "inbox", "--help").out.split())
    assert "(default: 7d)" in help_


def test_more_than_are_looked_at(shared: DaemonProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says that there may be more, and what it found."""
    monkeypatch.setattr(waiting.ask_inbox, "__defaults__", (1, 1))  # looks, and tasks of each
    with shared.connect() as connection:
        tasks = [register(connection, "g", {}) for _ in range(2)]
        for task in tasks:
            connection.call("FailNode", **acquired(connection, task))
    ended = agentd_here(shared.home, "inbox")
    assert tasks[1] in ended.out
    assert tasks[0] not in ended.out
    assert ended.error == (
        "agentd: there are so many tasks that not all that are FAILED were looked for"
    )
