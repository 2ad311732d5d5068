"""What docs/workers.md tells people to type is typed here, as it stands."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from agentd import config, errors
from agentd.cli.worker import work
from agentd.results import kept_stream, large_result
from agentd.worker import (
    child_process,
    command_ending,
    command_input,
    command_run,
    failure_row,
    guardian,
    killed,
    later,
    node_runner,
    outcomes,
    worker,
)
from tests.command_line import AGENTD, agentd
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, DaemonProcess, environment
from tests.documents import blocks, found, section, text

PAGE = REPOSITORY / "docs" / "workers.md"
PYTHON = blocks(text(PAGE), "python")


@pytest.mark.parametrize("code", PYTHON, ids=range(len(PYTHON)))
def test_the_lines_for_python(shared: DaemonProcess, code: str) -> None:
    """Each block runs by itself, without a word on standard error, and completes what it began."""
    env = environment(shared.home, {})
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=REPOSITORY,
        env=env,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (ended.returncode, ended.stderr.decode()) == (0, "")


def test_the_blocks_complete_their_nodes(shared: DaemonProcess) -> None:
    """What the blocks above acquired, they have completed; the first one only registers."""
    with shared.connect() as connection:
        counts = connection.call("Metrics")["database"]["node_status_counts"]
    assert counts == {"PENDING": 2, "COMPLETED": 7}


def test_a_command_tells_what_it_used(daemon: DaemonProcess, tmp_path: Path) -> None:
    """As the page says it, typed by a command of a worker: the budget is used up by that."""
    told = blocks(text(PAGE).partition("### What it costs")[2], "sh")[0]
    (tmp_path / "agentd").write_text(f'#!/bin/sh\nexec {shlex.join(AGENTD)} "$@"\n')
    (tmp_path / "agentd").chmod(0o755)
    plan = b"goal: g\nbudget: {cost_usd: 0.1}\nnodes: [{name: a}]"
    assert agentd(daemon.home, "task", "register", "-", stdin=plan).code == 0
    path = f"{tmp_path}:/usr/local/bin:/usr/bin:/bin"
    ended = agentd(daemon.home, "work", "--task", "@", "--", "sh", "-c", told, PATH=path)
    assert (ended.code, ended.out) == (0, "1 completed, 0 failed, 0 given back, 0 lost\n")
    assert agentd(daemon.home, "task", "cost", "@").out.startswith("cost_usd\t0.12\t0.1\n")


def test_the_exceptions() -> None:
    """The table names the exceptions that a client tells apart, and no others."""
    named = found(r"^\| `(\w+)`", section("The client", PAGE))
    unreachable = [kind.__name__ for kind in errors.DaemonUnreachable.__subclasses__()]
    assert set(named) == {"RequestRefused", *unreachable}


def test_the_numbers() -> None:
    """Limits and times on the page are those of the program."""
    page = text(PAGE)
    assert f"{work.MOST_LINES:,} lines a node, {work.LONGEST_LINE:,} characters a line" in page
    assert f"`--grace {child_process.GRACE:g}s`" in page
    assert f"goes with it, within {guardian.LONGEST_AFTERMATH:g} s" in page
    assert (
        f"fails {['no', 'one', 'two', 'three'][failure_row.MOST_FAILURES]} nodes in a row" in page
    )
    assert "with {} or {}, or cannot be started".format(*sorted(command_ending.NOT_RUN)) in page
    assert f"with {later.LATER_EXIT}: " in page
    assert f"for {later.LATER_SECS:g} s (`--later-exit`" in page
    assert f"more than {command_input.LARGEST_PAYLOAD // 1024} KiB among them" in page
    numbers = ["first", "second", "third"]
    assert f"the {numbers[killed.MOST_KILLED - 1]} such attempt in a row" in page
    assert f"the last {command_run.STDERR_BYTES // 1024} KiB" in page
    assert f"goes on for more than {node_runner.STOP_SECONDS:g} s" in page
    assert f"cannot be told within {outcomes.LAST_SECONDS:g} s" in page
    assert f"the first {kept_stream.HEAD_BYTES // 1024} KiB are kept" in page
    assert f"the newest {kept_stream.PART_BYTES // 1024} KiB" in page
    assert f"its first {large_result.HEAD_BYTES // 1024} KiB" in page
    assert f"({config.DEFAULT_LOG_BYTES // 2**30} GiB), 0 keeps none" in page
    first, longest = worker.FIRST_WAIT, worker.LONGEST_WAIT
    assert f"after {first * 1000:g} ms" in page
    assert f"up to every {longest:g} s" in page
