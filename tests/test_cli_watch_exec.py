"""`agentd watch --exec`: a command is run for every event, and the place is kept."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec import Raw

from agentd.api import RecordedEventView
from agentd.cli.events.command import EventCommand
from agentd.cli.events.cursor import Cursor, CursorTaken
from agentd.client.address import UnixAddress
from agentd.errors import BadSetting
from tests.command_line import AGENTD, agentd_here
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, DaemonProcess, environment
from tests.test_cli_events import lines, registered, wait_until_asked

SEQ = "echo $AGENTD_EVENT_SEQ"
STOPPING = "agentd: stopping when the command has ended; the second time it is ended\n"


@contextmanager
def watching(home: Path, command: str, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """`agentd watch` at work; killed at the end where it has not ended."""
    with subprocess.Popen(
        [*AGENTD, "watch", "--exec", command, *options],
        cwd=REPOSITORY,
        env=environment(home, {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def stopped(process: "subprocess.Popen[str]", number: int) -> int:
    """Its exit code when it is told to stop by that signal."""
    process.send_signal(number)
    return process.wait(PATIENCE_SECONDS)


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """What a command waits for until somebody opens it."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


# Every event has its run


def test_a_run_per_event(shared: DaemonProcess, tmp_path: Path) -> None:
    """One after the other, with the event on standard input and in the environment."""
    task = registered(shared, "g", {})
    told = "$AGENTD_EVENT_SEQ $AGENTD_EVENT_ID $AGENTD_EVENT_KIND $AGENTD_TASK_ID"
    command = f'cat; echo "{told} ${{AGENTD_NODE_ID-none}} $AGENTD_SOCKET_PATH"'
    at = "--cursor", str(tmp_path / "at"), "--after", "0", "--task", task
    with watching(shared.home, command, *at) as process:
        assert process.stdout is not None
        for kind in ("REGISTER_TASK", "ADD_NODE"):
            event = json.loads(process.stdout.readline())
            assert (event["action_type"], event["task_id"]) == (kind, task)
            assert process.stdout.readline().split() == [
                str(event["seq"]),
                event["id"],
                kind,
                task,
                event["node_id"] or "none",
                str(shared.home / "agentd.sock"),
            ]
        assert stopped(process, signal.SIGTERM) == 0


def test_a_run_holds_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The lease of a node whose command the watch was started from is none of the event's node."""
    monkeypatch.setenv("AGENTD_LEASE_ID", "another")
    event = RecordedEventView("i", "t", "n", "ADD_NODE", Raw(b"{}"), "2026-01-31T12:00:00Z", 1)
    line = 'exit "${AGENTD_LEASE_ID:+3}"0'
    assert EventCommand(line, UnixAddress(str(tmp_path / "socket"))).run(event) == 0


def test_it_goes_on_where_it_was_stopped(daemon: DaemonProcess) -> None:
    """It begins with what happens; started again, with what has happened since, and nothing twice.

    The place is kept by what is run for which events; one that is stopped by hand says so.
    """
    registered(daemon)
    with watching(daemon.home, SEQ) as process:
        wait_until_asked(daemon)
        registered(daemon)
        assert lines(process, 1) == [["2"]]
        assert stopped(process, signal.SIGINT) == 130
    registered(daemon)
    with watching(daemon.home, SEQ, "--after", "0") as process:
        assert lines(process, 1) == [["3"]]
        assert stopped(process, signal.SIGTERM) == 0
        assert process.stderr is not None
        assert "going on behind seq 2, as" in process.stderr.read()
    with watching(daemon.home, SEQ, "--after", "0", "--kind", "REGISTER_TASK") as process:
        assert lines(process, 3) == [["1"], ["2"], ["3"]]
    with watching(daemon.home, f"{SEQ} # another", "--since", "1d") as process:
        assert lines(process, 3) == [["1"], ["2"], ["3"]]


def test_it_is_killed(daemon: DaemonProcess, fifo: Path) -> None:
    """Only the event whose run was under way has another."""
    for _ in range(3):
        registered(daemon)
    command = f"{SEQ}; test $AGENTD_EVENT_SEQ != 2 || cat {fifo}"
    with watching(daemon.home, command, "--after", "0") as process:
        assert lines(process, 2) == [["1"], ["2"]]
        process.kill()
        process.wait(PATIENCE_SECONDS)
        fifo.write_text("")
    fifo.unlink()
    fifo.write_text("")
    with watching(daemon.home, command) as process:
        assert lines(process, 2) == [["2"], ["3"]]


def test_a_daemon_that_is_killed(home: Path) -> None:
    """It is waited for, and no event is left out."""
    with DaemonProcess(home) as daemon:
        registered(daemon)
        with watching(home, SEQ, "--after", "0") as process:
            assert lines(process, 1) == [["1"]]
            daemon.kill()
            daemon.start()
            registered(daemon)
            assert lines(process, 1) == [["2"]]


def test_what_a_client_calls_an_event(shared: DaemonProcess, tmp_path: Path) -> None:
    """A type of any length and with any sign in it, and an event that the command does not read."""
    task = registered(shared, "g", {"name": "n"})
    with shared.connect() as connection:
        what = {"action_type": "a\0b" * 100_000, "payload": "x" * 200_000}
        connection.call("CommitEvent", task_id=task, node_id="n", **what)
    with watching(
        shared.home,
        'echo "$AGENTD_EVENT_KIND"',
        *("--after", "0", "--task", task, "--cursor", str(tmp_path / "at"), "--grep", "xxx"),
    ) as process:
        assert lines(process, 1) == [[(r"a\x00b" * 100)[:256]]]


# What goes wrong


def test_a_command_that_fails(shared: DaemonProcess, tmp_path: Path) -> None:
    """It ends with the command's exit code, and begins with that event the next time."""
    task, out = registered(shared, "g", {}), tmp_path / "out"
    command = f"echo $AGENTD_EVENT_KIND >> {out}; test $AGENTD_EVENT_KIND != ADD_NODE || exit 7"
    watch = "watch", "--exec", command, "--after", "0", "--task", task
    ended = agentd_here(shared.home, *watch)
    assert ended.code == 7
    assert "(ADD_NODE): started again, it begins with that" in ended.error
    assert agentd_here(shared.home, *watch).code == 7
    assert out.read_text().split() == ["REGISTER_TASK", "ADD_NODE", "ADD_NODE"]


def test_a_signal_is_an_exit_code(shared: DaemonProcess) -> None:
    """As a shell tells it: 128 and the signal's number."""
    task = registered(shared)
    watch = "watch", "--exec", "kill -9 $$", "--after", "0", "--task", task
    assert agentd_here(shared.home, *watch).code == 137


def test_it_keeps_going(shared: DaemonProcess) -> None:
    """With `--keep-going` it says what failed, and an event that failed is done with."""
    task = registered(shared, "g", {})
    options = "--after", "0", "--task", task, "--keep-going"
    with watching(shared.home, f"{SEQ}; exit 3", *options) as process:
        first, second = lines(process, 2)
        assert stopped(process, signal.SIGTERM) == 0
        assert process.stderr is not None
        told = process.stderr.readline()
    assert told == (
        f"agentd: the command ended with exit code 3 on event {first[0]} (REGISTER_TASK)\n"
    )
    assert int(second[0]) == int(first[0]) + 1


def test_a_command_that_there_is_not(shared: DaemonProcess) -> None:
    """No event is done with by that, whatever was asked for."""
    task = registered(shared)
    watch = "watch", "--exec", "no-such-program", "--after", "0", "--task", task
    for _ in range(2):
        assert agentd_here(shared.home, *watch, "--keep-going").code == 127


@pytest.mark.parametrize("given", [(), ("--exec", " ")])
def test_without_a_command(home: Path, given: tuple[str, ...]) -> None:
    """It is a usage error that names the verb that shows events; nothing is made."""
    ended = agentd_here(home, "watch", *given)
    assert (ended.code, "`agentd events --follow`" in ended.err) == (2, True)
    assert agentd_here(home, "watch", "--exec", "true").code == 3
    assert not home.exists()


# It is told to stop


def test_the_command_ends_what_it_does(shared: DaemonProcess, fifo: Path) -> None:
    """Ctrl-C lets it; then the event is done with."""
    task = registered(shared)
    at = fifo.parent / "at"
    options = "--after", "0", "--task", task, "--cursor", str(at)
    with watching(shared.home, f"{SEQ}; cat {fifo}; echo done", *options) as process:
        ((seq,),) = lines(process, 1)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert process.stderr.readline() == STOPPING
        fifo.write_text("")
        assert lines(process, 1) == [["done"]]
        assert process.wait(PATIENCE_SECONDS) == 130
    assert at.read_text().strip() == seq


def test_the_command_is_ended(shared: DaemonProcess, fifo: Path) -> None:
    """The second Ctrl-C ends it, with what it has started; its event is not done with."""
    task = registered(shared)
    at = fifo.parent / "at"
    options = "--after", "0", "--task", task, "--cursor", str(at)
    with watching(shared.home, f"{SEQ}; cat {fifo}; echo done", *options) as process:
        ((seq,),) = lines(process, 1)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert process.stderr.readline() == STOPPING
        assert stopped(process, signal.SIGINT) == 130
        assert process.stdout is not None
        assert process.stdout.read() == ""
    assert int(at.read_text()) < int(seq)


# The file


def test_the_place_is_one_short_line(tmp_path: Path) -> None:
    """Written over where it stands: it neither grows nor is it empty in between."""
    path = tmp_path / "at"
    with Cursor(path) as cursor:
        assert cursor.place is None
        for place in (9, 1_000_000, 7):
            cursor.move(place)
            assert (path.read_text().split(), path.stat().st_size) == ([str(place)], 21)
    assert path.stat().st_mode & 0o777 == 0o600
    with Cursor(path) as cursor:
        assert cursor.place == 7


def test_two_that_go_on_from_one_file(tmp_path: Path) -> None:
    """The second is refused, with what to do; when the first is gone it may."""
    path = tmp_path / "at"
    with Cursor(path) as first:
        first.move(5)
        with pytest.raises(CursorTaken, match="--cursor"):
            Cursor(path)
    with Cursor(path) as second:
        assert second.place == 5


@pytest.mark.parametrize("content", ["goal: Release\n", "1\n2\n", "-1", "1" * 40])
def test_a_file_that_is_something_else(tmp_path: Path, content: str) -> None:
    """It is not written over."""
    path = tmp_path / "plan.yaml"
    path.write_text(content)
    with pytest.raises(BadSetting, match="not written over"):
        Cursor(path)
    assert path.read_text() == content
    with pytest.raises(BadSetting):
        Cursor(Path(os.devnull))


def test_a_journal_that_is_shorter_now(shared: DaemonProcess, tmp_path: Path) -> None:
    """A backup was restored: it says so, and goes on from the end."""
    task, at = registered(shared), tmp_path / "at"
    at.write_text(f"{10**9}\n")
    with watching(shared.home, SEQ, "--task", task, "--cursor", str(at)) as process:
        wait_until_asked(shared)
        assert process.stderr is not None
        assert f"it was at {10**9} before" in process.stderr.readline()
        with shared.connect() as connection:
            connection.call("PauseTask", task_id=task)
        assert int(lines(process, 1)[0][0]) < 10**9
