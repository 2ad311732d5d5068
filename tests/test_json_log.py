"""A log that programs read: one JSON object a line, whatever is said."""

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest

from agentd.daemon.log import logger, set_up
from agentd.daemon.writer import log_fault
from tests.command_line import agentd
from tests.daemon_process import (
    PATIENCE_SECONDS,
    REPOSITORY,
    DaemonProcess,
    environment,
    serve_to_the_end,
    temporary_home,
)
from tests.test_log import EVIL

JSON: dict[str, Any] = {"AGENTD_LOG_FORMAT": "json"}
FIELDS = {"timestamp", "level", "logger", "message", "pid"}
MOMENT = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def records(text: str) -> list[dict[str, Any]]:
    """What the lines are; every one of them is an object, and shows nothing that steers."""
    found = [json.loads(line) for line in text.splitlines()]
    assert all(line.isprintable() for line in text.splitlines()), text
    for each in found:
        assert each.keys() >= FIELDS, each
        assert MOMENT.fullmatch(each["timestamp"]), each
        assert each["level"] in {"debug", "info", "warn", "error"}, each
    return found


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """What standard error gets from a daemon's log that is JSON."""
    before = logger.handlers[:], logger.propagate, logger.level
    hooks = sys.excepthook
    monkeypatch.setattr("threading.excepthook", None)
    monkeypatch.setattr("sys.stderr", shown := StringIO())
    set_up(logging.DEBUG, "json")
    yield shown
    sys.excepthook = hooks
    logger.handlers[:], logger.propagate, logger.level = before


@pytest.fixture(scope="module")
def logging_json() -> Iterator[DaemonProcess]:
    """A daemon that logs JSON."""
    with temporary_home() as path, DaemonProcess(path, **JSON) as process:
        yield process


# What a line is


def test_levels(log: StringIO) -> None:
    """A line says when, how bad, who, what, and from which process, in AGENTD_LOG's words."""
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        logger.log(level, "at %d", level)
    found = records(log.getvalue())
    assert [each["level"] for each in found] == ["debug", "info", "warn", "error", "error"]
    assert {each["logger"] for each in found} == {"agentd"}
    assert found[1]["message"] == "at 20"


def test_what_others_wrote(log: StringIO) -> None:
    """It is no line of its own, and harmless in whatever prints the message."""
    logger.info("got %s", EVIL)
    (found,) = records(log.getvalue())
    assert found["message"].isprintable()
    assert r"\x1b[2J\r" in found["message"]


def test_a_long_message(log: StringIO) -> None:
    """Nobody fills a disk with it."""
    logger.info("%s", "a" * 100_000)
    assert len(log.getvalue()) < 2_300


def test_an_exception(log: StringIO) -> None:
    """A traceback is a field, its lines and not those of whoever is quoted in it."""
    try:
        raise ValueError(f"quoted \x1b[2J {EVIL}")  # noqa: TRY301
    except ValueError as error:
        log_fault(error)
    (found,) = records(log.getvalue())
    lines = found["exception"].split("\n")
    assert lines[0] == "Traceback (most recent call last):"
    assert all(line.isprintable() for line in lines)


def test_what_nobody_catches(log: StringIO) -> None:
    """What ends a thread, or the process, is logged as everything else."""
    try:
        raise ValueError("surprise")  # noqa: TRY301
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)
    (found,) = records(log.getvalue())
    assert (found["level"], found["exception"].split("\n")[-1]) == ("error", "ValueError: surprise")


# Who logs


def test_a_daemon(logging_json: DaemonProcess) -> None:
    """All that a daemon says is JSON, from its first line on."""
    found = records(logging_json.stderr())
    assert any("ready" in each["message"] for each in found)
    assert {each["pid"] for each in found} == {logging_json.pid}


def test_a_start_that_is_refused(logging_json: DaemonProcess) -> None:
    """Why a daemon does not start is the last line of its log."""
    ended = serve_to_the_end(logging_json.home, **JSON)
    (found,) = records(ended.output)
    assert (ended.code, found["level"], found["kind"]) == (4, "error", "already_running")
    (found,) = records(serve_to_the_end(logging_json.home, AGENTD_LOG="loud", **JSON).output)
    assert "AGENTD_LOG='loud'" in found["message"]


def test_whoever_starts_one_in_the_background(logging_json: DaemonProcess) -> None:
    """A person is told as always: that is no log."""
    ended = agentd(logging_json.home, "serve", "--autostart", **JSON)
    assert (ended.code, "another agentd" in ended.error) == (4, True)


def test_lines_that_are_missing(logging_json: DaemonProcess) -> None:
    """Where a log was not read, the line that says so is JSON like the others."""
    script = (
        "import sys\n"
        "from agentd.daemon import queued_stderr\n"
        "queued_stderr.replace_stderr(as_json=True)\n"
        "for _ in range(3):\n"
        "    sys.stderr.write('{}' + ' ' * queued_stderr.LONGEST_QUEUE + '\\n')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        env=environment(logging_json.home, JSON),
        stderr=subprocess.PIPE,
    )
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    objects = [json.loads(line) for line in err.decode().splitlines()]
    told = [each["message"] for each in objects if each]
    assert told
    assert all("missing here" in each for each in told)


def test_a_worker(logging_json: DaemonProcess) -> None:
    """What its commands write is in its log, with the node that it is of."""
    with logging_json.connect() as connection:
        nodes = [{"payload_schema": {"name": "build"}}]
        made = connection.call("RegisterTask", goal="g", initial_nodes=nodes)
    words = ["--task", made["task_id"], "--", "sh", "-c", r"printf 'a\033[1mb\n' >&2; exit 3"]
    ended = agentd(logging_json.home, "work", *words, **JSON)
    found = records(ended.err)
    assert ended.code == 1
    (line,) = [each for each in found if each["logger"] == "agentd.worker.command"]
    assert (line["message"], line["node"]) == (r"a\x1b[1mb", "build")
    assert (line["task_id"], line["node_id"]) == (made["task_id"], made["node_ids"][0])
    assert any("failed" in each["message"] for each in found)


def test_a_worker_that_is_refused(logging_json: DaemonProcess) -> None:
    """Why it ends is in its log; with --json it is in the envelope."""
    words = ["work", "--task", "nosuch", "--", "true"]
    (found,) = records(agentd(logging_json.home, *words, **JSON).err)
    assert (found["level"], found["kind"]) == ("error", "usage")
    ended = agentd(logging_json.home, "work", "--json", *words[1:], **JSON)
    assert (ended.err, json.loads(ended.out)["ok"]) == ("", False)


def test_tool_calls(logging_json: DaemonProcess) -> None:
    """A server of tool calls logs as the others do."""
    script = (
        "import logging\n"
        "from agentd.mcp.serve import _log_to_stderr\n"
        "_log_to_stderr()\n"
        "logging.getLogger('mcp').warning('a\\x1b[1mb')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        env=environment(logging_json.home, JSON),
        capture_output=True,
        text=True,
        check=True,
    )
    (found,) = records(ended.stderr)
    assert (found["logger"], found["message"]) == ("mcp", r"a\x1b[1mb")


def test_a_format_that_there_is_not(logging_json: DaemonProcess) -> None:
    """It is refused in words: nobody knows what else it should be."""
    ended = serve_to_the_end(logging_json.home, AGENTD_LOG_FORMAT="xml")
    assert ended.code == 2
    assert ended.lines == ["agentd: AGENTD_LOG_FORMAT='xml': expected text or json"]


def test_other_verbs(logging_json: DaemonProcess) -> None:
    """What keeps no log speaks to people as always."""
    ended = agentd(logging_json.home, "task", "show", "nosuch", **JSON)
    assert ended.error.startswith("agentd: ")
