"""Print pip's constraints for the oldest version that every range in pyproject.toml allows.

The rule this file keeps: the ranges are written in pyproject.toml and nowhere else. It runs before
anything is installed, so it knows the standard library only.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"

RANGE = re.compile(r"(?P<name>[\w.-]+)(?:\[[\w,-]+\])?>=(?P<oldest>[\d.]+)(?:,<[\d.]+)?(?:;.*)?")
"""`name>=1.2,<3`, with extras and a marker where there are some."""


def requirements(document: dict[str, Any]) -> Iterator[str]:
    """What is needed to build, to run, and by each extra; the package's own extras left out."""
    project = document["project"]
    extras = project["optional-dependencies"].values()
    for group in (document["build-system"]["requires"], project["dependencies"], *extras):
        yield from (one for one in group if not one.startswith(f"{project['name']}["))


def oldest(requirement: str) -> str:
    """The constraint for one requirement. Raises ValueError where it names no oldest version."""
    asked = RANGE.fullmatch(requirement)
    if asked is None:
        raise ValueError(f"{requirement!r} names no oldest version: write it as name>=1.2,<3")
    return f"{asked['name']}=={asked['oldest']}"


if __name__ == "__main__":
    document = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    sys.stdout.writelines(f"{oldest(one)}\n" for one in requirements(document))
