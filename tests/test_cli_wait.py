"""`agentd task wait` and `task watch`: to the end of a task, which their exit codes tell."""

import json
import os
import pty
import re
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from msgspec import Raw

from agentd.api import TaskStatusResult, TaskView
from agentd.cli.task.ending import Waiting
from agentd.cli.task.live_view import LiveView
from agentd.errors import NoSocket
from agentd.task_progress import describe_progress, progress_bar
from tests.command_line import AGENTD, COLUMNS, LINES, Ended, agentd, agentd_here, on_a_terminal
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, DaemonProcess, environment


def register(daemon: DaemonProcess, *nodes: dict[str, Any]) -> str:
    """The id of a new task of these nodes."""
    with daemon.connect() as connection:
        made = connection.call("RegisterTask", goal="g", initial_nodes=list(nodes))
    return str(made["task_id"])


def work(daemon: DaemonProcess, task: str, ending: str = "CompleteNode", **more: Any) -> None:
    """Acquire a node and end the attempt so."""
    with daemon.connect() as connection:
        held = connection.call("AcquireNextNode", task_id=task, lease_owner="me")
        lease = {name: held[name] for name in ("task_id", "node_id", "lease_id")}
        connection.call(ending, **lease, **more)


def cancel(daemon: DaemonProcess, task: str) -> None:
    with daemon.connect() as connection:
        connection.call("CancelTask", task_id=task)


class Verb:
    """A verb at work."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def end(self) -> Ended:
        """How it ended by itself."""
        out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        return Ended(self.process.returncode, out, err)


@contextmanager
def at_work(daemon: DaemonProcess, *arguments: str) -> Iterator[Verb]:
    """The verb, when the daemon has a request of its that waits; killed where it does not end."""
    process = subprocess.Popen(
        [*AGENTD, *arguments],
        cwd=REPOSITORY,
        env=environment(daemon.home, {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until_it_waits(daemon)
        yield Verb(process)
    finally:
        process.kill()
        process.communicate()


def wait_until_it_waits(daemon: DaemonProcess) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    with daemon.connect() as connection:
        while not connection.call("Metrics")["runtime"]["waiting_requests"]:
            assert time.monotonic() < deadline, "the verb does not wait"
            time.sleep(0.01)


# task wait


@pytest.mark.parametrize(
    ("ending", "code", "line"),
    [("CompleteNode", 0, "COMPLETED\t0\t0\t1\t0"), ("FailNode", 10, "FAILED\t0\t0\t0\t1")],
)
def test_the_end_is_told(daemon: DaemonProcess, ending: str, code: int, line: str) -> None:
    """The exit code and a line say how the task ended; its other events are no end."""
    task = register(daemon, {})
    with at_work(daemon, "task", "wait", task) as verb:
        work(daemon, task, "ReleaseNode")
        wait_until_it_waits(daemon)
        work(daemon, task, ending)
        assert verb.end() == (code, f"{task}\t{line}\n", "")
    assert agentd_here(daemon.home, "task", "wait", task) == (code, f"{task}\t{line}\n", "")


def test_a_task_that_is_cancelled_meanwhile(daemon: DaemonProcess) -> None:
    """It has ended, too, with an exit code of its own; with --json in an envelope."""
    task = register(daemon, {})
    with at_work(daemon, "task", "wait", task, "--json") as verb:
        cancel(daemon, task)
        ended = verb.end()
    assert ended.code == 11
    found = {"task_id": task, "state": "CANCELLED", "counts": {"PENDING": 1}}
    assert json.loads(ended.out) == {"ok": True, "data": found}


def test_the_last_of_many_nodes_is_the_end(daemon: DaemonProcess) -> None:
    """A node that ends while others are left is no end."""
    task = register(daemon, {}, {})
    with at_work(daemon, "task", "wait", task) as verb:
        work(daemon, task, "FailNode")
        wait_until_it_waits(daemon)
        assert verb.process.poll() is None
        work(daemon, task)
        assert verb.end().code == 10


def test_the_time_is_over(shared: DaemonProcess) -> None:
    """Then the exit code is 124, and how far the task is stands in the message."""
    task = register(shared, {}, {})
    work(shared, task)
    ended = agentd_here(shared.home, "task", "wait", task, "--timeout", "50ms")
    assert ended.code == 2
    ended = agentd_here(shared.home, "task", "wait", task, "--timeout", "0.05s")
    assert (ended.code, ended.out) == (124, "")
    told = f"task {task} has not ended after 0.05s: ACTIVE, 1 of 2 nodes done, 1 waiting"
    assert ended.error == f"agentd: {told}"
    ended = agentd_here(shared.home, "task", "wait", task, "--timeout", "0", "--json")
    assert json.loads(ended.out)["error"]["kind"] == "wait_timed_out"


def test_a_daemon_that_comes_back_is_waited_for(home: Path) -> None:
    """Killed and started anew, it tells the end as if nothing had been."""
    with DaemonProcess(home) as daemon:
        task = register(daemon, {})
        with at_work(daemon, "task", "wait", task) as verb:
            daemon.kill()
            with DaemonProcess(home) as second:
                wait_until_it_waits(second)
                work(second, task)
                assert verb.end().code == 0


def test_a_daemon_that_was_never_there(home: Path) -> None:
    """It is not waited for: the exit code is that of every verb."""
    task = "01a208f2-0000-7000-8000-000000000000"
    assert agentd_here(home, "task", "wait", task).code == 3
    assert agentd_here(home, "task", "watch", task).code == 3


def test_a_daemon_that_does_not_come_back(home: Path) -> None:
    """The time that one waits for the task is the time that one waits for it."""
    with DaemonProcess(home) as daemon:
        task = register(daemon, {})
        with at_work(daemon, "task", "wait", task, "--timeout", "5s") as verb:
            daemon.kill()
            ended = verb.end()
    assert ended.code == 124
    assert f"task {task} has not ended after 5s" in ended.err


def test_there_is_no_such_task(shared: DaemonProcess) -> None:
    """A refusal is 1, as everywhere."""
    task = "01a208f2-0000-7000-8000-000000000000"
    assert agentd_here(shared.home, "task", "wait", task).code == 1
    assert agentd_here(shared.home, "task", "watch", task).code == 1


def test_that_it_is_waited_for_is_said_once() -> None:
    """However often it is looked for; a daemon that never answered is not waited for."""
    status = TaskStatusResult(TaskView("t", "g", Raw(b"{}"), "2026-01-31T12:00:00Z"))
    answers = [status, NoSocket("no socket"), NoSocket("no socket"), status]
    told: list[str] = []
    waiting = Waiting(Mock(task_status=Mock(side_effect=answers)), "t", tell=told.append)
    assert [waiting.status(), waiting.status()] == [status, status]
    assert told == ["the daemon is waited for: no socket"]
    never = Waiting(Mock(task_status=Mock(side_effect=NoSocket("none"))), "t", tell=told.append)
    with pytest.raises(NoSocket):
        never.status()


def test_what_is_said_stands_where_the_line_stood(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is text, whoever wrote it, and on a line of its own."""
    monkeypatch.setenv("TERM", "xterm")
    LiveView({}).say("gone \x1b[31m")
    assert capsys.readouterr() == ("\r\x1b[K", "agentd: gone \\x1b[31m\n")


# task watch


def test_events_until_the_end(daemon: DaemonProcess) -> None:
    """In a pipe a line for each event from now on, the last one that ended the task among them."""
    task = register(daemon, {})
    register(daemon, {})  # another one's events are not told
    with at_work(daemon, "task", "watch", task) as verb:
        work(daemon, task, "FailNode", payload="why")
        ended = verb.end()
    assert (ended.code, ended.err) == (10, "")
    lines = [line.split("\t") for line in ended.out.splitlines()]
    assert [line[2] for line in lines] == ["ACQUIRE_NODE", "FAIL_NODE"]
    assert lines[1][4] == '{"error":"why"}'


def test_envelopes_until_the_end(daemon: DaemonProcess) -> None:
    """With --json an envelope for each page, and one that says how it ended."""
    task = register(daemon, {})
    with at_work(daemon, "task", "watch", task, "--json") as verb:
        cancel(daemon, task)
        ended = verb.end()
    assert ended.code == 11
    *pages, last = [json.loads(line)["data"] for line in ended.out.splitlines()]
    assert [e["action_type"] for page in pages for e in page["events"]] == ["CANCEL_TASK"]
    assert last == {"state": "CANCELLED", "counts": {"PENDING": 1}}


def test_a_task_that_has_ended(daemon: DaemonProcess) -> None:
    """There is nothing to watch: how it ended is said, on a terminal in a line."""
    task = register(daemon, {})
    work(daemon, task)
    assert agentd(daemon.home, "task", "watch", task) == (0, "", "")
    ended = on_a_terminal(daemon.home, "task", "watch", task)
    assert ended.code == 0
    last = ended.plain.rpartition("\x1b[K")[2]
    assert last == "[##########] COMPLETED, 1 of 1 node done"


@contextmanager
def watched_on_a_terminal(
    daemon: DaemonProcess, task: str
) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """`task watch` before a terminal of 80 columns, and our side of it."""
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (LINES, COLUMNS))
    kind = {"TERM": "xterm-256color", "COLUMNS": None, "NO_COLOR": None, "FORCE_COLOR": None}
    process = subprocess.Popen(
        [*AGENTD, "task", "watch", task],
        cwd=REPOSITORY,
        env=environment(daemon.home, kind),
        stdin=subprocess.DEVNULL,
        stdout=its,
        stderr=its,
    )
    os.close(its)
    try:
        wait_until_it_waits(daemon)
        yield process, ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def read_to_the_end(terminal: int) -> str:
    """All that was written to it."""
    shown = b""
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # Linux reports the other side's close as an input/output error
            break
        if not chunk:
            break
        shown += chunk
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).replace("\r\n", "\n")


def test_a_line_tells_how_far_it_is(daemon: DaemonProcess) -> None:
    """Below what happened stands a line that is drawn anew, in 80 columns, and stays at the end."""
    task = register(daemon, {"name": "long " * 20}, {"name": "short"})
    with watched_on_a_terminal(daemon, task) as (process, terminal):
        work(daemon, task, payload="x" * 1000)
        work(daemon, task)
        shown = read_to_the_end(terminal)
        assert process.wait(PATIENCE_SECONDS) == 0
    pictures = shown.split("\r\x1b[K")
    assert pictures[1] == "[..........] ACTIVE, 0 of 2 nodes done, 2 waiting"
    assert pictures[-1] == "[##########] COMPLETED, 2 of 2 nodes done\n"
    lines = [line for picture in pictures for line in picture.split("\n")]
    assert sum("COMPLETE_NODE" in line for line in lines) == 2
    assert max(map(len, lines)) <= COLUMNS


def test_a_daemon_that_goes_while_it_is_watched(home: Path) -> None:
    """It is said in the place of the line; when a daemon is back, the rest is shown."""
    with DaemonProcess(home) as daemon:
        task = register(daemon, {"name": "a"})
        with watched_on_a_terminal(daemon, task) as (process, terminal):
            daemon.kill()
            with DaemonProcess(home) as second:
                wait_until_it_waits(second)
                work(second, task)
                shown = read_to_the_end(terminal)
            assert process.wait(PATIENCE_SECONDS) == 0
    lines = re.split(r"\r\x1b\[K|\n", shown)
    assert [line for line in lines if "agentd" in line and not line.startswith("agentd: ")] == []
    assert any("COMPLETE_NODE" in line for line in lines)
    assert lines[-2] == "[##########] COMPLETED, 1 of 1 node done"


def test_ctrl_c(daemon: DaemonProcess) -> None:
    """Ctrl-C takes the line away, and is 130, as everywhere; the task goes on."""
    task = register(daemon, {})
    with watched_on_a_terminal(daemon, task) as (process, terminal):
        process.send_signal(signal.SIGINT)
        shown = read_to_the_end(terminal)
        assert process.wait(PATIENCE_SECONDS) == 130
    assert shown.endswith("\r\x1b[Kagentd: interrupted\n")


def test_a_terminal_that_clears_no_line(daemon: DaemonProcess) -> None:
    """It is shown the end only."""
    task = register(daemon, {})
    cancel(daemon, task)
    ended = on_a_terminal(daemon.home, "task", "watch", task, TERM="dumb")
    assert ended == (11, "[..........] CANCELLED, 0 of 1 node done, 1 not run\n", "")


def test_watching_ends_with_its_reader(daemon: DaemonProcess) -> None:
    """A reader that has had enough, such as `head`, ends it without a word."""
    task = register(daemon, {}, {})
    with at_work(daemon, "task", "watch", task) as verb:
        assert verb.process.stdout is not None
        assert verb.process.stderr is not None
        verb.process.stdout.close()
        work(daemon, task)
        assert verb.process.wait(PATIENCE_SECONDS) == 0
        assert verb.process.stderr.read() == ""


# Progress


@pytest.mark.parametrize(
    ("counts", "bar", "line"),
    [
        ({}, "..........", "ACTIVE, 0 of 0 nodes done"),
        ({"PENDING": 1}, "..........", "ACTIVE, 0 of 1 node done, 1 waiting"),
        (
            {"COMPLETED": 1, "PENDING": 1998, "RUNNING": 1},
            "#=........",
            "ACTIVE, 1 of 2,000 nodes done, 1 running, 1,998 waiting",
        ),
        (
            {"COMPLETED": 999, "FAILED": 1},
            "#########!",
            "ACTIVE, 999 of 1,000 nodes done, 1 failed",
        ),
    ],
)
def test_progress(counts: dict[str, int], bar: str, line: str) -> None:
    """Whatever there is of a status is seen, and only what is all done looks so."""
    assert progress_bar(counts) == bar
    assert describe_progress("ACTIVE", counts) == line


def test_a_task_that_cannot_go_on_does_not_look_alive(shared: DaemonProcess) -> None:
    """What is left of a task that has ended waits for nothing: it does not run."""
    task = register(shared, {"name": "a"}, {"dependencies": ["a"]})
    work(shared, task, "FailNode")
    told = on_a_terminal(shared.home, "task", "wait", task)
    assert told == (10, "FAILED, 0 of 2 nodes done, 1 failed, 1 not run\n", "")
    listed = agentd(shared.home, "task", "list", "--state", "ACTIVE").out
    assert task not in listed
