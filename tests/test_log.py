"""What the log says of faults, and what it does not let anybody write into it."""

import asyncio
import logging
import re
from collections.abc import Iterator
from io import StringIO
from typing import Any, NoReturn

import pytest
from msgspec import Struct

from agentd.api import TaskParams
from agentd.daemon.answer_memory import AnswerMemory
from agentd.daemon.clock import Clock
from agentd.daemon.context_factory import ContextFactory
from agentd.daemon.counters import new_counters
from agentd.daemon.event_waiters import EventWaiters
from agentd.daemon.grace import Grace
from agentd.daemon.log import RateLimitedLog, logger, set_up
from agentd.daemon.queries import Queries
from agentd.daemon.writer import log_fault
from agentd.errors import InternalError, RequestRefused, StorageError
from agentd.methods import Command, Method
from agentd.protocol import encode_error
from agentd.status_stream import TaskStatusStream
from agentd.store.memory import MemoryStore
from agentd.transact import Call, run_batch
from tests.core import EVENT_LIMIT, LEASE_MS, NOW, context, uid
from tests.daemon_process import PATIENCE_SECONDS

PARAMS = TaskParams(uid(1))
SECRET = "the secret of the inside"  # noqa: S105 - a word to look for
FORGED = "2026-01-31T12:00:00.123Z INFO  all is well"
EVIL = f"\x1b[2J\r\u202e\x00\n{FORGED}"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """What standard error gets from a log that is set up to show infos."""
    before = logger.handlers[:], logger.propagate, logger.level
    monkeypatch.setattr("sys.stderr", shown := StringIO())
    set_up(logging.INFO)
    yield shown
    logger.handlers[:], logger.propagate, logger.level = before


def broken(*_known: Any) -> NoReturn:
    """Fail with something that no client may read."""
    raise ValueError(SECRET)


class TidyStore(MemoryStore):
    """A store without a log to copy."""

    def checkpoint(self) -> bool:
        """Nothing is due."""
        return True

    def wait_for_turn(self) -> None:
        """It is always somebody's turn."""


def is_clean(text: str) -> bool:
    """Whether nothing in the text instructs a terminal or starts a line of its own making."""
    lines = text.split("\n")
    return all(c.isprintable() for line in lines for c in line) and FORGED not in lines


@pytest.mark.parametrize("code", [*range(32), 127, 0x85, 0x9B, 0x2028, 0x202E, 0xFEFF])
def test_control_characters_in_a_message(log: StringIO, code: int) -> None:
    """Whatever is not to be seen is written as its number, and a message stays one line."""
    logger.info("got %s", f"a{chr(code)}b")
    assert log.getvalue().endswith(f" got a{ascii(chr(code))[1:-1]}b\n")
    assert log.getvalue().count("\n") == 1


def test_control_characters_in_a_traceback(log: StringIO) -> None:
    """An exception that quotes a client cannot write a line, or to a terminal, by its traceback."""
    try:
        raise ValueError(EVIL)  # noqa: TRY301
    except ValueError as error:
        log_fault(error)
    assert "Traceback" in log.getvalue()
    assert is_clean(log.getvalue())


def test_control_characters_in_the_cause_of_an_exception(log: StringIO) -> None:
    """The same holds for the exception that an exception came from."""
    try:
        try:
            raise KeyError(EVIL)  # noqa: TRY301
        except KeyError as cause:
            raise ValueError(EVIL) from cause
    except ValueError as error:
        log_fault(error)
    assert is_clean(log.getvalue())


def refused(answer: bytes) -> None:
    """Check that an answer says that there was a fault, and not which."""
    assert b'"internal"' in answer
    assert b"-32603" in answer
    for word in (SECRET, "ValueError", "Traceback", __file__):
        assert word.encode() not in answer


def traced(log: StringIO) -> bool:
    """Whether the log has a fault with its traceback down to where it happened."""
    return bool(
        re.search(rf"Traceback.*in broken.*ValueError: {SECRET}", log.getvalue(), re.DOTALL)
    )


def test_the_fault_of_a_command(log: StringIO) -> None:
    """Its traceback is in the log and not in the answer."""
    request = Call(Command(broken, broken, broken), PARAMS)
    [outcome] = run_batch(MemoryStore(), [request], context, log_fault)
    assert isinstance(outcome.refusal, InternalError)
    refused(encode_error(b"1", outcome.refusal))
    assert traced(log)


class Asking:
    """Whoever asks a query."""

    def __init__(self) -> None:
        self.answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def take_piece(self, piece: bytes, rest: TaskStatusStream | None) -> None:
        assert rest is None
        self.answered.set_result(piece)

    def take_prepared(self, command: Command) -> None:
        pytest.fail(f"{command} is no answer")

    def hold_nothing(self) -> None:
        pytest.fail("nobody asked for that")

    def break_off(self) -> None:
        pytest.fail("it is no answer in pieces")

    def refuse(self, _why: StorageError | None = None) -> None:
        pytest.fail("nothing stops")


def answer_to(method: Method, params: Struct) -> bytes:
    """Return what a query is answered with."""

    async def run() -> bytes:
        asking = Asking()
        contexts = ContextFactory(
            Clock(), Grace(NOW, LEASE_MS), new_counters(), LEASE_MS, EVENT_LIMIT
        )
        waiters = EventWaiters(0, new_counters())
        queries = Queries(TidyStore(), contexts, AnswerMemory(lambda: None), waiters)
        queries.submit(method, params, b"1", asking)
        try:
            return await asyncio.wait_for(asking.answered, PATIENCE_SECONDS)
        finally:
            queries.close()

    return asyncio.run(run())


def test_the_fault_of_a_query(log: StringIO) -> None:
    """Its traceback is in the log and not in the answer."""
    refused(answer_to(Method("Broken", TaskParams, None, query=broken), PARAMS))
    assert traced(log)


def test_a_refusal_is_no_fault(log: StringIO) -> None:
    """What a client did wrong is told to the client, and the log has nothing to say."""

    def refusing(*_known: Any) -> NoReturn:
        raise RequestRefused("not today")

    answer = answer_to(Method("Refusing", TaskParams, None, query=refusing), PARAMS)
    assert b"not today" in answer
    assert log.getvalue() == ""


def test_what_is_said_again_and_again(caplog: pytest.LogCaptureFixture) -> None:
    """A line that would fill the disk is written once in a while, with how often it was not."""
    often, seldom = RateLimitedLog(0.0), RateLimitedLog(60.0)
    for number in range(3):
        often.error("full: %d", number)
        seldom.error("full: %d", number)
    assert caplog.messages == ["full: 0", "full: 0", "full: 1", "full: 2"]
