"""What a command reads on standard input: small, and else as it was written."""

import json
from collections.abc import Iterator

import pytest
from msgspec import Raw

from agentd import Client
from agentd.worker.command_input import LARGEST_PAYLOAD
from tests.command_line import agentd
from tests.daemon_process import DaemonProcess
from tests.working import node, task


@pytest.fixture
def client(shared: DaemonProcess) -> Iterator[Client]:
    """A client of the daemon that all of them share."""
    with Client(shared.socket_path) as opened:
        yield opened


def read(shared: DaemonProcess, client: Client, task_id: str, *flags: str) -> bytes:
    """What the command of the task's last node read."""
    agentd(shared.home, "work", "--task", task_id, *flags, "--", "cat")
    return bytes(client.task_status(task_id).nodes[-1].result_payload)


def with_sibling(client: Client) -> str:
    """A task whose first node has ended, and whose second depends on nothing."""
    task_id = task(client, 1, 2)
    acquired = client.acquire_next_node(task_id)
    assert acquired is not None
    client.complete_node(task_id, acquired.node_id, acquired.lease_id, "told")
    return task_id


@pytest.mark.parametrize(("flags", "events"), [((), 0), (("--context", "task"), 1)])
def test_whose_events(
    shared: DaemonProcess, client: Client, flags: tuple[str, ...], events: int
) -> None:
    """Those of the node and its dependencies, unless the whole task's are asked for."""
    context = json.loads(read(shared, client, with_sibling(client), *flags))
    assert len([e for e in context["event_journal"] if e["action_type"] == "COMPLETE_NODE"]) == (
        events
    )


def test_no_events(shared: DaemonProcess, client: Client) -> None:
    """They can be left out."""
    task_id = task(client, 1)
    client.commit_event(task_id, node(client, task_id).id, action_type="SAID")
    with_them = json.loads(read(shared, client, task_id))
    assert [e["action_type"] for e in with_them["event_journal"]] == ["SAID"]
    task_id = task(client, 1)
    client.commit_event(task_id, node(client, task_id).id, action_type="SAID")
    assert json.loads(read(shared, client, task_id, "--context", "none"))["event_journal"] == []


def test_a_large_event(shared: DaemonProcess, client: Client) -> None:
    """Its head and its size come along; one that is just small enough comes as it was written."""
    task_id = task(client, 1)
    whole = Raw(b'"' + b"x" * (LARGEST_PAYLOAD - 7) + b'1.50"')
    large = Raw(b'["' + "ä".encode() * LARGEST_PAYLOAD + b'"]')
    for payload in (whole, large):
        client.commit_event(task_id, node(client, task_id).id, action_type="SAID", payload=payload)
    written = read(shared, client, task_id)
    kept, cut = (event["payload"] for event in json.loads(written)["event_journal"])
    assert bytes(whole) in written
    assert kept == json.loads(bytes(whole))
    assert cut == {
        "left_out": True,
        "bytes": 2 * LARGEST_PAYLOAD + 4,
        "head": '["' + "ä" * (LARGEST_PAYLOAD // 2 - 1),
    }
