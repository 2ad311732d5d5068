"""What a handler returns that no line has room for is kept as a file."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd import AsyncLease, Client, Lease, Worker
from tests.daemon_process import DaemonProcess
from tests.working import node, task

LARGE = {"text": "\u2028" * 400_000, "number": 1.5}


@pytest.fixture
def client(shared: DaemonProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client of the shared daemon, in whose home this process is, too."""
    monkeypatch.setenv("AGENTD_HOME", str(shared.home))
    monkeypatch.delenv("AGENTD_ENV_FILE", raising=False)
    with Client(shared.socket_path) as opened:
        yield opened


def handle(_lease: Lease) -> Any:
    """A blocking handler."""
    return LARGE


async def handle_async(_lease: AsyncLease) -> Any:
    """An async handler."""
    await asyncio.sleep(0)
    return LARGE


either = pytest.mark.parametrize("handler", [handle, handle_async])


@either
def test_it_is_a_file(client: Client, shared: DaemonProcess, handler: Callable[..., Any]) -> None:
    """The node is completed; its result says where the JSON is."""
    task_id = task(client, 1)
    Worker(client, handler, task_id=task_id).run()
    done = node(client, task_id)
    result = json.loads(bytes(done.result_payload))
    path = shared.home / "results" / task_id / f"{done.id}-1"
    assert (done.status, result["file"]) == ("COMPLETED", str(path))
    assert json.loads(path.read_bytes()) == LARGE
    assert result["bytes"] == path.stat().st_size


@either
def test_one_that_cannot_be_kept(
    client: Client, monkeypatch: pytest.MonkeyPatch, handler: Callable[..., Any]
) -> None:
    """It fails the node, for good: trying again would make as much again."""
    monkeypatch.setenv("AGENTD_LOG_BYTES", "600000")
    made = client.register_task("g", initial_nodes=[{"retry": {"max_attempts": 3}}])
    Worker(client, handler, task_id=made.task_id).run()
    shown = client.node_status(made.task_id, made.node_ids[0])
    assert shown.node.status == "FAILED"
    assert [(each.how, each.kind) for each in shown.attempts] == [("failed", "result_too_large")]
    assert "AGENTD_LOG_BYTES" in json.loads(bytes(shown.node.result_payload))["message"]


def test_a_disk_that_takes_nothing(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a failure of that attempt, and tried again as the node allows."""
    monkeypatch.setenv("AGENTD_HOME", str(tmp_path))
    (tmp_path / "results").write_text("no folder")
    retry = {"max_attempts": 2, "backoff_secs": 0}
    made = client.register_task("g", initial_nodes=[{"retry": retry}])
    Worker(client, handle, task_id=made.task_id).run()
    shown = client.node_status(made.task_id, made.node_ids[0])
    assert [(each.how, each.kind) for each in shown.attempts] == 2 * [("failed", "result_lost")]
    assert str(tmp_path) in json.loads(bytes(shown.node.result_payload))["message"]
