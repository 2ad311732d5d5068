"""Reads the documents as a stranger does: sections, tables, and the lines to type."""

import re
from functools import cache
from pathlib import Path

from tests.daemon_process import REPOSITORY

README = REPOSITORY / "README.md"

Rows = list[list[str]]


@cache
def text(path: Path) -> str:
    """The document."""
    return path.read_text(encoding="utf-8")


def found(pattern: str, where: str) -> list[str]:
    """What the one group of the pattern stands for, line by line."""
    return re.findall(pattern, where, re.MULTILINE)


def section(title: str, path: Path = README) -> str:
    """What stands under a heading, down to the next one of its level."""
    pattern = rf"^## {re.escape(title)}$\n(.*?)(?=^## |\Z)"
    there = re.search(pattern, text(path), re.MULTILINE | re.DOTALL)
    assert there, f"{path.name} has no section {title!r}"
    return there[1]


def rows(markdown: str) -> Rows:
    """The cells of every table row, heads left out."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r" \|(?= )", line.strip("|"))] for line in lines]
    rules = {index for index, line in enumerate(lines) if set(line) <= set("|-: ")}
    return [row for index, row in enumerate(cells) if not {index, index + 1} & rules]


def quoted(cell: str) -> tuple[str, ...]:
    """What a cell has in backticks."""
    return tuple(re.findall(r"`([^`]+)`", cell))


def blocks(markdown: str, language: str) -> list[str]:
    """The code blocks of that language."""
    return re.findall(rf"^```{language}$\n(.*?)^```$", markdown, re.MULTILINE | re.DOTALL)


def settings(table: Rows) -> dict[str, str]:
    """The variables of a table of settings, with their defaults; "" where there is none."""
    return {quoted(name)[0]: "".join(quoted(default)[:1]) for name, default, *_ in table}
