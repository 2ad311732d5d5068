"""AGENTD_OWNER: whose leases and locks are, where the command line does not say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.command_line import agentd

if TYPE_CHECKING:
    from tests.daemon_process import DaemonProcess

OWNER = "codex/shop-3f2a/7"


@pytest.fixture
def task(shared: DaemonProcess) -> str:
    """A task of one node."""
    with shared.connect() as connection:
        made: str = connection.call("RegisterTask", goal="g", initial_nodes=[{}])["task_id"]
        return made


def attempts(daemon: DaemonProcess, task: str) -> list[Any]:
    """Who had its node, attempt by attempt."""
    with daemon.connect() as connection:
        [node] = connection.call("TaskStatus", task_id=task)["nodes"]
        told = connection.call("NodeStatus", task_id=task, node_id=node["id"])
    return [each["owner"] for each in told["attempts"]]


@pytest.mark.parametrize(
    ("words", "named", "owner"),
    [
        ("", OWNER, OWNER),
        ("", " ", "anonymous"),
        ("--owner me", OWNER, "me"),
    ],
)
def test_a_node_is_acquired_by_that_agent(
    shared: DaemonProcess, task: str, words: str, named: str, owner: str
) -> None:
    """The command line wins over the environment, and that over `anonymous`."""
    assert (
        agentd(shared.home, "node", "acquire", task, *words.split(), AGENTD_OWNER=named).code == 0
    )
    with shared.connect() as connection:
        [node] = connection.call("TaskStatus", task_id=task)["nodes"]
    assert node["lease_owner"] == owner


def test_a_node_is_done_by_that_agent(shared: DaemonProcess, task: str) -> None:
    """So is one that is done by hand."""
    with shared.connect() as connection:
        [node] = connection.call("TaskStatus", task_id=task)["nodes"]
    assert agentd(shared.home, "node", "done", task, node["id"], AGENTD_OWNER=OWNER).code == 0
    assert attempts(shared, task) == [OWNER]


def test_a_worker_is_a_process_of_that_agent_s(shared: DaemonProcess, task: str) -> None:
    """Its number stands behind the name, and its command is called so: its locks are the node's."""
    command = ("sh", "-c", 'printf %s "$AGENTD_OWNER"')
    assert agentd(shared.home, "work", "--task", task, "--", *command, AGENTD_OWNER=OWNER).code == 0
    [owner] = attempts(shared, task)
    assert owner.startswith(f"{OWNER}-")
    assert owner.removeprefix(f"{OWNER}-").isdigit()
    with shared.connect() as connection:
        [node] = connection.call("TaskStatus", task_id=task)["nodes"]
    assert node["result_payload"] == owner


def test_a_lock_is_that_agent_s(shared: DaemonProcess) -> None:
    """One that lasts is the agent's, a command's its process's, and the command is called so."""
    assert agentd(shared.home, "lock", "acquire", "port:80", AGENTD_OWNER=OWNER).code == 0
    with shared.connect() as connection:
        [lock] = connection.call("ListResourceLocks", prefix="port:80")["locks"]
    assert lock["owner"] == OWNER
    command = ("sh", "-c", 'printf %s "$AGENTD_OWNER"')
    ended = agentd(shared.home, "lock", "run", "port:81", "--", *command, AGENTD_OWNER=OWNER)
    assert ended.code == 0
    assert ended.out.startswith(f"{OWNER}-")
    nobody = agentd(shared.home, "lock", "run", "port:81", "--", *command, AGENTD_OWNER=None)
    assert nobody.out.startswith("agentd-")
