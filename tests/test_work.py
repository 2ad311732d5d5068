"""`agentd work -- COMMAND`: what the command gets, and what becomes of what it says."""

import json
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd import Client
from agentd.cli.worker.work import LONGEST_LINE, MOST_LINES
from tests.command_line import agentd
from tests.daemon_process import PATIENCE_SECONDS, DaemonProcess
from tests.working import node, task, waiting, work


@pytest.fixture
def client(shared: DaemonProcess) -> Iterator[Client]:
    """A client of the daemon that all of them share."""
    with Client(shared.socket_path) as opened:
        yield opened


def result(client: Client, task_id: str) -> Any:
    """The result of the task's only node."""
    return json.loads(bytes(node(client, task_id).result_payload))


def events(client: Client, task_id: str) -> list[tuple[str, Any]]:
    """The events that the commands of a task said."""
    shown = client.task_events(task_id, after=0).events
    known = {"REGISTER_TASK", "ADD_NODE", "ACQUIRE_NODE", "COMPLETE_NODE", "FAIL_NODE"}
    return [
        (event.action_type, json.loads(bytes(event.payload)))
        for event in shown
        if event.action_type not in known
    ]


# What the command gets


def test_it_gets_the_context(shared: DaemonProcess, client: Client) -> None:
    """Standard input is the context of AcquireNextNode, as JSON."""
    task_id = task(client, {"x": 1.50})
    assert work(shared, task_id, "cat").code == 0
    context = result(client, task_id)
    assert context["task"]["id"] == task_id
    assert context["node"]["payload_schema"] == {"x": 1.5}
    assert {"completed_dependencies", "event_journal", "event_journal_limit"} < context.keys()


def test_it_gets_the_ids(shared: DaemonProcess, client: Client) -> None:
    """Task, node, lease and socket are in its environment."""
    task_id = task(client, 1)
    names = ["task_id", "node_id", "lease_id", "socket_path"]
    script = " ".join(f'echo "$AGENTD_{name.upper()}";' for name in names)
    assert work(shared, task_id, script).code == 0
    told = dict(zip(names, result(client, task_id).splitlines(), strict=True))
    assert (told["task_id"], told["node_id"]) == (task_id, node(client, task_id).id)
    assert told["socket_path"] == str(shared.socket_path)
    assert len(told["lease_id"]) == len(task_id)


def test_large_input_need_not_be_read(shared: DaemonProcess, client: Client) -> None:
    """A command may leave its input alone, however much there is."""
    task_id = task(client, "x" * 900_000)
    assert work(shared, task_id, "echo 1").code == 0
    assert result(client, task_id) == 1


# What becomes of what it says

SAYS = [
    ("echo '{\"a\": [1.50]}'", {"a": [1.5]}),
    ("printf 3", 3),
    ("echo two words", "two words"),
    ("printf 'two\\nlines\\n\\n'", "two\nlines\n"),
    ("true", ""),
    ("printf '\\377'", "\ufffd"),
    ("echo '{\"a\":'", '{"a":'),
    ("echo NaN", "NaN"),
]


@pytest.mark.parametrize(("script", "expected"), SAYS, ids=[script for script, _ in SAYS])
def test_standard_output_is_the_result(
    shared: DaemonProcess, client: Client, script: str, expected: Any
) -> None:
    """What is JSON is the result as it is, anything else is text."""
    task_id = task(client, 1)
    assert work(shared, task_id, script).out == "1 completed, 0 failed, 0 given back, 0 lost\n"
    assert result(client, task_id) == expected


def test_numbers_are_kept_as_they_are(shared: DaemonProcess, client: Client) -> None:
    """A result that is JSON is kept byte for byte."""
    task_id = task(client, 1)
    work(shared, task_id, 'echo \'{"b":1.50,"a":12345678901234567890123}\'')
    assert bytes(node(client, task_id).result_payload) == b'{"b":1.50,"a":12345678901234567890123}'


def test_an_exit_code_fails_the_node(shared: DaemonProcess, client: Client) -> None:
    """A command that exits with a code fails its node with it, and the verb ends with 1."""
    task_id = task(client, 1)
    ended = work(shared, task_id, "echo unheard; echo 'oh no' >&2; exit 3")
    assert (ended.code, ended.out) == (
        1,
        "0 completed, 1 failed, 0 given back, 0 lost\nthe task: 1 FAILED\n",
    )
    assert result(client, task_id) == {"exit_code": 3, "stderr": "oh no\n"}


def test_the_end_of_standard_error_is_kept(shared: DaemonProcess, client: Client) -> None:
    """Of many complaints the last 4 KiB are kept."""
    task_id = task(client, 1)
    work(shared, task_id, "seq 1 100000 >&2; exit 1")
    kept = result(client, task_id)["stderr"]
    assert len(kept) == 4096
    assert kept.endswith("99999\n100000\n")


def test_events(shared: DaemonProcess, client: Client) -> None:
    """AGENTD_EVENT lines on standard error are events, in their order, before the node's end."""
    task_id = task(client, 1)
    lines = [
        '{"action_type":"STEP","payload":{"n":1.50}}',
        '{"n": 2}',
        "[3]",
        '{"action_type":"BARE"}',
        '{"payload":null}',
    ]
    script = "".join(f"echo {shlex.quote(f'AGENTD_EVENT {line}')} >&2;" for line in lines)
    ended = work(shared, task_id, script + "echo AGENTD_EVENT nothing >&2; exit 1")
    assert events(client, task_id) == [
        ("STEP", {"n": 1.5}),
        ("COMMIT_EVENT", {"n": 2}),
        ("COMMIT_EVENT", [3]),
        ("BARE", None),
        ("COMMIT_EVENT", None),
    ]
    assert result(client, task_id)["stderr"] == "AGENTD_EVENT nothing\n"
    assert "AGENTD_EVENT {" not in ended.err
    assert "the next line is no event: what it has is not JSON" in ended.err


# What a person sees


def test_output_is_prefixed(shared: DaemonProcess, client: Client) -> None:
    """Each line is shown on standard error with its node in front, and cannot move the cursor."""
    task_id = task(client, {"name": "build\x1b[2J"}, {})
    ended = work(shared, task_id, "echo out; printf 'err\\033[2J' >&2")
    anonymous = client.task_status(task_id).nodes[1].id[-8:]
    lines = set(ended.err.splitlines())
    assert lines == {
        f"[{label}] {line}"
        for label in (r"build\x1b[2J", anonymous)
        for line in ("out", r"err\x1b[2J")
    }


def test_a_node_has_one_name(shared: DaemonProcess, client: Client) -> None:
    """What a node's command says and what became of the node are told under one name."""
    task_id = task(client, {"name": "build"}, {})
    ended = work(shared, task_id, "echo out; exit 1")
    for label in ("build", client.task_status(task_id).nodes[1].id[-8:]):
        assert f"[{label}] out\n" in ended.err
        assert f"agentd: node {label} failed: " in ended.err


def test_a_node_that_is_tried_again(shared: DaemonProcess, client: Client) -> None:
    """Only its last attempt is told as its end."""
    retry = {"max_attempts": 3, "backoff_secs": 0}
    nodes = [{"payload_schema": {"name": "build"}, "retry": retry}]
    task_id = client.register_task("work", initial_nodes=nodes).task_id
    ended = work(shared, task_id, "exit 4")
    told = [line for line in ended.err.splitlines() if "exit_code" in line]
    assert [line.partition(": {")[0] for line in told] == [
        "agentd: node build failed (attempt 1), and is tried again",
        "agentd: node build failed (attempt 2), and is tried again",
        "agentd: node build failed",
    ]


def test_output_is_bounded(shared: DaemonProcess, client: Client) -> None:
    """A node's lines are shown up to a number and a length."""
    task_id = task(client, {"name": "n"})
    ended = work(shared, task_id, "head -c 5000 /dev/zero | tr '\\0' x; echo; seq 1 100000")
    lines = ended.err.splitlines()
    assert lines[0] == f"[n] {'x' * LONGEST_LINE} ..."
    assert lines[-1] == f"[n] more than {MOST_LINES:,} lines: the rest is not shown"
    assert len(lines) == MOST_LINES + 1
    assert node(client, task_id).status == "COMPLETED"


def test_the_envelope(shared: DaemonProcess, client: Client) -> None:
    """With --json standard output is one envelope with the numbers."""
    task_id = task(client, 1, 2)
    ended = work(shared, task_id, "exit $(wc -c < /dev/null)", "--json", "--concurrency", "2")
    assert json.loads(ended.out) == {
        "ok": True,
        "data": {"completed": 2, "failed": 0, "released": 0, "lost": 0, "task": {"COMPLETED": 2}},
    }


def test_the_owner(shared: DaemonProcess, client: Client) -> None:
    """--owner names the worker in the journal."""
    task_id = task(client, 1)
    work(shared, task_id, "true", "--owner", "me")
    [acquired] = [
        event
        for event in client.task_events(task_id, after=0).events
        if event.action_type == "ACQUIRE_NODE"
    ]
    assert json.loads(bytes(acquired.payload))["lease_owner"] == "me"


def test_nodes_that_can_never_run(shared: DaemonProcess, client: Client) -> None:
    """Nodes behind a failed one are told of, and nobody mistakes them for done."""
    first = "00000000-0000-4000-8000-00000000000a"
    nodes: list[dict[str, Any]] = [{"id": first}, {"dependencies": [first]}]
    task_id = client.register_task("chain", initial_nodes=nodes).task_id
    work(shared, task_id, "exit 1")
    ended = work(shared, task_id, "true")
    told = "0 completed, 0 failed, 0 given back, 0 lost\nthe task: 1 PENDING, 1 FAILED\n"
    assert (ended.code, ended.out) == (1, told)


def test_waiting_is_told_once(shared: DaemonProcess, client: Client) -> None:
    """A worker that waits for others says so, once."""
    task_id = task(client, 1)
    acquired = client.acquire_next_node(task_id)
    assert acquired is not None
    with waiting(shared, task_id) as process:
        with client.lease(acquired):
            assert process.stderr is not None
            assert "waiting" in process.stderr.readline()
            time.sleep(0.3)
        assert process.communicate(timeout=PATIENCE_SECONDS) == (
            "0 completed, 0 failed, 0 given back, 0 lost\n",
            "",
        )


# Wrong


def test_no_such_program(shared: DaemonProcess, client: Client) -> None:
    """A program that is not there is told before any node is acquired."""
    task_id = task(client, 1)
    ended = agentd(shared.home, "work", "--task", task_id, "--", "nosuchprogram", "-x")
    assert (ended.code, ended.out) == (2, "")
    assert "'nosuchprogram'" in ended.error
    assert node(client, task_id).status == "PENDING"


def test_a_program_that_may_not_be_executed(shared: DaemonProcess, tmp_path: Path) -> None:
    """A file that is no program yet is told apart from one that is not there."""
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    ended = agentd(shared.home, "work", "--all", "--", str(program))
    assert ended.code == 2
    assert f"'{program}' may not be executed: `chmod +x`" in ended.error


def test_a_program_that_cannot_be_started(
    shared: DaemonProcess, client: Client, tmp_path: Path
) -> None:
    """A program whose interpreter is missing fails no node, and holds none: the worker ends."""
    program = tmp_path / "program"
    program.write_text("#!/nowhere/interpreter\n")
    program.chmod(0o755)
    task_id = task(client, 1, 2)
    ended = agentd(shared.home, "work", "--task", task_id, "--", str(program))
    assert (ended.code, ended.out) == (1, "")
    *_, said = ended.err.splitlines()
    told = f"{program} cannot be started: No such file or directory"
    assert said == f"agentd: stopped (0 completed, 0 failed, 1 given back, 0 lost): {told}"
    assert client.task_status(task_id).counts == {"PENDING": 2}


def test_no_daemon(home: Path) -> None:
    """Without a daemon the verb ends with exit code 3."""
    assert agentd(home, "work", "--all", "--", "true").code == 3


def test_helpers_that_stay_hold_nothing_up(shared: DaemonProcess, client: Client) -> None:
    """A helper that outlives the command, with its pipes, does not delay the result for long."""
    task_id = task(client, 1)
    began = time.monotonic()
    work(shared, task_id, "sleep 300 & echo done")
    assert time.monotonic() - began < 100
    assert result(client, task_id) == "done"
