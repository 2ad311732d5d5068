"""What docs/workers.md tells people to type is typed here, as it stands."""

import subprocess
import sys

import pytest

from agentd import errors
from agentd.cli.worker import work
from agentd.worker import child_process, command, command_run, worker
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
    assert counts == {"PENDING": 2, "COMPLETED": 6}


def test_the_exceptions() -> None:
    """The table names the exceptions that a client tells apart, and no others."""
    named = found(r"^\| `(\w+)`", section("The client", PAGE))
    unreachable = [kind.__name__ for kind in errors.DaemonUnreachable.__subclasses__()]
    assert set(named) == {"RequestRefused", *unreachable}


def test_the_numbers() -> None:
    """Limits and times on the page are those of the program."""
    page = text(PAGE)
    assert f"{work.MOST_LINES:,} lines a node, {work.LONGEST_LINE:,} characters a line" in page
    assert f"SIGKILL after {child_process.GRACE:g} s" in page
    assert f"ends within {command.SIGNAL_REACTION_SECONDS:g} s" in page
    assert f"fails {['no', 'one', 'two', 'three'][command.MOST_FAILURES]} nodes in a row" in page
    assert "but {} and {}".format(*sorted(command.NOT_RUN)) in page
    assert f"the last {command_run.STDERR_BYTES // 1024} KiB" in page
    first, longest = worker.FIRST_WAIT, worker.LONGEST_WAIT
    assert f"after {first * 1000:g} ms" in page
    assert f"up to every {longest:g} s" in page
