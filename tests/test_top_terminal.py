"""`agentd top` in a real terminal: what reaches it, how it is left, and where there is none."""

import re
import signal
import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import pytest

from agentd.cli import extras
from agentd.cli.failures import Usage
from agentd.cli.top import watch
from agentd.errors import Failure
from tests.command_line import agentd_here, on_a_terminal
from tests.daemon_process import PATIENCE_SECONDS, DaemonProcess
from tests.test_cli_hostile import HOSTILE
from tests.top_scene import acquire, scene
from tests.top_terminal import top

COLOURS = re.compile(rb"\x1b\[([0-9;]*)m")
SIXTEEN = {"", "0", "1", "2", "3", "4", "7", "22", "24", "27", "39", "49"} | {
    str(number) for begin in (30, 40, 90, 100) for number in range(begin, begin + 8)
}
"""Looks of text, and the colours that every terminal lets its user choose."""

LEAVES = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?2004l")
"""The other screen, the cursor, pasting: as it was before."""


def looks(written: bytes) -> set[str]:
    """All that was asked for by colour sequences."""
    return {look for found in COLOURS.findall(written) for look in found.decode().split(";")}


def test_by_hand(shared: DaemonProcess) -> None:
    """Keys go from task to node to graph, in sixteen colours; `q` leaves all as it was."""
    with shared.connect() as connection:
        there = scene(connection)
    with top(shared.home) as terminal:
        terminal.wait_for("▸ ● ACTIVE")
        terminal.type("\r")
        terminal.wait_for("held by builder")
        with shared.connect() as connection:
            acquire(connection, there.task, "newcomer")
        terminal.wait_for("newcomer")
        terminal.type("3")
        terminal.wait_for("COMPLETED  plan")
        terminal.type("q")
        assert terminal.wait_for_end() == 0
    assert looks(bytes(terminal.written)) <= SIXTEEN
    assert all(each in terminal.written[-400:] for each in LEAVES)


def test_without_colours(shared: DaemonProcess) -> None:
    """With NO_COLOR there is none, and signs, words and the cursor say all that they said."""
    with shared.connect() as connection:
        task = scene(connection).task
    with top(shared.home, task, NO_COLOR="1") as terminal:
        terminal.wait_for("held by builder")
        terminal.wait_for("▸ ● RUNNING")
        terminal.wait_for("✗ FAILED")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait_for_end() == 0
    numbers = {int(look or 0) for look in looks(bytes(terminal.written))}
    assert {number for number in numbers if number >= 30} <= {39, 49}
    assert all(each in terminal.written[-400:] for each in LEAVES)


def test_text_of_others(shared: DaemonProcess) -> None:
    """Markup, controls, text that turns round, wide and endless words: text, in its columns."""
    wide, bold, turned = "漢字" * 40, "[bold red]x[/] [@click=app.quit]", "עברית"
    long = "w" * 700_000
    with shared.connect() as connection:
        names = (HOSTILE[:300] + "h", wide, bold, turned, "plain")
        nodes = [{"payload_schema": {"name": name}} for name in names]
        task = connection.call("RegisterTask", goal=bold + wide, initial_nodes=nodes)["task_id"]
        for owner in (HOSTILE[-300:], wide, bold, turned, "plain"):
            held = acquire(connection, task, owner)
            connection.call("CommitEvent", **held, payload={"message": long + HOSTILE})
    with top(shared.home, task, columns=100) as terminal:
        terminal.wait_for(lambda text: text.count("● RUNNING") == 5)
        for word in (" plain", "[bold red]x[/]", r"\x00"):  # a line is painted from its beginning
            terminal.wait_for(word)
        rows = [line for line in terminal.lines if "● RUNNING" in line]
        assert len({row.index("● RUNNING") for row in rows}) == 1
        [head] = [line for line in terminal.lines if "OWNER" in line]
        [plain] = [row for row in rows if " plain" in row]
        assert plain.index(" plain") + 1 == head.index("NODE")
        for keys, there in (("3", "below all"), ("6", "EVENT"), ("1", "PROGRESS")):
            terminal.type(keys)
            terminal.wait_for(there)
        terminal.hang_up()
        assert terminal.process.wait(PATIENCE_SECONDS) == 0  # nobody sees it any more
    # \x0e and the like would be our own escape sequences' only if others' text came through raw.
    others = re.sub(
        rb"\x1b\[[0-9;?<>=]*[A-Za-z]|\x1b\][^\x07]*\x07|\x1bP[^\x1b]*\x1b\\",
        b"",
        bytes(terminal.written),
    )
    assert not set(others.decode()) & (set(HOSTILE) - set("\r\n\x1b"))


def test_where_there_is_no_terminal(shared: DaemonProcess) -> None:
    """In a pipe it says what to use instead, and asks nothing."""
    ended = agentd_here(shared.home, "top")
    assert ended.code == 2
    assert "`agentd events --follow`" in ended.err
    assert ended.out == ""


def test_errors_that_go_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `2> FILE` nothing would be seen: the screen is drawn where errors are told."""
    for stream in ("stdin", "stdout", "stderr"):
        is_seen = stream != "stderr"
        monkeypatch.setattr(sys, stream, SimpleNamespace(isatty=lambda is_seen=is_seen: is_seen))
    with pytest.raises(Usage, match="for a terminal"):
        watch.run(Namespace(task=None))


def test_a_terminal_that_cannot(shared: DaemonProcess) -> None:
    """A terminal that moves no cursor is told, and so is an input that is none."""
    assert "for a terminal" in on_a_terminal(shared.home, "top").plain
    with top(shared.home, TERM="dumb") as terminal:
        assert terminal.wait_for_end() == 2
        assert "TERM is 'dumb'" in terminal.text


def test_no_such_task_and_no_daemon(shared: DaemonProcess, tmp_path: Path) -> None:
    """Both are told before a screen is opened."""
    with top(shared.home, "f") as terminal:
        assert terminal.wait_for_end() == 1
        assert "no task's id begins with f" in terminal.text
    with top(tmp_path) as terminal:
        assert terminal.wait_for_end() == 3
        assert "no socket at" in terminal.text


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lacks Textual is told how to get it, by its own name."""
    monkeypatch.setattr(extras, "find_spec", lambda _name: None)
    monkeypatch.setenv("TERM", "xterm")
    for stream in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, stream, SimpleNamespace(isatty=lambda: True))
    with pytest.raises(Failure, match="agentd top needs textual, of the extra `top`: "):
        watch.run(Namespace(task=None))
