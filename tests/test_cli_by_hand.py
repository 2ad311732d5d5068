"""What a person does about nodes that failed, hang, or were done by hand, and what is shown."""

import json
import re
import shlex
from datetime import datetime
from typing import Any
from unittest.mock import ANY, patch

import pytest

from agentd.cli.ids import find_node_ids
from agentd.cli.node.beginnings import find_beginnings
from agentd.client import Client
from agentd.errors import NodeNotFound
from tests.command_line import Ended, agentd_here, on_a_terminal
from tests.daemon_process import DaemonProcess, encoded
from tests.test_client_waits import until_waiting

ME = ("--owner", "me")


def register(daemon: DaemonProcess, *nodes: dict[str, Any], **more: Any) -> str:
    """The id of a new task of these nodes."""
    with daemon.connect() as connection:
        made = connection.call("RegisterTask", goal="g", initial_nodes=list(nodes), **more)
    return str(made["task_id"])


def hold(daemon: DaemonProcess, task: str, owner: str = "worker-1") -> dict[str, str]:
    """A lease on the next node."""
    with daemon.connect() as connection:
        held = connection.call("AcquireNextNode", task_id=task, lease_owner=owner)
    return {name: held[name] for name in ("task_id", "node_id", "lease_id")}


def end(daemon: DaemonProcess, task: str, ending: str = "FailNode", **more: Any) -> str:
    """The id of the next node, which was acquired and ended so."""
    held = hold(daemon, task)
    with daemon.connect() as connection:
        connection.call(ending, **held, **more)
    return held["node_id"]


def nodes(daemon: DaemonProcess, task: str) -> dict[str, Any]:
    """The nodes of a task by their names."""
    with daemon.connect() as connection:
        return {n["name"]: n for n in connection.call("TaskStatus", task_id=task)["nodes"]}


def run(daemon: DaemonProcess, *arguments: str) -> Ended:
    return agentd_here(daemon.home, *arguments)


# task retry


def test_all_that_failed(shared: DaemonProcess) -> None:
    """Without a node it is all that FAILED, and their ids are printed."""
    task = register(shared, {"name": "a"}, {"name": "b"}, {"name": "c"})
    failed = {end(shared, task), end(shared, task)}
    ended = run(shared, "task", "retry", task)
    assert (ended.code, ended.err) == (0, "")
    assert set(ended.out.split()) == failed
    assert run(shared, "task", "retry", task, "--failed") == (0, "", "")
    shown = on_a_terminal(shared.home, "task", "retry", task).plain
    assert shown == "0 nodes PENDING again"


def test_what_is_left_of_those_that_failed(shared: DaemonProcess) -> None:
    """A node whose dependents have run stays FAILED; that is said, and no failure."""
    task = register(
        shared,
        {"name": "lint", "on_failure": "continue"},
        {"name": "build", "dependencies": ["lint"]},
        {"name": "test"},
    )
    lint = end(shared, task)
    end(shared, task, "CompleteNode")
    test = end(shared, task)
    ended = run(shared, "task", "retry", task)
    assert (ended.code, ended.out) == (0, f"{test}\n")
    told = "not retried: lint: what depends on it has run although it failed"
    assert ended.error == f"agentd: {told}"
    data = json.loads(run(shared, "task", "retry", task, "--json").out)["data"]
    why = "what depends on it has run although it failed"
    assert data == {"node_ids": [], "left": [{"node_id": lint, "name": "lint", "why": why}]}


def test_some_nodes(shared: DaemonProcess) -> None:
    """Those that are named, by whatever names them; where one cannot be it is 1, and says why."""
    task = register(shared, {"name": "a"}, {"name": "b"}, {"name": "c"})
    first, second = end(shared, task), end(shared, task)
    ended = run(shared, "task", "retry", task, "c", "b", second[:-8])
    assert (ended.code, ended.out) == (1, f"{second}\n")
    assert ended.error == "agentd: not retried: c: it is PENDING"
    assert nodes(shared, task)["a"]["status"] == "FAILED"
    assert run(shared, "task", "retry", task, "a") == (0, f"{first}\n", "")


def test_many_nodes_are_looked_up_at_once(shared: DaemonProcess) -> None:
    """However many names are given, the nodes of the task are fetched once."""
    task = register(shared, *({"name": f"n{number}"} for number in range(40)))
    ids = {name: node["id"] for name, node in nodes(shared, task).items()}
    with (
        Client(shared.socket_path) as client,
        patch.object(client, "task_status", wraps=client.task_status) as asked,
    ):
        assert find_node_ids(client, task, [*ids]) == [*ids.values()]
        assert find_node_ids(client, task, [*ids.values()]) == [*ids.values()]
    assert asked.call_count == 1


def test_the_first_word_of_a_name(shared: DaemonProcess) -> None:
    """It stands for the node where no other name begins so: plans of other tools have ids there."""
    names = ("2 Sign in", "2.1 Form", "2.1 Hash", "b")
    task = register(shared, *({"name": name} for name in names))
    ids = {name: node["id"] for name, node in nodes(shared, task).items()}
    with Client(shared.socket_path) as client:
        assert find_node_ids(client, task, ["2", "2 Sign in"]) == [ids["2 Sign in"]] * 2
        with pytest.raises(NodeNotFound):
            find_node_ids(client, task, ["2.1"])
        with pytest.raises(NodeNotFound):
            find_node_ids(client, task, ["2 Sign"])


def test_a_node_that_there_is_not(shared: DaemonProcess) -> None:
    """Then none is retried; neither where all and some are asked for."""
    task = register(shared, {"name": "a"})
    end(shared, task)
    assert run(shared, "task", "retry", task, "a", "nope").code == 1
    assert run(shared, "task", "retry", task, "a", "--failed").code == 2
    assert nodes(shared, task)["a"]["status"] == "FAILED"


# node release


def test_a_node_is_taken_from_a_worker_that_is_gone(shared: DaemonProcess) -> None:
    """Whoever says whose it is needs no lease, and the holder learns of it."""
    task = register(shared, {"name": "a"})
    held = hold(shared, task)
    ended = run(shared, "node", "release", task, "a", "--held-by", "worker-1", "--reason", "dead")
    assert (ended.code, ended.err) == (0, "")
    assert nodes(shared, task)["a"]["status"] == "PENDING"
    with shared.connect() as connection, pytest.raises(Exception, match="stale_lease"):
        connection.call("HeartbeatNode", **held)


def test_a_node_is_not_taken_by_accident(shared: DaemonProcess) -> None:
    """Without a lease, with an empty one, and with another's name it says who has it."""
    task = register(shared, {"name": "a"})
    hold(shared, task)
    for lease in ((), ("",)):
        ended = run(shared, "node", "release", task, "a", *lease)
        assert ended.code == 2
        assert "is held by 'worker-1': give its LEASE, or --held-by 'worker-1'" in ended.error
    ended = run(shared, "node", "release", task, "a", "--held-by", "worker-2")
    assert (ended.code, "held by 'worker-1', not by 'worker-2'" in ended.error) == (1, True)
    assert nodes(shared, task)["a"]["status"] == "RUNNING"
    run(shared, "node", "release", task, "a", "--held-by", "worker-1")
    ended = run(shared, "node", "release", task, "a", "--held-by", "worker-1")
    assert (ended.code, "nobody holds node" in ended.error) == (1, True)


# node done


def test_a_person_did_it(shared: DaemonProcess) -> None:
    """A PENDING node, and one that FAILED, is completed with the result, as theirs."""
    task = register(shared, {"name": "a", "requires": ["gpu"]}, {"name": "b"})
    end(shared, task)
    for name in "ab":
        ended = run(shared, "node", "done", task, name, "--result", '{"by": "hand"}', *ME)
        assert (ended.code, ended.err) == (0, "")
        assert len(ended.out) == len("01a208f2-0000-7000-8000-000000000000\n")
    for node in nodes(shared, task).values():
        assert (node["status"], node["result_payload"]) == ("COMPLETED", {"by": "hand"})
    shown = run(shared, "node", "show", task, "b").out.splitlines()
    assert [line.split("\t")[1:3] for line in shown] == [
        ["failed", "worker-1"],
        ["completed", "me"],
    ]


def test_a_worker_that_waits_does_not_do_it_once_more(daemon: DaemonProcess) -> None:
    """A node that FAILED is done by hand before anybody who waits for work could have it."""
    task = register(daemon, {"name": "a"}, {"name": "b"}, {"name": "c"})
    for _ in "abc":
        end(daemon, task)
    with daemon.connect() as worker, Client(daemon.socket_path) as client:
        wanted = {"id": 1, "method": "AcquireNextNode", "params": {"wait_secs": 60}}
        worker.send_raw(encoded(wanted) + b"\n")
        until_waiting(client)
        for name in "abc":
            assert run(daemon, "node", "done", task, name, *ME) == (0, ANY, "")


def test_what_was_cut_short_is_given_again(shared: DaemonProcess) -> None:
    """A node that they hold already is completed with that lease."""
    task = register(shared, {"name": "a"})
    hold(shared, task, "me")
    assert run(shared, "node", "done", task, "a", *ME).code == 0
    assert nodes(shared, task)["a"]["attempt"] == 1


def test_what_cannot_be_done_by_hand(shared: DaemonProcess) -> None:
    """It is said why: COMPLETED already, another's, or what it waits for."""
    task = register(shared, {"name": "a"}, {"name": "b", "dependencies": ["a"]})
    ended = run(shared, "node", "done", task, "b")
    first, *causes = ended.err.splitlines()
    assert (ended.code, first) == (
        1,
        "agentd: node b is not done: it is PENDING, and cannot be taken",
    )
    assert causes[0] == "  it waits for node 'a', which is PENDING"
    assert causes[1] == f"  then agentd node why {task} a"
    node = hold(shared, task)["node_id"]
    ended = run(shared, "node", "done", task, "a")
    assert "node a is RUNNING, held by 'worker-1'" in ended.error
    assert f"`agentd node release {task} {node} --held-by worker-1`" in ended.error
    run(shared, "node", "release", task, "a", "--held-by", "worker-1")
    run(shared, "node", "done", task, "a")
    ended = run(shared, "node", "done", task, "a", "--json")
    error = json.loads(ended.out)["error"]
    assert (ended.code, error["kind"]) == (1, "not_done")
    assert error["message"].startswith(f"node a is COMPLETED: `agentd node show {task} {node}`")


def test_where_it_stands_in_the_middle(shared: DaemonProcess) -> None:
    """A node that FAILED is PENDING again, although something else holds it: that is said."""
    task = register(shared, {"name": "a", "limits": ["quota of done"]})
    end(shared, task)
    with shared.connect() as connection:
        connection.call("CloseLimit", name="quota of done", for_secs=999)
    ended = run(shared, "node", "done", task, "a")
    first, *causes = ended.err.splitlines()
    assert first.endswith("it FAILED, and is PENDING again now, and cannot be taken")
    assert causes[-1] == "  then agentd limit open 'quota of done'"
    assert nodes(shared, task)["a"]["status"] == "PENDING"


@pytest.mark.parametrize("result", ["hello", "{"])
def test_a_result_that_is_not_json(shared: DaemonProcess, result: str) -> None:
    """It is refused before anything is done."""
    task = register(shared, {"name": "a"})
    assert run(shared, "node", "done", task, "a", "--result", result).code == 2
    assert nodes(shared, task)["a"]["attempt"] == 0


# Settings


def test_what_cannot_be_changed_now(shared: DaemonProcess) -> None:
    """It is said by its name, and what makes it PENDING, a command to be copied."""
    task = register(shared, {"name": "a"})
    change = ("node", "set", task, "a", "--timeout", "30m")
    node = hold(shared, task, "worker 1")["node_id"]
    refused = run(shared, *change)
    told = "agentd: node a is {}: only a PENDING node can be changed; `agentd node "
    assert refused.code == 1
    assert refused.error == (
        f"{told.format('RUNNING')}release {task} {node} --held-by 'worker 1'` "
        "takes it back from 'worker 1' first (illegal_transition)"
    )
    run(shared, "node", "release", task, "a", "--held-by", "worker 1")
    end(shared, task)
    assert f"{told.format('FAILED')}retry {task} {node}` first" in run(shared, *change).error
    run(shared, "node", "retry", task, "a")
    assert run(shared, *change).code == 0
    end(shared, task, "CompleteNode")
    refused = run(shared, *change, "--json")
    error = json.loads(refused.out)["error"]
    assert (refused.code, error["kind"]) == (1, "illegal_transition")
    assert error["message"] == "node a is COMPLETED: only a PENDING node can be changed"


def test_attempts_as_in_a_task_file(shared: DaemonProcess) -> None:
    """`--attempts 3 --backoff 30s` say what `--retry` says in JSON."""
    task = register(shared, {"name": "a"})
    words = ("--attempts", "3", "--backoff", "30s", "--timeout", "30m", "--lease", "5m")
    assert run(shared, "node", "set", task, "a", *words).code == 0
    node = nodes(shared, task)["a"]
    assert (node["retry"]["max_attempts"], node["retry"]["backoff_secs"]) == (3, 30)
    assert (node["timeout_secs"], node["lease_secs"]) == (1800, 300)
    for wrong in (("--backoff", "30s"), ("--attempts", "3", "--retry", "{}")):
        assert run(shared, "task", "set", task, *wrong).code == 2


# What is shown


def test_the_last_error_of_what_goes_on(shared: DaemonProcess) -> None:
    """`task show` tells attempts, who has a node for how long, and what the last one came to."""
    retry = {"max_attempts": 3}
    task = register(shared, {"name": "a", "retry": retry}, {"name": "b", "retry": retry})
    error = {"message": "first\nthe build needs a C compiler", "exit_code": 2}
    for secs in (999, 0):
        end(shared, task, payload=error, kind="tool_error", retry_after_secs=secs)
    hold(shared, task)
    lines = on_a_terminal(shared.home, "task", "show", task, columns=120).plain.splitlines()
    pending, running = (re.split(r" {2,}", line) for line in lines[-2:])
    told = "failed: tool_error: exit code 2: the build needs a C compiler"
    assert pending[:4] == ["a", "○ PENDING", "1", "-"]
    assert running[:3] == ["b", "● RUNNING", "2"]
    assert re.fullmatch(rf"waits for [\w :]+, {told}", pending[4])
    assert re.fullmatch(rf"worker-1, [45] min left, {told}", running[4])


def test_a_node_with_all_of_its_errors(shared: DaemonProcess) -> None:
    """`node show` has the whole error, and of each attempt how, when, how long, who and why."""
    task = register(shared, {"name": "a", "retry": {"max_attempts": 2, "backoff_secs": 0}})
    error = {"message": "x" * 300, "path": "/src"}
    end(shared, task, payload=error, kind="tool_error")
    shown = on_a_terminal(shared.home, "node", "show", task, "a").plain
    assert f"try 1     {json.dumps(error, separators=(',', ':'))}" in shown.replace("\n", "")
    end(shared, task, payload=error)
    shown = on_a_terminal(shared.home, "node", "show", task, "a").plain
    assert f"error     {json.dumps(error, separators=(',', ':'))}" in shown.replace("\n", "")
    row = next(line for line in shown.splitlines() if line.startswith("1 "))
    assert re.match(r"1 +failed +\w{3} \d+ [\d:]+ +\d+ s +worker-1 +tool_error: xxx", row)
    seconds = [
        line.split("\t")[4] for line in run(shared, "node", "show", task, "a").out.split("\n")[:-1]
    ]
    assert [int(each) >= 0 for each in seconds] == [True, True]


def test_a_node_with_its_settings(shared: DaemonProcess) -> None:
    """What `node set` changes is shown, where somebody has."""
    task = register(shared, {"name": "a"})

    def shown() -> list[str]:
        return on_a_terminal(shared.home, "node", "show", task, "a").plain.splitlines()

    before = shown()
    settings = "--priority 9 --attempts 3 --backoff 90s --timeout 30m --lease 45 --limit claude"
    assert run(shared, "node", "set", task, "a", *settings.split()).code == 0
    assert [line for line in shown() if line not in before] == [
        "priority  9",
        "retry     3 attempts at most, 1m30s after the first",
        "timeout   30m",
        "lease     45s",
        "limits    claude",
    ]
    run(shared, "node", "set", task, "a", "--attempts", "1")
    assert "retry     1 attempt" in shown()


def test_when_each_attempt_began(shared: DaemonProcess) -> None:
    """The journal tells, and the attempts of other nodes are none of this one's."""
    task = register(
        shared, {"name": "a"}, {"name": "b", "retry": {"max_attempts": 3, "backoff_secs": 0}}
    )
    hold(shared, task)
    node = {end(shared, task), end(shared, task)}.pop()
    with Client(shared.socket_path) as client:
        found = find_beginnings(client, client.node_status(task, node))
        events = client.watch_events(after_seq=0, task_id=task, kinds=["ACQUIRE_NODE"]).events
    of_it = [event.timestamp for event in events if event.node_id == node]
    assert len(events) == 3
    assert found == {n: datetime.fromisoformat(at).timestamp() for n, at in enumerate(of_it, 1)}


def test_a_plan_of_many_nodes(shared: DaemonProcess) -> None:
    """What asks for attention stands first; the screen stays small, and the command is there."""
    task = register(shared, *({"name": f"n{number}"} for number in range(1000)))
    for _ in range(300):
        end(shared, task, "CompleteNode")
    end(shared, task, payload={"message": "boom"})
    ended = on_a_terminal(shared.home, "task", "show", task)
    lines = ended.plain.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("NODE")) + 1
    assert lines[first].split()[:3] == ["n300", "✗", "FAILED"]
    assert lines[first].endswith("boom")
    assert len(lines) < 120
    assert lines[-1] == f"then     agentd task retry {task[:18]}"
    assert ended.width <= 80


def test_what_was_used(shared: DaemonProcess) -> None:
    """`task cost` has the task's units with their budget, then the nodes, the dearest first."""
    task = register(shared, {"name": "a"}, {"name": "b"}, {"name": "c"}, budget={"usd": 50})
    for usd, tokens in ((1, 30), (2.5, 10)):
        end(shared, task, "CompleteNode", usage={"usd": usd, "tokens": tokens})
    lines = [line.split("\t") for line in run(shared, "task", "cost", task).out.splitlines()]
    assert lines[:2] == [["tokens", "40", ""], ["usd", "3.5", "50"]]
    of_nodes = [(line[4], line[0], line[1]) for line in lines[2:]]
    assert of_nodes[:2] == [("a", "tokens", "30"), ("a", "usd", "1")]
    assert {name for name, _, _ in of_nodes} == {"a", "b"}
    data = json.loads(run(shared, "task", "cost", task, "--json").out)["data"]
    assert (data["usage"], data["budget"]) == ({"tokens": 40, "usd": 3.5}, {"usd": 50})
    assert [node["name"] for node in data["nodes"]] == ["a", "b"]
    shown = on_a_terminal(shared.home, "task", "cost", task).plain.splitlines()
    assert shown[2].split() == ["usd", "3.5", "50"]
    assert re.split(r" {2,}", shown[5]) == ["a", "75%", "tokens 30, usd 1"]
    nothing = on_a_terminal(shared.home, "task", "cost", register(shared)).plain
    assert nothing == "no budget, and no usage was told"


def test_a_task_that_failed_is_explained(shared: DaemonProcess) -> None:
    """What retries it is the command that is told, of each cause and of all."""
    task = register(shared, {"name": "a"}, {"name": "b", "dependencies": ["a"]})
    end(shared, task)
    lines = on_a_terminal(shared.home, "task", "why", task).plain.splitlines()
    assert lines[2:] == [
        "because  waiting for node 'a', which FAILED",
        "         1 node: b",
        f"then     agentd node retry {task} a",
        "failed   1 node",
        f"then     agentd task retry {task}",
    ]
    assert run(shared, *lines[-1].split()[2:]).code == 0


def test_moments_that_are_taken_away_at_once(shared: DaemonProcess) -> None:
    """Of several nodes that wait for moments of their own none has to be typed."""
    later = [{"name": name, "not_before": 32472144000 + at} for at, name in enumerate("ab")]
    task = register(shared, *later)
    lines = on_a_terminal(shared.home, "task", "why", task).plain.splitlines()
    assert lines[2:] == [
        "because  waiting for a moment that lies ahead",
        "         2 nodes: a, b",
        f"then     agentd task set {task} --not-before 0",
    ]
    assert run(shared, *lines[-1].split()[2:]).code == 0
    assert hold(shared, task)
    run(shared, "node", "set", task, "b", "--not-before", "1h")
    lines = on_a_terminal(shared.home, "task", "why", task).plain.splitlines()
    assert lines[-1].startswith(f"then     agentd node set {task} ")


def test_who_holds_what_runs(shared: DaemonProcess) -> None:
    """A node that runs is held by somebody, for so long; what takes it away can be copied."""
    task = register(shared, *({"name": name} for name in "abcdefg"))
    held = [hold(shared, task, "worker 1")["node_id"] for _ in "abcdefg"]
    whose = r"worker 1, for \d+ s, until \d\d:\d\d:\d\d"
    takes = f"agentd node release {task} {held[0]} --held-by 'worker 1'"
    _status, holder, take = on_a_terminal(shared.home, "node", "why", task, "a").plain.split("\n")
    assert re.fullmatch(f"held by   {whose}", holder)
    assert take == f"take it   {takes}"
    lines = on_a_terminal(shared.home, "task", "why", task).plain.splitlines()
    assert re.fullmatch(f"running  a: {whose}", lines[2])
    assert lines[3] == f"take it  {takes}"
    assert sum(line.startswith("running") for line in lines) == 5
    assert f"and 2 more running: `agentd task show {task}` has all" in "".join(lines)
    assert run(shared, "node", "why", task, "a").out == ""
    assert run(shared, *shlex.split(takes)[1:]).code == 0


def test_causes_that_are_too_many(shared: DaemonProcess) -> None:
    """On a terminal ten are told, and how many more there are."""
    names = [str(number) for number in range(12)]
    waiting = [{"name": f"after {name}", "dependencies": [name]} for name in names]
    task = register(shared, *({"name": name} for name in names), *waiting)
    for _ in names:
        end(shared, task)
    lines = on_a_terminal(shared.home, "task", "why", task).plain.splitlines()
    assert sum(line.startswith("because") for line in lines) == 10
    assert f"and 2 more causes: `agentd task why {task} | less` has all" in "".join(lines)


def test_a_moment_that_is_not_waited_for(shared: DaemonProcess) -> None:
    """The command against a moment that lies ahead makes the node runnable."""
    task = register(shared, {"name": "a", "not_before": "2999-01-01T00:00:00Z"})
    (line,) = (
        line.split()[1:]
        for line in on_a_terminal(shared.home, "node", "why", task, "a", columns=200).plain.split(
            "\n"
        )
        if line.startswith("then")
    )
    assert run(shared, *line[1:]).code == 0
    told = on_a_terminal(shared.home, "node", "why", task, "a").plain
    assert told.startswith("status    PENDING, runnable")
