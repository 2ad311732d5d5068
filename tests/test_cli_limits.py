"""`agentd limit`, `explain` and `update`; labels of those who ask for nodes, and in task files."""

import json
import re
import time
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from agentd.api import UPDATABLE, CauseKind
from agentd.cli.node.settings import SETTINGS
from agentd.cli.task.node_words import HOLDS
from agentd.documents.document import read_document
from agentd.times import format_moment
from tests.command_line import agentd_here, on_a_terminal_here
from tests.daemon_process import DaemonProcess

DOCUMENT = """
goal: Sweep
node_defaults: {limits: [%s]}
nodes:
  - {name: one}
  - {name: two, requires: [gpu, eu]}
  - {name: three, dependencies: [one]}
"""


def run(daemon: DaemonProcess, *arguments: str, stdin: str = "") -> str:
    """What it prints."""
    ended = agentd_here(daemon.home, *arguments, stdin=stdin.encode())
    assert (ended.code, ended.err) == (0, ""), ended
    return ended.out


def data(daemon: DaemonProcess, *arguments: str) -> Any:
    """What the envelope holds."""
    return json.loads(run(daemon, *arguments, "--json"))["data"]


def register(daemon: DaemonProcess, limit: str) -> str:
    """The id of a new task whose nodes name a limit."""
    return run(daemon, "task", "register", "-", stdin=DOCUMENT % limit).strip()


def acquired(daemon: DaemonProcess, task: str, *more: str) -> list[str]:
    """The lease that is acquired; nothing where there is none."""
    ended = agentd_here(daemon.home, "node", "acquire", task, *more)
    assert ended.code == 0
    return ended.out.split()


def shown(daemon: DaemonProcess, *arguments: str) -> list[str]:
    """The lines that a person sees, none wider than the terminal of 80 columns."""
    ended = on_a_terminal_here(daemon.home, *arguments)
    assert ended.code == 0, ended
    return ended.plain.splitlines()


# Limits


def test_a_limit_that_is_set(daemon: DaemonProcess) -> None:
    """It prints nothing in a pipe; the list has a line for each limit."""
    assert run(daemon, "limit", "list") == ""
    task = register(daemon, "api")
    assert run(daemon, "limit", "list") == ""
    assert run(daemon, "limit", "set", "api", "--max-running", "1", "--rate", "60/1.5") == ""
    assert run(daemon, "limit", "list") == "api\t1\t60/1.5\t0\t2\t\t\n"
    assert acquired(daemon, task)
    assert acquired(daemon, task, "--label", "gpu", "--label", "eu") == []
    assert run(daemon, "limit", "list") == "api\t1\t60/1.5\t1\t1\t\t\n"
    assert data(daemon, "limit", "set", "api", "--max-running", "2") == {"ok": True}
    (limit,) = data(daemon, "limit", "list")["limits"]
    assert (limit["max_running"], limit["waiting"]) == (2, 1)
    run(daemon, "limit", "set", "api", "--none")
    assert run(daemon, "limit", "list") == "api\t\t\t1\t1\t\t\n"


def test_what_is_not_given_is_kept(daemon: DaemonProcess) -> None:
    """Each is set by itself, and the other stays; `--none` takes both away."""
    run(daemon, "limit", "set", "api", "--max-running", "4")
    run(daemon, "limit", "set", "api", "--rate", "60/1m")
    assert run(daemon, "limit", "list") == "api\t4\t60/60\t0\t0\t\t\n"
    told = shown(daemon, "limit", "set", "api", "--max-running", "2")
    assert told == ["limit api: at most 2 run at once, 60 begin in any 1m"]
    run(daemon, "limit", "set", "api", "--max-running", "1", "--rate", "5/1s")
    assert run(daemon, "limit", "list") == "api\t1\t5/1\t0\t0\t\t\n"
    run(daemon, "limit", "set", "api", "--none")
    assert run(daemon, "limit", "list") == "api\t\t\t0\t0\t\t\n"


def test_a_limit_that_is_closed(daemon: DaemonProcess) -> None:
    """Until it is opened nothing is handed out; the list says until when, and why."""
    task = register(daemon, "api")
    assert run(daemon, "limit", "close", "api", "--for", "3600", "--reason", "the\tquota") == ""
    name, *_numbers, until, reason = run(daemon, "limit", "list").rstrip("\n").split("\t")
    assert (name, reason) == ("api", r"the\tquota")
    assert 3000 < float(until) - time.time() <= 3600
    assert acquired(daemon, task) == []
    assert data(daemon, "limit", "open", "api", "--by", "me") == {"ok": True}
    assert acquired(daemon, task)
    run(daemon, "limit", "close", "api", "--until", "2999-01-01T00:00:00Z")
    assert data(daemon, "limit", "list")["limits"][0]["closed_until"] == 32472144000.0


def test_a_limit_that_nobody_knows(shared: DaemonProcess) -> None:
    """To close it is refused: its name may be misspelled."""
    ended = agentd_here(shared.home, "limit", "close", "nope", "--for", "1", "--json")
    error = json.loads(ended.out)["error"]
    assert (ended.code, error["kind"]) == (1, "limit_unknown")
    assert "`agentd limit list`" in error["next"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["set", "api"],
        ["set", "api", "--none", "--max-running", "1"],
        ["set", "api", "--max-running", "-1"],
        *(
            ["set", "api", "--rate", rate]
            for rate in ("5", "0/1", "1/0", "x/1", "1/nan", "1/1/1", "1/2d", "1/m")
        ),
        ["close", "api"],
        ["close", "api", "--for", "1", "--until", "2999-01-01"],
        ["close", "api", "--for", "-1"],
        ["close", "api", "--for", "soon"],
        ["close", "api", "--until", "soon"],
    ],
)
def test_a_limit_that_is_none(shared: DaemonProcess, arguments: list[str]) -> None:
    """It is refused as a usage error, before anything is asked."""
    assert agentd_here(shared.home, "limit", *arguments).code == 2


def test_limits_on_a_terminal(daemon: DaemonProcess) -> None:
    """A table that fits; a reason gives way where it is long."""
    assert shown(daemon, "limit", "list")[0].startswith("no limit was set; `agentd limit set")
    task = register(daemon, "api")
    told = shown(daemon, "limit", "set", "api", "--max-running", "4", "--rate", "60/1m")
    assert told == ["limit api: at most 4 run at once, 60 begin in any 1m"]
    assert acquired(daemon, task)
    _head, row = shown(daemon, "limit", "list")
    assert re.split(r" {2,}", row) == ["api", "1/4", "60/1m", "1"]
    (closed,) = shown(daemon, "limit", "close", "api", "--for", "1h", "--reason", "quota " * 30)
    told_until = r"closed api until (\w+ \d+ )?\d\d:\d\d:\d\d: 1 node waits, 1 running"
    assert re.fullmatch(told_until, closed)
    head, row = shown(daemon, "limit", "list")
    assert head.split() == ["LIMIT", "RUNNING", "RATE", "WAITING"]
    assert "closed, 59 min left: quota quota" in row
    assert len(row) <= 80
    assert shown(daemon, "limit", "open", "api") == ["opened api"]


# What explains


def test_a_node_that_is_explained(daemon: DaemonProcess) -> None:
    """A line for each cause: its kind, and a sentence."""
    task = register(daemon, "api")
    run(daemon, "limit", "set", "api", "--max-running", "0")
    told = [line.split("\t") for line in run(daemon, "node", "why", task, "two").splitlines()]
    assert told == [
        ["limit_full", "the limit 'api' is full: 0 run, and 0 may"],
        ["no_worker", "no worker has offered all of 'eu', 'gpu' in the last 10 minutes"],
    ]
    found = data(daemon, "node", "why", task, "two")
    assert (found["status"], found["runnable"]) == ("PENDING", False)
    assert [cause["kind"] for cause in found["reasons"]] == ["limit_full", "no_worker"]


def test_a_node_that_is_explained_to_a_person(daemon: DaemonProcess) -> None:
    """Each cause with what to type against it, where one command says it."""
    task = register(daemon, "a pi")
    assert shown(daemon, "node", "why", task, "one") == [
        "status    PENDING, runnable",
        "because   no worker has taken it yet",
        "then      agentd workers",
        f"then      agentd work --task {task} -- COMMAND",
    ]
    told = shown(daemon, "node", "why", task, "two")
    assert told[0] == "status    PENDING, runnable"
    assert told[-2] == "then      agentd workers"
    assert told[-1] == f"then      agentd work --task {task} --label eu --label gpu -- COMMAND"
    with daemon.connect() as worker:  # who offered the labels, and works no more
        held = worker.call("AcquireNextNode", task_id=task, node_id="two", labels=["eu", "gpu"])
        worker.call(
            "ReleaseNode", **{name: held[name] for name in ("task_id", "node_id", "lease_id")}
        )
    told = shown(daemon, "node", "why", task, "two")
    assert told[1] == "because   no worker has taken it yet"
    assert told[-1] == f"then      agentd work --task {task} --label gpu --label eu -- COMMAND"
    run(daemon, "limit", "close", "a pi", "--for", "9")
    assert shown(daemon, "node", "why", task, "one")[-1] == "then      agentd limit open 'a pi'"
    last = shown(daemon, "node", "why", task, "three")[-1]
    assert last == f"then      agentd node why {task} one"
    run(daemon, "task", "pause", task)
    told = shown(daemon, "node", "why", task, "one")
    assert (told[0], told[2]) == ("status    PENDING", f"then      agentd task resume {task}")
    assert "held up   by paused, dependency" in shown(daemon, "node", "show", task, "three")


def test_a_task_that_nobody_works_on(daemon: DaemonProcess) -> None:
    """Where nothing holds a node, and nothing runs, that is said, and how a worker begins."""
    task = register(daemon, "api")
    none = ["because  no worker has taken what is runnable", "then     agentd workers"]
    begin = f"then     agentd work --task {task} -- COMMAND"
    assert shown(daemon, "task", "why", task)[2:5] == [*none, begin]
    run(daemon, "node", "acquire", task)
    assert begin not in shown(daemon, "task", "why", task)
    other = register(daemon, "api")
    run(daemon, "task", "pause", other)
    assert none[0] not in shown(daemon, "task", "why", other)


def test_a_task_that_is_explained(daemon: DaemonProcess) -> None:
    """A line for each cause: its kind, how many nodes it holds, a sentence, and some of them."""
    task = register(daemon, "api")
    run(daemon, "limit", "set", "api", "--max-running", "0")
    told = [line.split("\t") for line in run(daemon, "task", "why", task).splitlines()]
    full = "the limit 'api' is full: 0 run, and 0 may"
    assert told[0] == ["dependency", "1", "waiting for nodes that have not ended", "three"]
    assert told[1] == ["limit_full", "2", full, "one,two"]
    assert [line[0] for line in told[2:]] == ["no_worker"]
    found = data(daemon, "task", "why", task)
    assert (found["state"], found["counts"]) == ("ACTIVE", {"PENDING": 3})
    lines = shown(daemon, "task", "why", task)
    assert lines[:2] == ["state    ACTIVE", "nodes    3 PENDING"]
    assert lines[4:6] == [f"because  {full}", "         2 nodes: one, two"]
    assert lines[6] == "then     agentd limit list"
    assert "waits for a limit that is full" in "".join(shown(daemon, "task", "show", task))


def test_what_a_node_waits_for_is_said_of_every_limit() -> None:
    """`task show` has words for what no other node, no moment and no task says."""
    assert set(HOLDS) == {"limit_closed", "limit_full", "rate"}
    assert set(HOLDS) < set(get_args(CauseKind))


# Settings that are changed


def test_a_node_that_is_changed(daemon: DaemonProcess) -> None:
    """It prints the node's id; what is given replaces, '' is none, and the rest stays."""
    task = register(daemon, "api")
    changes = {
        "--priority": "-5",
        "--retry": '{"max_attempts": 3}',
        "--not-before": "2999-01-01T00:00:00Z",
        "--lease": "9",
        "--timeout": "99",
        "--limit": "",
        "--require": "tpu",
    }
    words = [word for pair in changes.items() for word in pair]
    node_id = run(daemon, "node", "set", task, "two", *words, "--require", "us").strip()
    node = data(daemon, "node", "show", task, "two")["node"]
    assert node["id"] == node_id
    assert (node["priority"], node["retry"], node["limits"]) == (-5, {"max_attempts": 3}, [])
    assert (node["lease_secs"], node["timeout_secs"]) == (9, 99)
    assert (node["not_before"], node["requires"]) == (32472144000.0, ["tpu", "us"])
    changes = {"--limit": "api", "--require": "gpu"}
    words = [word for pair in changes.items() for word in pair]
    assert data(daemon, "node", "set", task, "two", *words) == {"node_ids": [node_id]}
    told = shown(daemon, "node", "show", task, "two")
    assert {"requires  gpu", "limits    api"} < set(told)
    assert shown(daemon, "node", "set", task, "two", *words) == ["1 node changed"]


def test_all_nodes_of_a_task_that_are_changed(daemon: DaemonProcess) -> None:
    """Those that are PENDING, and no others."""
    task = register(daemon, "api")
    (_task, held, _lease, _until) = acquired(daemon, task)
    ids = run(daemon, "task", "set", task, "--priority", "7").split()
    nodes = data(daemon, "task", "show", task)["nodes"]
    assert ids == [node["id"] for node in nodes if node["id"] != held]
    assert [node["priority"] for node in nodes] == [0, 7, 7]
    assert shown(daemon, "task", "set", task, "--priority", "1") == ["2 nodes changed"]
    refused = agentd_here(daemon.home, "node", "set", task, "one", "--lease", "1")
    assert refused.code == 1
    assert refused.error.endswith("(illegal_transition)")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "say what to change"),
        (["--priority", "101"], "expected a whole number from -100 to 100"),
        (["--lease", "0"], "expected 1 to 86,400 seconds"),
        (["--retry", "{"], "--retry is not JSON"),
    ],
)
def test_a_change_that_is_none(shared: DaemonProcess, arguments: list[str], told: str) -> None:
    """It is refused as a usage error, before anything is asked."""
    for verb in (["task", "set", "01"], ["node", "set", "01", "one"]):
        ended = agentd_here(shared.home, *verb, *arguments)
        assert ended.code == 2
        assert told in ended.err


def test_the_settings_of_an_update() -> None:
    """`update` takes every setting that may be changed."""
    assert SETTINGS == UPDATABLE


def test_a_moment_that_is_far_away() -> None:
    """It is told with its day, and beyond the calendar of the east with its year alone."""
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    local = now.astimezone()
    assert format_moment(now.timestamp(), now) == f"{local:%H:%M:%S}"
    assert format_moment(now.timestamp() + 3 * 86_400, now).startswith("Mar 0")
    assert format_moment(now.timestamp() + 400 * 86_400, now).startswith("2027-04-0")
    assert format_moment(253_402_300_799, now) == "9999"
    assert format_moment(-62_135_596_800, now) == "0001"


# Labels


def test_labels_of_a_worker(daemon: DaemonProcess) -> None:
    """`work --label` gets what requires it, and `workers` shows what was offered."""
    task = register(daemon, "api")
    run(daemon, "task", "set", task, "--require", "gpu", "--require", "eu")
    worked = [*("work", "--task", task, "--owner", "me"), *("--label", "eu", "--label", "gpu")]
    ended = agentd_here(daemon.home, *worked, "--", "true")
    assert ended.code == 0
    assert ended.out.startswith("3 completed")
    (line,) = run(daemon, "workers").splitlines()
    owner, *_, labels = line.split("\t")
    assert (owner, labels.split(",")) == ("me", ["eu", "gpu"])
    head, row = shown(daemon, "workers")
    assert head.split() == ["OWNER", "WAITING", "HOLDING", "LAST", "SEEN", "LABELS"]
    assert row.endswith("eu, gpu")


def test_labels_and_limits_of_a_task_file() -> None:
    """They are fields of a node, and of what holds for all nodes."""
    document = read_document((DOCUMENT % "api").encode(), "f")
    assert document.node_defaults is not None
    assert document.node_defaults.limits == ["api"]
    _one, two, _three = document.nodes
    assert (two.requires, two.limits) == (["gpu", "eu"], None)
