"""docs/plans-from-elsewhere.md: the forms that it tells of, and what it tells people to type."""

import shlex
from pathlib import Path

import pytest

from agentd.cli.task.options import EXPORT_FORMS
from agentd.plans.reading import NAMES
from tests.command_line import agentd_here
from tests.daemon_process import REPOSITORY, DaemonProcess
from tests.documents import blocks, found, quoted, rows, section, text
from tests.plans import EXAMPLES

PAGE = REPOSITORY / "docs" / "plans-from-elsewhere.md"
COMMANDS = [line for block in blocks(text(PAGE), "sh") for line in block.splitlines()]


def test_it_tells_of_every_form() -> None:
    """Those to import, each with its example, and those to export."""
    told = rows(text(PAGE).partition("\n## ")[0])
    assert tuple(quoted(form)[0] for form, *_ in told) == NAMES
    names = found(r"\(\.\./examples/plans/([\w.]+)\)", "\n".join(cell for *_, cell in told))
    assert sorted(names) == [path.name for path in EXAMPLES]
    ways = [quoted(form)[0] for form, _ in rows(section("The way out", PAGE))]
    assert tuple(ways) == EXPORT_FORMS


@pytest.mark.parametrize("command", COMMANDS)
def test_what_it_tells_to_type(
    shared: DaemonProcess, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does what it says, typed where the examples are."""
    monkeypatch.chdir(REPOSITORY)
    ended = agentd_here(shared.home, *shlex.split(command)[1:])
    assert (ended.code, bool(ended.out)) == (0, True)
    assert Path(shlex.split(command)[3]).exists()
