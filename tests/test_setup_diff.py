"""The diff of a settings file, as it is shown."""

import difflib
from pathlib import Path

import pytest

from agentd.cli.setup.show import diff_lines
from agentd.setup.files import Change

PATH = Path("/settings.toml")
LINES = [f"line {number}" for number in range(40)]


def diff(before: str | None, after: str | None) -> list[str]:
    """What is shown."""
    old, new = (None if text is None else text.encode() for text in (before, after))
    return list(diff_lines(Change(PATH, old, new)))


@pytest.mark.parametrize("at", [0, 1, 2, 20, 38, 39])
@pytest.mark.parametrize("put_in", [["new"], ["new", "line 7"], []])
def test_it_is_a_unified_diff(at: int, put_in: list[str]) -> None:
    """With the numbers of the whole file's lines, wherever something changed."""
    after = [*LINES[:at], *put_in, *LINES[at + 1 :]]
    whole = difflib.unified_diff(LINES, after, str(PATH), str(PATH), n=1, lineterm="")
    assert diff("\n".join(LINES), "\n".join(after)) == list(whole)


def test_a_new_file_and_one_that_goes() -> None:
    """The other side is /dev/null."""
    assert diff(None, "a\n") == ["--- /dev/null", "+++ /settings.toml", "@@ -0,0 +1 @@", "+a"]
    assert diff("a\n", None) == ["--- /settings.toml", "+++ /dev/null", "@@ -1 +0,0 @@", "-a"]
    assert diff("a\n", "a\n") == []
