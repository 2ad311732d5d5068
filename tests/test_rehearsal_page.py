"""docs/rehearsal.md: what it tells people to type, and the settings and figures that it lists."""

import shlex

import msgspec
import pytest

from agentd.rehearsal import NAMED, SETTINGS, Figures, parse_policy
from tests.command_line import agentd_here
from tests.daemon_process import REPOSITORY, DaemonProcess
from tests.documents import blocks, quoted, rows, section, text

PAGE = REPOSITORY / "docs" / "rehearsal.md"
(LINES,) = blocks(text(PAGE), "sh")
PLAN = b"""{
    "goal": "g",
    "node_defaults": {"limits": ["claude"]},
    "nodes": [{"name": "a"}, {"name": "b"}]
}"""


@pytest.mark.parametrize("line", LINES.splitlines())
def test_the_lines_for_the_shell(daemon: DaemonProcess, line: str) -> None:
    """Each succeeds beside the daemon, with a task of which one node was done."""
    task_id = agentd_here(daemon.home, "task", "register", "-", stdin=PLAN).out.strip()
    assert agentd_here(daemon.home, "node", "done", task_id, "a").code == 0
    _agentd, *words = shlex.split(line.replace("TASK", task_id))
    ended = agentd_here(daemon.home, *words)
    assert (ended.code, ended.err) == (0, "")
    assert "makespan_secs" in ended.out


def test_the_settings() -> None:
    """All that there are, in their order, each with an example that is understood."""
    told = section("What may be set", PAGE)
    names = [name.partition(".")[0] for name, *_ in rows(told) for name in quoted(name)]
    assert names == [*SETTINGS, *NAMED]
    for line in told.splitlines():
        if line.startswith("| `"):
            parse_policy(quoted(line.split("|")[2]))


def test_the_figures() -> None:
    """All that there are."""
    listed = rows(section("The figures", PAGE))
    names = [name for cell, *_ in listed for name in quoted(cell)]
    assert sorted(names) == sorted(field.name for field in msgspec.structs.fields(Figures))
