"""What docs/limits.md tells people to type is typed here, in its order."""

import re
import shlex
import subprocess
import sys
from typing import get_args

import pytest

from agentd.api import UPDATABLE, CauseKind
from agentd.documents.document import read_document
from tests.command_line import agentd_here
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, DaemonProcess, environment
from tests.documents import blocks, quoted, rows, section, text

PAGE = REPOSITORY / "docs" / "limits.md"
(DOCUMENT,) = blocks(text(PAGE), "yaml")


def test_the_example() -> None:
    """The task file is understood as the page says."""
    document = read_document(DOCUMENT.encode(), "f")
    assert document.node_defaults is not None
    assert document.node_defaults.limits == ["llm-api"]
    resize, describe = document.nodes
    assert (resize.limits, describe.limits, describe.requires) == ([], None, ["gpu"])


@pytest.mark.parametrize("block", blocks(text(PAGE), "sh"))
def test_the_lines_for_the_shell(daemon: DaemonProcess, block: str) -> None:
    """Each succeeds, with the task of the page registered before, and a node held to give back."""
    made = agentd_here(daemon.home, "task", "register", "-", stdin=DOCUMENT.encode())
    ids = {"TASK": made.out.strip()}
    if "LEASE" in block:
        held = agentd_here(daemon.home, "node", "acquire", ids["TASK"]).out.split()
        ids |= {"NODE": held[1], "LEASE": held[2]}
    for line in block.splitlines():
        _agentd, *words = [ids.get(word, word) for word in shlex.split(line)]
        ended = agentd_here(daemon.home, *words)
        assert ended.code == 0, ended


def test_the_lines_for_python(daemon: DaemonProcess) -> None:
    """The limit is closed by whoever met the quota, and that is what holds the nodes."""
    (code,) = blocks(text(PAGE), "python")
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=REPOSITORY,
        env=environment(daemon.home, {}),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (ended.returncode, ended.stderr.decode()) == (0, "")
    assert re.fullmatch(
        r"limit_closed 2 the limit 'llm-api' is closed until \S+: 429\n", ended.stdout.decode()
    )


def test_the_causes() -> None:
    """The table has every kind of cause, in their order."""
    table = rows(section("Why does nothing happen?", PAGE))
    assert [kind for row in table for kind in quoted(row[0])] == [*get_args(CauseKind)]


def test_what_may_be_changed() -> None:
    """The page names the settings that UpdateNode takes."""
    told = section("Changing one's mind", PAGE).rpartition("UpdateNode changes")[2]
    assert tuple(quoted(told)[: len(UPDATABLE)]) == UPDATABLE
