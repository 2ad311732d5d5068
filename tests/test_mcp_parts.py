"""The parts of a server that ends with its client: who the client is, and how the end comes."""

from __future__ import annotations

import os
import threading

import pytest

from agentd.errors import (
    BadSetting,
    DatabaseRefused,
    DiskFailed,
    Failure,
    NoAnswer,
    NoSocket,
    NotPermitted,
    NotStarted,
    Starting,
)
from agentd.mcp.client_watch import Line, Pipes, wait_until_gone
from agentd.mcp.ending import Ending
from agentd.mcp.faults import told
from agentd.mcp.shortening import piece, shorten, value_of
from agentd.processes import Process

CLIENT, LAUNCHER, INIT = 50, 60, 1


class Machine:
    """Processes that are made up: who started each, and how it was called."""

    def __init__(self) -> None:
        self.parent = LAUNCHER
        self.processes = {
            CLIENT: Process(40, "node /usr/bin/claude "),
            LAUNCHER: Process(CLIENT, "uvx --from ./agentd.whl agentd mcp "),
        }

    def line(self) -> Line:
        """From the server up to its client."""
        return Line(self.processes.get, lambda: self.parent)


def test_a_client_that_ended() -> None:
    """Where its launcher lives on, it has another parent."""
    machine = Machine()
    line = machine.line()
    assert not line.is_broken()
    machine.processes[LAUNCHER] = Process(INIT, "uvx --from ./agentd.whl agentd mcp ")
    assert line.is_broken()


def test_a_launcher_that_ended() -> None:
    """The server's own parent is another one then."""
    machine = Machine()
    line = machine.line()
    machine.parent = INIT
    assert line.is_broken()


def test_what_started_the_client_may_end() -> None:
    """A terminal is closed, and its agent works on."""
    machine = Machine()
    line = machine.line()
    machine.processes[CLIENT] = Process(INIT, "node /usr/bin/claude ")
    assert not line.is_broken()


def test_a_machine_that_tells_nothing() -> None:
    """Nobody is taken for dead because nobody may look."""
    machine = Machine()
    line = machine.line()
    machine.processes.clear()
    assert not line.is_broken()


def _unless_closed(pipes: Pipes) -> list[bool]:
    return [pipes.are_closed() for _ in range(2)]


def test_the_client_closes_its_pipe() -> None:
    """Its end of standard input is noticed, though it was not read; it had the time of a look."""
    stdin, theirs = os.pipe()
    out, stdout = os.pipe()
    try:
        pipes = Pipes(stdin, stdout)
        assert _unless_closed(pipes) == [False, False]
        os.write(theirs, b"the last line")
        os.close(theirs)
        assert _unless_closed(pipes) == [False, True]
    finally:
        for each in (stdin, out, stdout):
            os.close(each)


def test_nobody_can_read_an_answer_any_more() -> None:
    """Where the end of standard output is closed the client is gone at once."""
    stdin, theirs = os.pipe()
    out, stdout = os.pipe()
    try:
        pipes = Pipes(stdin, stdout)
        os.close(out)
        assert pipes.are_closed()
    finally:
        for each in (stdin, theirs, stdout):
            os.close(each)


def test_looking_until_it_is_gone() -> None:
    """It is looked again and again, and then it is said why."""
    machine = Machine()
    line, looks = machine.line(), []
    stdin, theirs = os.pipe()

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            machine.parent = INIT

    try:
        why = wait_until_gone(line, Pipes(stdin, theirs), sleep, 1.0)
    finally:
        os.close(stdin)
        os.close(theirs)
    assert looks == [1.0, 1.0, 1.0]
    assert why == "the process that started it has ended"


def test_the_end_comes_once() -> None:
    """Whoever notices first begins it; it is over when all is given back."""
    given_back, left = [], threading.Event()
    ending = Ending(lambda: given_back.append(1), left.set, longest_secs=60)
    for _ in range(3):
        ending.begin()
    assert left.wait(60)
    assert given_back == [1]


def test_the_end_comes_in_time() -> None:
    """Where giving back hangs, the process ends without."""
    hangs, left = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.wait()

    Ending(hang, left.set, longest_secs=0.01).begin()
    assert left.wait(60)
    hangs.set()


def test_the_end_comes_where_giving_back_fails(caplog: pytest.LogCaptureFixture) -> None:
    """The process ends, whatever is raised."""
    left = threading.Event()

    def fail() -> None:
        raise RuntimeError("a fault of our own")

    Ending(fail, left.set, longest_secs=60).begin()
    assert left.wait(60)
    assert "could not be given back" in caplog.text


def test_the_end_comes_where_no_thread_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that can start nothing more can still end."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    left = threading.Event()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    Ending(left.set, left.set).begin()
    assert left.is_set()


@pytest.mark.parametrize(
    ("error", "did", "then"),
    [
        (NoSocket("no socket"), "did nothing", "start it with `agentd serve`"),
        (Starting("it starts"), "did nothing", "call again in a moment"),
        (NotPermitted("a sandbox"), "did nothing", "`agentd doctor`"),
        (DatabaseRefused("a newer one"), "did nothing", "`agentd doctor`"),
        (NoAnswer("30 s"), "may have been done", "look with show_task"),
    ],
)
def test_what_became_of_a_call(error: Exception, did: str, then: str) -> None:
    """The next step is one that helps, and what nobody knows is not said to be so."""
    first, why, last = told("complete_node", error).splitlines()
    assert first == f"complete_node {did}."
    assert why == f"why: {error}"
    assert then in last


def test_values_that_python_has_not() -> None:
    """They are shown as they were written."""
    assert value_of(b"1e999") in (float("inf"), "1e999")
    assert value_of(b"1" * 5_000) == "1" * 5_000


def test_a_value_is_cut_where_it_is_long() -> None:
    """Characters count, and the rest is told."""
    assert shorten(b'"abc"', 5, "there") == "abc"
    assert shorten(b'"abcdef"', 5, "there") == '"abcd … (cut: 5 of 8 characters; all of it: there)'
    assert piece(b'"abc"', 4) == ('"', None)


@pytest.mark.parametrize("kind", [BadSetting, DatabaseRefused, DiskFailed, NotStarted])
def test_what_no_argument_mends_is_a_person_s(kind: type[Failure]) -> None:
    """A daemon that refuses to start for its first client, say."""
    said = told("show_task", kind("the database is corrupt"))
    assert said.endswith("next: ask your person to run `agentd doctor`, then call again")
