"""docs/reliability.md points at experiments that are there."""

import re

from tests.daemon_process import REPOSITORY
from tests.documents import rows, section, text

PAGE = REPOSITORY / "docs" / "reliability.md"
FAULTS = REPOSITORY / "tests" / "faults"
MACHINES = REPOSITORY / "tests" / "machines"


def commands() -> list[str]:
    """The last column of every table of promises."""
    tables = ("What is promised, and what was seen", "Hostile and heavy clients")
    return [row[-1] for name in tables for row in rows(section(name, PAGE))]


def test_every_promise_has_a_command() -> None:
    """Each row ends with the command that repeats it, and it names tests that are there."""
    assert len(commands()) >= 15
    for command in commands():
        wanted = re.fullmatch(r'`make soak ARGS="-k (test_\w+)"`', command)
        assert wanted, command
        paths = [*FAULTS.glob("test_*.py"), *MACHINES.glob("test_*.py")]
        files = [path for path in paths if path.stem == wanted[1]]
        tests = [path for path in paths if f"def {wanted[1]}(" in text(path)]
        assert files or tests, command


def test_every_experiment_is_told_of() -> None:
    """No file of the laboratory is missing in the page."""
    told = " ".join(commands())
    untold = [p.stem for p in FAULTS.glob("test_*.py") if not _is_told(p.stem, told)]
    assert untold == []


def _is_told(stem: str, told: str) -> bool:
    named = re.findall(r"test_\w+", told)
    source = text(FAULTS / f"{stem}.py")
    return any(name == stem or f"def {name}(" in source for name in named)
