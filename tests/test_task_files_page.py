"""docs/task-files.md says what a task file may say."""

from pathlib import Path

import pytest

from agentd.documents.document import read_document
from agentd.documents.kinds import DEFAULTS, NODE, TASK
from tests.command_line import agentd_here
from tests.daemon_process import REPOSITORY
from tests.documents import blocks, quoted, rows, section, text

PAGE = REPOSITORY / "docs" / "task-files.md"
LONGEST = 110
FAULTY = """\
goal: Ship it
nodes:
  - {name: plan, time_out: 5m}
  - {name: build, needs: [pln]}
  - {name: build}
"""


def test_its_fields() -> None:
    """Every field that a task file knows is in the table, and no other."""
    told = {field for row in rows(section("Fields", PAGE)) for field in quoted(row[0])}
    assert told == {*TASK.fields, *DEFAULTS.fields, *NODE.fields} - {
        "initial_nodes",  # beside what it is another name of
        "payload_schema",
    }


@pytest.mark.parametrize("number", [0, 1])
def test_its_examples(number: int) -> None:
    """They are task files without a fault."""
    assert read_document(blocks(text(PAGE), "yaml")[number].encode(), "f").warnings == []


def test_its_faults(home: Path, tmp_path: Path) -> None:
    """A file with the faults of the page is refused as the page says."""
    (told,) = blocks(section("Faults", PAGE), "text")
    path = tmp_path / "release.yaml"
    path.write_text(FAULTY)
    refused = agentd_here(home, "task", "register", str(path))
    assert refused.err.replace(str(path), path.name) == told


def test_it_is_short() -> None:
    """A stranger gets through it."""
    assert len(text(PAGE).splitlines()) <= LONGEST
