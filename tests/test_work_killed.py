"""`agentd work` whose command is killed by somebody else: tried again, and not for ever."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from agentd import Client
from tests.daemon_process import DaemonProcess
from tests.working import node, task, work


@pytest.fixture
def client(shared: DaemonProcess) -> Iterator[Client]:
    """A client of the daemon that all of them share."""
    with Client(shared.socket_path) as opened:
        yield opened


def attempts(client: Client, task_id: str) -> list[tuple[str, Any]]:
    """How the attempts of the task's only node ended, and with what."""
    shown = client.node_status(task_id, node(client, task_id).id).attempts
    return [(each.how, json.loads(bytes(each.error))) for each in shown]


ONCE = 'test -e "{0}" && {{ echo 7; exit; }}; touch "{0}"; '


@pytest.mark.parametrize(
    ("script", "name"), [("kill -9 $$", "SIGKILL"), ("exit 139", "SIGSEGV"), ("kill $$", "SIGTERM")]
)
def test_a_signal_gives_the_node_back(
    shared: DaemonProcess, client: Client, tmp_path: Any, script: str, name: str
) -> None:
    """By a signal, or as a shell tells of one: the node is tried again, the attempt is counted."""
    task_id = task(client, 1)
    ended = work(shared, task_id, ONCE.format(tmp_path / "mark") + script)
    assert (ended.code, ended.out) == (0, "1 completed, 0 failed, 1 given back, 0 lost\n")
    assert f"back: killed by {name}\n" in ended.err
    assert attempts(client, task_id) == [("released", f"killed by {name}"), ("completed", None)]


def test_the_third_in_a_row_fails_it(shared: DaemonProcess, client: Client) -> None:
    """Whichever workers they were; the node fails for good, with its history."""
    nodes = [{"retry": {"max_attempts": 5}}]
    task_id = client.register_task("work", initial_nodes=nodes).task_id
    node_id = node(client, task_id).id
    for _ in range(2):  # two other workers, whose commands were killed
        held = client.acquire_next_node(task_id, lease_owner="another")
        assert held is not None
        client.release_node(task_id, node_id, held.lease_id, reason="killed by SIGSEGV")
    ended = work(shared, task_id, "echo grows >&2; kill -9 $$", "--owner", "me")
    assert (ended.code, ended.out.splitlines()[0]) == (
        1,
        "0 completed, 1 failed, 0 given back, 0 lost",
    )
    shown = client.node_status(task_id, node_id)
    assert [each.how for each in shown.attempts] == ["released", "released", "failed"]
    assert shown.attempts[-1].kind == "killed"
    told = json.loads(bytes(shown.node.result_payload))
    assert (told["kind"], told["signal"], told["exit_code"]) == ("killed", "SIGKILL", 137)
    assert told["stderr"] == "grows\n"
    history = [(each["attempt"], each["owner"], each["error"]) for each in told["attempts"]]
    assert history == [
        (1, "another", "killed by SIGSEGV"),
        (2, "another", "killed by SIGSEGV"),
        (3, "me", "killed by SIGKILL"),
    ]


def test_another_end_breaks_the_row(shared: DaemonProcess, client: Client, tmp_path: Any) -> None:
    """Only those in a row count: a node that was given back for another reason begins anew."""
    task_id = task(client, 1)
    node_id = node(client, task_id).id
    for reason in ["killed by SIGKILL", "killed by SIGKILL", None]:
        held = client.acquire_next_node(task_id)
        assert held is not None
        client.release_node(task_id, node_id, held.lease_id, reason=reason)
    ended = work(shared, task_id, ONCE.format(tmp_path / "mark") + "kill -9 $$")
    assert ended.out == "1 completed, 0 failed, 1 given back, 0 lost\n"


@pytest.mark.parametrize("code", [128, 145, 192, 255])
def test_an_exit_code_that_tells_of_no_death(
    shared: DaemonProcess, client: Client, code: int
) -> None:
    """A code above 128 that is no signal's that ends programs is a failure as others."""
    task_id = task(client, 1)
    work(shared, task_id, f"exit {code}")
    assert attempts(client, task_id) == [("failed", {"exit_code": code, "stderr": ""})]
