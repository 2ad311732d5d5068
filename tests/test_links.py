"""Links of the documents lead somewhere: to a file of the repository, to a heading in it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon_process import REPOSITORY
from tests.documents import text

PAGES = sorted(
    path
    for folder in (".", "docs", "benchmarks", "skills/agentd")
    for path in (REPOSITORY / folder).glob("*.md")
)
TOLD_OF = sorted(
    path
    for folder, ending in (("agentd", "*.py"), ("share", "*"), (".", ".env.example"))
    for path in (REPOSITORY / folder).rglob(ending)
    if path.is_file() and ".venv" not in str(path)
)
"""Where people are told of a page by its path: messages, help, man pages, settings."""

_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?:\]\(|src=\")(?!\w+:)(?P<file>[^)\"#\s]*)(?:#(?P<heading>[^)\s]*))?[)\"]")


def anchors(page: str) -> set[str]:
    """What the headings are called in links, as the hosts of repositories have it."""
    fenced = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", fenced, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links(page: str) -> Iterator[tuple[str, str]]:
    """The file and the heading of each link and picture; what stands in code is none."""
    for link in _LINK.finditer(_CODE.sub("", page)):
        yield link["file"], link["heading"] or ""


def astray(page: str, place: Path) -> Iterator[str]:
    """The links of a page in this folder that lead nowhere; without a file they lead to itself."""
    for file, heading in links(page):
        if file and not (place / file).is_file():
            yield f"{file}: no such file"
        elif heading and heading not in anchors(text(place / file) if file else page):
            yield f"{file}#{heading}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_a_link_leads_somewhere(page: Path) -> None:
    """What it names is there: files, pictures, headings."""
    assert list(astray(text(page), page.parent)) == []


def test_a_page_that_is_told_of_is_there() -> None:
    """Messages, help texts, man pages and settings name no page that was moved or renamed."""
    told = {
        (name, path.name)
        for path in TOLD_OF
        for name in re.findall(r"\bdocs/[\w-]+\.md", text(path))
    }
    assert told
    assert [each for each in sorted(told) if not (REPOSITORY / each[0]).is_file()] == []


def test_every_page_is_found() -> None:
    """The README leads to every page of docs/, and shows every picture."""
    shown = {file for file, _ in links(text(REPOSITORY / "README.md"))}
    there = [path for path in (REPOSITORY / "docs").rglob("*") if path.is_file()]
    assert {str(path.relative_to(REPOSITORY)) for path in there} - shown == set()


def test_what_leads_nowhere_is_seen(tmp_path: Path) -> None:
    """A file, a heading here, a heading there; what stands in code is no link."""
    (tmp_path / "there.md").write_text("# How do I …?\n\n```\n# No heading\n```\n")
    page = (
        "# A `b`\n[1](gone.md) [2](#no) [3](there.md#no-heading) [4](#a-b) [5](there.md#how-do-i-)"
    )
    code = "`[6](gone.md)`\n```\n[7](gone.md)\n```\n[8](https://example.org/#x)\n"
    code += '<img src="gone.png" width="8"> <img src="there.md">'
    assert list(astray(f"{page}\n{code}", tmp_path)) == [
        "gone.md: no such file",
        "#no: no such heading",
        "there.md#no-heading: no such heading",
        "gone.png: no such file",
    ]
