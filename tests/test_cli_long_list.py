"""`agentd task list` of more tasks than one answer has room for, and errors in a few words."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Raw

from agentd.cli.error_words import error_words
from agentd.cli.read_ahead import read_ahead
from agentd.cli.task import list as task_list
from tests.command_line import agentd_here, on_a_terminal_here
from tests.daemon_process import DaemonProcess


def test_many_pages(daemon: DaemonProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are listed, in their order, however many answers it takes, and no more than asked for."""
    with daemon.connect() as connection:
        made = [connection.call("RegisterTask", goal=f"g{n}")["task_id"] for n in range(7)]
    monkeypatch.setattr(task_list, "_PAGE", 2)
    for limit, shown in ((100, 7), (5, 5), (2, 2)):
        words = ("task", "list", "--limit", str(limit))
        lines = agentd_here(daemon.home, *words).out.splitlines()
        assert [line.split("\t")[0] for line in lines] == made[::-1][:shown]
        data = json.loads(agentd_here(daemon.home, *words, "--json").out)["data"]
        assert [task["id"] for task in data["tasks"]] == made[::-1][:shown]
        assert (data["next"] is None) is (shown == 7)


def test_a_list_that_is_narrowed_to_nothing(daemon: DaemonProcess) -> None:
    """It is not said that there are no tasks: there may be others."""
    shown = on_a_terminal_here(daemon.home, "task", "list", "--state", "PAUSED").plain
    assert shown == "no such tasks"


def test_a_long_list_without_a_daemon(home: Path) -> None:
    """What goes wrong in the thread is told as everywhere."""
    ended = agentd_here(home, "task", "list", "--limit", "5000")
    assert (ended.code, ended.out) == (3, "")
    assert "no socket" in ended.error


# Reading ahead


def test_the_order_stays() -> None:
    """Items come as they would without it; the next is fetched before it is asked for."""
    fetched = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        yield 2
        fetched.set()

    found = read_ahead(items())
    assert next(found) == 1
    assert fetched.wait(60)
    assert list(found) == [2]


def test_what_goes_wrong_is_raised_in_its_place() -> None:
    """What was fetched before it is not lost."""

    def items() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    found = read_ahead(items())
    assert next(found) == 1
    with pytest.raises(OSError, match="gone"):
        next(found)


# Errors in a few words


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ("null", ""),
        ('"the build broke"', "the build broke"),
        ("[1, 2]", "[1, 2]"),
        ('{"code": 7}', '{"code": 7}'),
        ('{"message": "one\\ntwo\\n\\n"}', "two"),
        ('{"exit_code": 1, "stderr": "warning\\nno space left\\n"}', "exit code 1: no space left"),
        ('{"exit_code": 1, "stderr": ""}', "exit code 1"),
        ('{"kind": "timeout", "timeout_secs": 5}', "timeout"),
        ('{"error": {"deep": 1}, "reason": "because"}', "because"),
        ('{"message": 5}', '{"message": 5}'),
        ("{", "{"),
    ],
)
def test_an_error_in_a_few_words(payload: str, words: str) -> None:
    """A message, or the last line of what was complained; else as it is."""
    assert error_words(Raw(payload.encode())) == words


def test_the_kind_stands_first() -> None:
    """The one of the attempt, or else of the error itself."""
    assert error_words(Raw(b'{"kind": "k", "message": "m"}')) == "k: m"
    assert error_words(Raw(b'{"message": "m"}'), "tool_error") == "tool_error: m"
    assert error_words(Raw(b"null"), "tool_error") == "tool_error"
