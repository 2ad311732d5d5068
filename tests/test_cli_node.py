"""`agentd node`: what a worker does, in a shell script."""

import json
from uuid import UUID

import pytest

from tests.command_line import Ended, agentd, agentd_here
from tests.daemon_process import DaemonProcess
from tests.graphs import DIAMOND

NOBODYS = str(UUID(int=5))


def register(daemon: DaemonProcess) -> str:
    """The id of a new task."""
    return agentd_here(daemon.home, "task", "register", "-", stdin=DIAMOND.encode()).out.strip()


def acquire(daemon: DaemonProcess, task: str) -> tuple[str, str]:
    """The node that is acquired, and its lease."""
    ended = agentd_here(daemon.home, "node", "acquire", task, "--owner", "me")
    task_id, node, lease, expires = ended.out.strip().split("\t")
    assert task_id == task
    assert int(expires) > 1_700_000_000
    return node, lease


def node(daemon: DaemonProcess, task: str, place: int) -> dict[str, object]:
    """A node as the daemon has it."""
    with daemon.connect() as connection:
        status = connection.call("TaskStatus", task_id=task)
    found: dict[str, object] = status["nodes"][place]
    return found


def test_a_workers_life(shared: DaemonProcess) -> None:
    """Acquire, heartbeat, commit and complete: each prints what the next one needs."""
    task = register(shared)
    node_id, lease = acquire(shared, task)
    held = (task, node_id, lease)
    ended = agentd(shared.home, "node", "heartbeat", *held)
    assert int(ended.out) > 1_700_000_000
    ended = agentd(shared.home, "node", "commit", *held, '{"n":1.50}', "--type", "NOTED")
    event = ended.out.strip()
    with shared.connect() as connection:
        events = connection.call("TaskEvents", task_id=task, limit=1)["events"]
    assert [(each["id"], each["action_type"]) for each in events] == [(event, "NOTED")]
    ended = agentd(shared.home, "node", "complete", *held, "-", stdin=b'{"said": "hello"}\n')
    assert str(UUID(ended.out.strip())) == ended.out.strip()
    assert (node(shared, task, 0)["status"], node(shared, task, 0)["result_payload"]) == (
        "COMPLETED",
        {"said": "hello"},
    )


def test_a_node_by_its_name(shared: DaemonProcess) -> None:
    """A name stands for the node, and so does a beginning of its id, or its end as it is shown."""
    task = register(shared)
    node_id, lease = acquire(shared, task)
    for given in ("plan", node_id[:13], node_id[-8:], node_id[-8:].upper(), node_id.upper()):
        assert agentd_here(shared.home, "node", "heartbeat", task, given, lease).code == 0
    assert agentd_here(shared.home, "node", "fail", task, "plan", lease).code == 0
    assert (node(shared, task, 0)["status"], node(shared, task, 0)["result_payload"]) == (
        "FAILED",
        None,
    )


def test_commit_without_a_lease(shared: DaemonProcess) -> None:
    """A node that nobody holds takes events from everybody."""
    task = register(shared)
    assert agentd_here(shared.home, "node", "commit", task, "docs", "none").code == 0
    acquire(shared, task)
    ended = agentd_here(shared.home, "node", "commit", task, "plan", "none")
    assert ended.code == 1
    assert ended.error.endswith("(lease_required)")


def test_nothing_is_runnable(shared: DaemonProcess) -> None:
    """Where nothing is runnable, nothing is printed for a program, and that is no failure."""
    task = register(shared)
    acquire(shared, task)
    told = f"nothing is runnable now: `agentd task why {task}` says why\n"
    assert agentd(shared.home, "node", "acquire", task) == (0, "", told)


def complete(daemon: DaemonProcess, *arguments: str, stdin: bytes = b"") -> Ended:
    """Try to complete a node."""
    return agentd_here(daemon.home, "node", "complete", *arguments, stdin=stdin)


def test_a_lease_that_is_not_current(shared: DaemonProcess) -> None:
    """A stale lease is refused with what to do."""
    ended = complete(shared, register(shared), "plan", NOBODYS)
    assert ended.code == 1
    assert ended.error.endswith("(stale_lease)") or ended.error.endswith("(illegal_transition)")


def test_a_lease_in_short(shared: DaemonProcess) -> None:
    """A lease is given in full: who holds it knows it."""
    ended = complete(shared, register(shared), "plan", "0123")
    assert ended.code == 2
    assert "'0123' is no lease: give the lease_id in full" in ended.error


def test_a_node_that_is_not_there(shared: DaemonProcess) -> None:
    """A name that no node has is refused with what shows them."""
    task = register(shared)
    ended = complete(shared, task, "pla", NOBODYS)
    assert ended.code == 1
    assert ended.error == (
        f"agentd: no node of task {task} is named 'pla', and no node's id begins or ends so: "
        f"`agentd task show {task}` shows its nodes (node_not_found)"
    )


def test_a_name_that_several_have(shared: DaemonProcess) -> None:
    """Names that were given in another way may be several nodes': then the ids are listed."""
    nodes = [{"payload_schema": {"name": "twin"}}] * 2
    with shared.connect() as connection:
        made = connection.call("RegisterTask", goal="g", initial_nodes=nodes)
    ended = complete(shared, made["task_id"], "twin", NOBODYS)
    assert ended.code == 1
    listed = [line.split() for line in ended.err.splitlines()[1:]]
    assert listed == [[node_id, "twin"] for node_id in made["node_ids"]]


@pytest.mark.parametrize("payload", ["hello", "{", "[1,]", "", "NaN", "[" * 100_000])
def test_a_payload_that_is_not_json(shared: DaemonProcess, payload: str) -> None:
    """A payload is JSON, wherever it comes from; a text has its quotes."""
    held = (NOBODYS, NOBODYS, NOBODYS)
    for ended in (
        complete(shared, *held, payload),
        complete(shared, *held, "-", stdin=payload.encode()),
    ):
        assert ended.code == 2
        assert "the result is not JSON: " in ended.error
        assert ended.error.endswith("a text is written as '\"a text\"'")


def test_standard_input_that_is_not_text(shared: DaemonProcess) -> None:
    """JSON is UTF-8."""
    ended = complete(shared, NOBODYS, NOBODYS, NOBODYS, "-", stdin=b'"\xff"')
    assert ended.code == 2
    assert "the result is not JSON" in ended.error


def test_payloads_go_on_as_they_were_written(shared: DaemonProcess) -> None:
    """Numbers keep their spelling on the way through the command line."""
    task = register(shared)
    node_id, lease = acquire(shared, task)
    complete(shared, task, node_id, lease, '{"n": 1.50, "big": 12345678901234567890123}')
    shown = agentd_here(shared.home, "task", "show", task, "--json").out
    assert '"n":1.50' in shown.replace(" ", "")
    assert "12345678901234567890123" in shown
    assert json.loads(shown)["ok"] is True


def test_a_node_that_is_given_back_fails_and_is_tried_again(shared: DaemonProcess) -> None:
    """Release, fail, retry, and what became of each attempt."""
    task = register(shared)
    node_id, lease = acquire(shared, task)
    ended = agentd(shared.home, "node", "release", task, node_id, lease, "--reason", "lunch")
    assert str(UUID(ended.out.strip())) == ended.out.strip()
    ended = agentd_here(
        shared.home, "node", "acquire", task, "--node", node_id, "--lease", "7", "--owner", "me"
    )
    lease = ended.out.split("\t")[2]
    failing = ("node", "fail", task, node_id, lease, '"e"', "--kind", "k", "--retry-after", "1.5")
    agentd(shared.home, *failing, "--not-retryable")
    assert node(shared, task, 0)["status"] == "FAILED"
    ended = agentd(shared.home, "node", "retry", task, node_id, "--by", "me")
    assert ended.out == f"{node_id}\n"
    assert agentd(shared.home, "task", "retry", task, "--failed").out == ""
    lines = agentd(shared.home, "node", "show", task, node_id).out.splitlines()
    shown = [line.split("\t") for line in lines]
    assert [(row[0], row[1], row[2], row[5], row[6]) for row in shown] == [
        ("1", "released", "me", "", '"lunch"'),
        ("2", "failed", "me", "k", '"e"'),
    ]
    envelope = json.loads(agentd(shared.home, "node", "show", task, node_id, "--json").out)
    assert envelope["data"]["node"]["attempt"] == 2


def test_what_was_used(shared: DaemonProcess) -> None:
    """Each verb that tells something of a node tells its usage with it, and a budget stops more."""
    task = register(shared)
    assert agentd_here(shared.home, "task", "budget", task, "cost_usd=5").code == 0
    used = ("--usage", "cost_usd=1.5", "--usage", "tokens=10")
    held = (task, *acquire(shared, task))
    for verb in ("commit", "complete"):
        assert agentd_here(shared.home, "node", verb, *held, *used).code == 0
    held = (task, *acquire(shared, task))
    assert agentd_here(shared.home, "node", "fail", *held, "--usage", "cost_usd=2").code == 0
    with shared.connect() as connection:
        told = connection.call("TaskStatus", task_id=task, fields=["usage"])["usage"]
    assert told == {"cost_usd": 5, "tokens": 20}
    assert agentd_here(shared.home, "node", "acquire", task).out == ""


@pytest.mark.parametrize("usage", [["usd"], ["usd=-1"], ["usd=1", "--usage", "usd=2"]])
def test_usage_that_is_none(shared: DaemonProcess, usage: list[str]) -> None:
    """It is refused, and so is one unit given twice: nobody would know which is meant."""
    task = register(shared)
    ended = agentd_here(shared.home, "node", "commit", task, "plan", "none", "--usage", *usage)
    assert ended.code == 2
