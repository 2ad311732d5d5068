"""TaskStatus in pieces: the same answer, of one moment, whatever happens between the pieces."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agentd import status_stream
from agentd.api import TaskStatusParams
from agentd.errors import TaskNotFound
from agentd.queries import task_status
from agentd.status_stream import NODE_BYTES, TaskStatusStream
from agentd.store import Reader
from tests.core import NOW, STORES, Core, uid


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    """The methods on each store in turn."""
    made = Core(STORES[request.param](tmp_path))
    yield made
    made.store.close()


def played(core: Core, nodes: int) -> str:
    """A task with nodes in every state, some of them with dependencies, as far as there are."""
    specs: list[dict[str, Any]] = [
        {"id": uid(n), "payload_schema": {"n": n}} for n in range(1, nodes + 1)
    ]
    for spec, before in zip(specs[5:], specs, strict=False):
        spec |= {"dependencies": [before["id"]]}
    task: str = core.do("RegisterTask", goal="g", context={"é": 1}, initial_nodes=specs)["task_id"]
    for method in ("CompleteNode", "FailNode", "HeartbeatNode")[:nodes]:
        held = core.do("AcquireNextNode", task_id=task, lease_owner="me")
        usage = {} if method == "HeartbeatNode" else {"usage": {"usd": 0.5, "tokens": 3}}
        lease = {"node_id": held["node_id"], "lease_id": held["lease_id"]}
        core.do(method, task_id=task, **lease, **usage)
    core.do("SetBudget", task_id=task, budget={"usd": 9})
    return task


def whole(core: Core, task: str) -> bytes:
    """The answer in one piece."""
    with core.store.read() as reader:
        return msgspec.json.encode(task_status(reader, TaskStatusParams(task_id=task), core.now))


def opened(reader: Reader, task: str) -> TaskStatusStream:
    return TaskStatusStream(reader, TaskStatusParams(task_id=task), NOW)


def pieces(core: Core, status: TaskStatusStream) -> list[bytes]:
    """All that is left of it, each piece read from a view of its own."""
    found: list[bytes] = []
    while not status.done:
        with core.store.read() as reader:
            found.append(status.piece(reader))
    return found


@pytest.mark.parametrize("nodes", [0, 1, 8, 600])
@pytest.mark.parametrize("piece_bytes", [1, 1_000, 256 * 1024])
def test_the_pieces_are_the_answer(
    core: Core, monkeypatch: pytest.MonkeyPatch, nodes: int, piece_bytes: int
) -> None:
    """Put together they are the answer in one piece, byte for byte."""
    monkeypatch.setattr(status_stream, "PIECE_BYTES", piece_bytes)
    task = played(core, nodes)
    with core.store.read() as reader:
        status = opened(reader, task)
    found = pieces(core, status)
    assert b"".join(found) == whole(core, task)
    if piece_bytes == 1:
        assert len(found) == nodes + 1
    assert status.size == 0


@pytest.mark.parametrize(
    "params",
    [{"fields": []}, {"fields": ["nodes"]}, {"fields": ["usage"]}, {"limit": 3, "after": 2}],
)
def test_the_pieces_of_a_part(core: Core, params: dict[str, Any]) -> None:
    """What was not asked for is left out of the pieces, too."""
    asked = TaskStatusParams(task_id=played(core, 8), **params)
    with core.store.read() as reader:
        status = TaskStatusStream(reader, asked, NOW)
        expected = msgspec.json.encode(task_status(reader, asked, NOW))
        assert (
            TaskStatusStream.count(reader, asked)
            == {0: 0, 1: 8, 2: 3}[
                ("nodes" in params.get("fields", ["nodes"])) + ("limit" in params)
            ]
        )
    assert b"".join(pieces(core, status)) == expected


def test_a_piece_has_a_size(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with the node that makes it so large as a piece has to be."""
    monkeypatch.setattr(status_stream, "PIECE_BYTES", 5_000)
    task = played(core, 100)
    with core.store.read() as reader:
        found = pieces(core, opened(reader, task))
    assert len(found) > 5
    assert all(5_000 <= len(piece) < 6_000 for piece in found[:-1])


def test_an_answer_is_of_one_moment(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens to the task between two pieces does not show."""
    monkeypatch.setattr(status_stream, "PIECE_BYTES", 1)
    task = played(core, 300)
    before = whole(core, task)
    with core.store.read() as reader:
        status = opened(reader, task)
        first = status.piece(reader)
    held = core.do("AcquireNextNode", task_id=task)
    core.do("CompleteNode", task_id=task, node_id=held["node_id"], lease_id=held["lease_id"])
    assert whole(core, task) != before
    assert b"".join([first, *pieces(core, status)]) == before


def test_what_is_held_gets_less(core: Core) -> None:
    """It is about what it is taken for before it is known, and shrinks with every piece."""
    task = played(core, 1_000)
    with core.store.read() as reader:
        status = opened(reader, task)
        assert 1_000 * NODE_BYTES / 4 < status.size < 1_000 * NODE_BYTES
        before = status.size
        status.piece(reader)
        assert status.size < before


def test_nodes_are_counted_without_a_look_at_them(core: Core) -> None:
    """How many there are is known before the answer is begun, whatever their status is."""
    task = played(core, 8)
    with core.store.read() as reader:
        assert TaskStatusStream.count(reader, TaskStatusParams(task_id=task)) == 8


@pytest.mark.parametrize("ask", [partial(TaskStatusStream, now=NOW), TaskStatusStream.count])
def test_a_task_that_is_none(core: Core, ask: Callable[..., object]) -> None:
    """There is neither an answer nor a number."""
    with core.store.read() as reader, pytest.raises(TaskNotFound):
        ask(reader, TaskStatusParams(task_id=uid(99)))
