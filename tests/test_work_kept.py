"""What the commands of `agentd work` write is kept in files, and larger results are, too."""

import contextlib
import hashlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd import Client
from tests.daemon_process import PATIENCE_SECONDS, DaemonProcess
from tests.working import node, task, waiting, work

BINARY = bytes(range(256)) * 10


@pytest.fixture
def client(shared: DaemonProcess) -> Iterator[Client]:
    """A client of the daemon that all of them share."""
    with Client(shared.socket_path) as opened:
        yield opened


def kept(shared: DaemonProcess, client: Client, task_id: str, suffix: str = "") -> Path:
    """A file of the first attempt of the task's only node."""
    return shared.home / "results" / task_id / f"{node(client, task_id).id}-1{suffix}"


def result(client: Client, task_id: str) -> Any:
    """What the task's only node was completed or failed with."""
    return json.loads(bytes(node(client, task_id).result_payload))


def eventually(is_so: Callable[[], bool]) -> bool:
    """Whether it becomes so, in a while."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.02)
    return is_so()


# Output


def test_both_streams(shared: DaemonProcess, client: Client, tmp_path: Path) -> None:
    """Byte for byte, events included, of commands that fail as well."""
    task_id, said = task(client, 1), b'AGENTD_EVENT {"action_type":"SAID"}\nbad\n'
    (tmp_path / "out").write_bytes(BINARY)
    (tmp_path / "err").write_bytes(said)
    work(shared, task_id, f"cat {tmp_path}/out; cat {tmp_path}/err >&2; exit 3")
    assert kept(shared, client, task_id, ".stdout").read_bytes() == BINARY
    assert kept(shared, client, task_id, ".stderr").read_bytes() == said


def test_a_worker_that_is_killed(shared: DaemonProcess, client: Client) -> None:
    """What was shown of it is on the disk, and is not lost."""
    task_id = task(client, 1)
    with waiting(shared, task_id, "echo first; echo newest; exec sleep 600") as process:
        assert process.stderr is not None
        while not process.stderr.readline().endswith("newest\n"):
            pass
        process.kill()
        process.wait()
    assert kept(shared, client, task_id, ".stdout").read_bytes() == b"first\nnewest\n"


def test_the_budget(shared: DaemonProcess, client: Client) -> None:
    """A worker that begins removes what is too much, of tasks that have ended; results stay."""
    old, new = task(client, 1), task(client, 1)
    flood = "head -c 1200000 /dev/zero | tr '\\0' x; head -c 300000 /dev/zero >&2"
    work(shared, old, flood)
    assert kept(shared, client, old, ".stdout").exists()
    with waiting(shared, new, "exec sleep 600", AGENTD_LOG_BYTES="200000"):
        assert eventually(lambda: kept(shared, client, new, ".stdout").exists())
        folder = kept(shared, client, old).parent
        assert eventually(lambda: list(folder.iterdir()) == [kept(shared, client, old)])


def test_the_budget_while_it_grows(shared: DaemonProcess, client: Client, tmp_path: Path) -> None:
    """It holds without a new start of the worker, too."""
    task_id = task(client, *range(12))
    write = f"head -c 50000 /dev/zero | tr '\\0' x >&2; touch {tmp_path}/$AGENTD_NODE_ID"
    wait = f"[ $(ls {tmp_path} | wc -l) -lt 12 ] || exec sleep 600"

    def size() -> int:
        found = 0
        for path in (shared.home / "results" / task_id).glob("*.stderr"):
            with contextlib.suppress(FileNotFoundError):
                found += path.stat().st_size
        return found

    with waiting(shared, task_id, f"{write}; {wait}", AGENTD_LOG_BYTES="200000"):
        assert eventually(lambda: len(list(tmp_path.iterdir())) == 12)
        assert eventually(lambda: 0 < size() <= 200_000)


def test_nothing_is_kept(daemon: DaemonProcess) -> None:
    """AGENTD_LOG_BYTES=0 keeps nothing, and is never heard of."""
    (daemon.home / "results").write_text("no folder")
    with Client(daemon.socket_path) as client:
        ended = work(daemon, task(client, 1), "echo hi", AGENTD_LOG_BYTES="0")
    assert ended.out == "1 completed, 0 failed, 0 given back, 0 lost\n"
    assert "kept" not in ended.err


def test_where_nothing_can_be_kept(daemon: DaemonProcess) -> None:
    """The work goes on, and the log says so once."""
    (daemon.home / "results").write_text("no folder")
    with Client(daemon.socket_path) as client:
        task_id = task(client, 1, 2, 3)
        ended = work(daemon, task_id, "echo hi; echo ho >&2")
    assert ended.out == "3 completed, 0 failed, 0 given back, 0 lost\n"
    told = f"what the commands write is not kept in {daemon.home}/results: Not a directory"
    assert ended.err.count("is not kept") == ended.err.count(told) == 1


# Results


@pytest.mark.parametrize(
    ("script", "content"),
    [
        ("head -c 3000000 /dev/zero | tr '\\0' x", b"x" * 3_000_000),
        ("head -c 600000 /dev/zero | tr '\\0' '\\n'", b"\n" * 600_000),
        ("printf '[\"'; head -c 1048570 /dev/zero | tr '\\0' x; printf '\"]'", None),
    ],
    ids=["too many bytes", "too many in JSON", "JSON itself"],
)
def test_a_result_that_no_line_has_room_for(
    shared: DaemonProcess, client: Client, script: str, content: bytes | None
) -> None:
    """The node is completed; its result says where the whole of it is."""
    task_id = task(client, 1)
    assert work(shared, task_id, script).code == 0
    path, whole = kept(shared, client, task_id), content or b'["' + b"x" * 1_048_570 + b'"]'
    assert path.read_bytes() == whole
    assert result(client, task_id) == {
        "file": str(path),
        "host": socket.gethostname(),
        "bytes": len(whole),
        "sha256": hashlib.sha256(whole).hexdigest(),
        "head": whole[:4096].decode(),
    }
    assert not kept(shared, client, task_id, ".part").exists()


def test_a_large_result_of_a_command_that_fails(shared: DaemonProcess, client: Client) -> None:
    """It is no result: nothing of it is left but what is kept of all output."""
    task_id = task(client, 1)
    work(shared, task_id, "head -c 2000000 /dev/zero; echo bad >&2; exit 3")
    assert result(client, task_id) == {"exit_code": 3, "stderr": "bad\n"}
    suffixes = {path.suffix for path in kept(shared, client, task_id).parent.iterdir()}
    assert ".stderr" in suffixes
    assert suffixes.isdisjoint({"", ".part"})


def test_a_result_beyond_all_bounds(shared: DaemonProcess, client: Client) -> None:
    """One that is larger than AGENTD_LOG_BYTES fails its node, and leaves nothing."""
    task_id = task(client, 1)
    work(shared, task_id, "head -c 2000000 /dev/zero", AGENTD_LOG_BYTES="1500000")
    told = result(client, task_id)
    assert told["exit_code"] == 0
    assert "more than 1,500,000 bytes" in told["message"]
    assert "keep large data in a file" in told["message"]
    (attempt,) = client.node_status(task_id, node(client, task_id).id).attempts
    assert (attempt.how, attempt.kind) == ("failed", "result_too_large")
    assert not kept(shared, client, task_id, ".part").exists()


def test_a_result_that_the_disk_does_not_take(daemon: DaemonProcess) -> None:
    """It is lost, which fails the attempt; the next one may keep it."""
    (daemon.home / "results").write_text("no folder")
    retry = {"max_attempts": 2, "backoff_secs": 0}
    with Client(daemon.socket_path) as client:
        made = client.register_task("g", initial_nodes=[{"retry": retry}])
        work(daemon, made.task_id, "head -c 2000000 /dev/zero")
        shown = client.node_status(made.task_id, made.node_ids[0])
    assert [(each.how, each.kind) for each in shown.attempts] == 2 * [("failed", "result_lost")]
    assert str(daemon.home) in json.loads(bytes(shown.node.result_payload))["message"]


def test_a_worker_killed_amid_a_large_result(shared: DaemonProcess, client: Client) -> None:
    """Half of a result never has its name, and the next attempt removes it."""
    made = client.register_task("g", initial_nodes=[{}])
    node_id, folder = made.node_ids[0], shared.home / "results" / made.task_id
    flood = "head -c 2000000 /dev/zero; exec sleep 600"
    with waiting(shared, made.task_id, flood) as process:
        part = folder / f"{node_id}-1.part"
        assert eventually(part.exists)
        process.kill()
        process.wait()
    lease_id = node(client, made.task_id).lease_id
    assert lease_id is not None
    client.release_node(made.task_id, node_id, lease_id)  # nobody waits for its end
    assert not (folder / f"{node_id}-1").exists()
    work(shared, made.task_id, "head -c 2000000 /dev/zero")
    assert (folder / f"{node_id}-2").stat().st_size == 2_000_000
    assert not part.exists()
