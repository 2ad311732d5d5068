"""What one client's large requests and answers wait for, and what waits for them."""

import asyncio

import msgspec
import pytest

from agentd.daemon.answer_memory import BYTES
from agentd.daemon.connection import CONTEXT_BYTES
from agentd.daemon.context_sizes import ContextSizes
from agentd.daemon.jobs import ALONE, LARGE, MANY, is_large
from agentd.daemon.long_line_permits import LONG
from agentd.daemon.writer import SubmittedCommand
from agentd.protocol import Request
from agentd.transact import Outcome
from tests.core import uid
from tests.test_bounds import connected, lines, receive


def registration(nodes: int) -> bytes:
    """One that makes so many nodes."""
    return lines(1, "RegisterTask", goal="g", initial_nodes=[{}] * nodes)


def test_a_large_request_is_decoded_at_its_turn() -> None:
    """It waits as it came, behind the commands before it, and nothing passes it."""
    submitted: list[SubmittedCommand] = []
    connection, wire = connected(submitted)
    receive(connection, lines(1) + registration(MANY) + lines(1))
    assert (len(submitted), connection.turns) == (1, 0)
    connection.answer(submitted[0], Outcome(None))
    assert (len(submitted), connection.turns) == (1, 1)
    large = connection.begin()
    assert large is not None
    assert len(large.call.params.initial_nodes) == MANY  # type: ignore[attr-defined]
    assert len(submitted) == 1
    connection.answer(large, Outcome(None))
    assert (len(submitted), connection.turns, len(wire.lines)) == (2, 1, 2)


def test_a_context_that_may_be_large() -> None:
    """An acquire goes alone until the task's contexts are known to be small, and when they grow."""
    submitted: list[SubmittedCommand] = []
    connection, _ = connected(submitted)
    acquire = lines(1, "AcquireNextNode", task_id=uid(1))
    receive(connection, acquire)
    connection.answer(submitted[0], Outcome("x" * 100))
    receive(connection, acquire * 3)
    assert [command.alone for command in submitted] == [True, False, False, False]
    for command in submitted[1:]:
        connection.answer(command, Outcome("x" * ALONE))
    receive(connection, acquire * 2)
    assert (len(submitted), submitted[-1].alone) == (5, True)


def test_a_context_that_may_be_large_needs_room() -> None:
    """Where there is none its acquire waits, and nothing passes it; a refusal ends its waiting."""

    async def run() -> None:
        submitted: list[SubmittedCommand] = []
        connection, wire = connected(submitted)
        room, hog = connection.memory, connected([])[0]
        room.reserve(hog, 10**12, lambda: None)
        receive(connection, lines(1, "AcquireNextNode", task_id=uid(1)) + lines(1))
        assert submitted == []
        room.release(hog)
        assert len(submitted) == 1
        connection.answer(submitted[0], Outcome(None))
        assert len(submitted) == 2
        connection.answer(submitted[1], Outcome(None))
        room.reserve(hog, 10**12, lambda: None)
        receive(connection, lines(1, "AcquireNextNode", task_id=uid(1)))
        for waiting in room.stop_waiting():
            waiting.refuse()
        assert (len(submitted), len(wire.lines)) == (2, 3)

    asyncio.run(run())


@pytest.mark.parametrize("known", [LARGE, None])
def test_room_is_kept_for_all_of_a_context(known: int | None) -> None:
    """As far as its size is known; of unknown ones no more are made than there is room for."""
    submitted: list[SubmittedCommand] = []
    connection, _ = connected(submitted)
    if known is not None:
        connection.sizes.set(uid(1), known)
    room, hog = connection.memory, connected([])[0]
    room.reserve(hog, BYTES - CONTEXT_BYTES + 1, lambda: None)
    receive(connection, lines(1, "AcquireNextNode", task_id=uid(1)))
    assert len(submitted) == (known is not None)
    room.set_unread(hog, BYTES - CONTEXT_BYTES)
    assert len(submitted) == 1


def test_a_large_result_goes_alone() -> None:
    """It is little work, so it waits for no turn; but of one client there is one at a time."""
    submitted: list[SubmittedCommand] = []
    connection, _ = connected(submitted)
    receive(connection, lines(2, task_id=uid(1), node_id=uid(2), payload="x" * LARGE))
    assert (len(submitted), submitted[0].alone, connection.turns) == (1, True, 0)
    connection.answer(submitted[0], Outcome(None))
    assert len(submitted) == 2


def test_what_was_written_to_a_task_makes_its_contexts_larger() -> None:
    """Whatever was sent for its events since the last context may be in the next one."""
    sizes = ContextSizes()
    sizes.add(uid(1), 5)
    assert sizes.estimate(uid(1)) > LARGE
    sizes.set(uid(1), 100)
    sizes.add(uid(1), 5)
    assert (sizes.estimate(uid(1)), sizes.estimate(uid(2)) > LARGE) == (105, True)


def test_a_large_request_is_refused_where_the_daemon_stops() -> None:
    """It is answered with its own id and told to be repeated; what is behind it goes on."""

    async def run() -> None:
        submitted: list[SubmittedCommand] = []
        connection, wire = connected(submitted)
        receive(connection, registration(MANY) + lines(1))
        connection.refuse()
        await asyncio.sleep(0)
        assert len(submitted) == 1
        answer = msgspec.json.decode(wire.lines[0])
        assert (answer["id"], answer["error"]["data"]["kind"]) == (1, "storage_error")
        assert "repeat it" in answer["error"]["message"]

    asyncio.run(run())


def test_a_long_line_is_read_on_from_a_permit() -> None:
    """Of a line without a permit only the beginning is read; a permit is left with the answer."""
    submitted: list[SubmittedCommand] = []
    holding: list[object] = []
    connection, wire = connected(submitted, permits=holding, has_permits=False)
    line = lines(1, "RegisterTask", goal="x" * LONG)
    receive(connection, line[:LONG])
    assert not wire.reading
    connection.permit_granted()
    assert wire.reading
    receive(connection, line[LONG:])
    assert (connection.unfinished(), holding) == (None, [connection])
    large = connection.begin()
    assert large is not None
    connection.answer(large, Outcome(None))
    assert holding == []


@pytest.mark.parametrize("wanted", [True, False])
def test_a_permit_is_passed_on(wanted: bool) -> None:  # noqa: FBT001
    """Nothing is read until the line is answered; then the next has the permit."""
    submitted: list[SubmittedCommand] = []
    holding: list[object] = []
    connection, wire = connected(submitted, permits=holding, has_permits=not wanted)
    holder = {"task_id": uid(1), "node_id": uid(2), "lease_id": uid(3)}
    line = lines(1, "CompleteNode", **holder, result_payload="x" * LONG)
    receive(connection, line[:LONG])
    connection.permit_granted()
    receive(connection, line[LONG:])
    assert (len(submitted), wire.reading) == (1, False)
    connection.answer(submitted[0], Outcome(None))
    assert (holding, wire.reading) == ([], True)


def test_a_permit_is_not_kept_for_other_answers() -> None:
    """Who asks for more behind the long line, and takes his time to read, has no permit for it."""
    submitted: list[SubmittedCommand] = []
    holding: list[object] = []
    connection, wire = connected(submitted, permits=holding, has_permits=False)
    holder = {"task_id": uid(1), "node_id": uid(2), "lease_id": uid(3)}
    line = lines(1, "CompleteNode", **holder, result_payload="x" * LONG)
    receive(connection, line[:LONG])
    connection.permit_granted()
    receive(connection, line[LONG:] + lines(1, "TaskStatus", task_id=uid(1)) + b"x" * 1_000)
    connection.answer(submitted[0], Outcome(None))
    assert (connection.idle, holding) == (False, [])
    receive(connection, b"x" * LONG)
    assert (holding, wire.reading) == ([], False)
    connection.take_piece(b"all of it", None)
    assert holding == [connection]


def test_who_is_waited_for() -> None:
    """A permit is held up by a line that goes on coming late, not by what the daemon has to do."""
    submitted: list[SubmittedCommand] = []
    connection, _ = connected(submitted)
    receive(connection, lines(1))
    receive(connection, b"x" * LONG)
    assert connection.unfinished() is None
    connection.answer(submitted[0], Outcome(None))
    assert connection.unfinished() == LONG
    connection.pause_writing()
    assert connection.unfinished() is None


@pytest.mark.parametrize(
    ("params", "large"),
    [
        (b'{"initial_nodes":[%b]}' % b",".join([b"{}"] * (MANY - 1)), True),
        (b'{"initial_nodes":[%b]}' % b",".join([b"{}"] * (MANY - 2)), False),
        (b'{"goal":"%b"}' % (b"x" * LARGE), True),
        (b'{"goal":"%b"}' % (b"x" * (LARGE // 2)), False),
    ],
)
def test_what_is_large_is_known_before_it_is_decoded(params: bytes, large: bool) -> None:  # noqa: FBT001
    """By the bytes of the request, and by the objects in it, where each of them may be a node."""
    for name in ("RegisterTask", "register_task"):
        assert is_large(Request(b"1", name, msgspec.Raw(params))) == large
    for name in ("CompleteNode", "Nope"):
        assert not is_large(Request(b"1", name, msgspec.Raw(params)))
