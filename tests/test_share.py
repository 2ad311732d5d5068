"""What an installation puts beside the program: man pages, and completions of three shells."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agentd import __version__
from agentd.cli.verbs import VERBS, parser
from release import roff
from release.man_page import pages
from release.share import SHARE, completions, man_pages, release_date
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY
from tests.documents import text

MAN = shutil.which("man") if sys.platform == "linux" else None
CURRENT = "share/ is not what the command line makes now: say `make share`"
OFFERED = re.compile(r"--[a-z][a-z-]*|_subparsers=\([^)]*\)")
"""Options, and in bash's script the verbs below each other: whatever shtab's version is."""


def written() -> dict[str, str]:
    """What is in share/, by its path there."""
    files = (path for path in SHARE.rglob("*") if path.is_file())
    return {str(path.relative_to(SHARE)): text(path) for path in files}


def shown(page: Path) -> str:
    """What `man` shows of a page. Fails where it has a warning."""
    assert MAN
    env = {**os.environ, "MANWIDTH": "80", "MANROFFSEQ": "", "LC_ALL": "C.UTF-8"}
    ended = subprocess.run(
        [MAN, "--warnings", "-l", str(page)],
        env=env,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    assert ended.stderr == ""
    return ended.stdout


def test_it_is_current() -> None:
    """Pages are those of today's command line, letter by letter, and no other files are there."""
    here, made = written(), man_pages()
    assert here.keys() == made.keys() | completions().keys(), CURRENT
    assert {name: here[name] for name in made} == made, CURRENT


def test_completions_are_current() -> None:
    """Each script offers what one made today does; how is up to the version of shtab."""
    here = written()
    for name, script in completions().items():
        assert set(OFFERED.findall(here[name])) == set(OFFERED.findall(script)), CURRENT


def test_every_verb_has_its_page() -> None:
    """Each verb that the help lists has a page of its own, which the first one names."""
    listed = [verb.name for verb in VERBS if not getattr(verb, "hidden", False)]
    assert [f"agentd-{name}.1" for name in listed] == [*pages(parser(), "1", "2026-01-31")][1:]
    front = man_pages()["man/man1/agentd.1"]
    assert [name for name in listed if f"{roff.bold(f'agentd-{name}')}(1)" not in front] == []


@pytest.mark.skipif(MAN is None, reason="no man of Linux")
@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("agentd", ["agentd-serve(1)", "0      ok", "$AGENTD_HOME/.env"]),
        ("agentd-task", ["agentd task list [--json]", "AGENTD TASK WAIT", "--since TIME"]),
        ("agentd-work", ["(--task ID | --all) [OPTION ...] -- COMMAND", "AGENTD_LATER {"]),
        ("agentd-replay", ["[--check | --until"]),
    ],
)
def test_pages_are_shown(name: str, lines: list[str]) -> None:
    """They read as a person expects, in 80 columns, and man has nothing to say against them."""
    page = shown(SHARE / "man" / "man1" / f"{name}.1")
    assert [line for line in lines if line not in page] == []
    assert [line for line in page.splitlines() if len(line) > 80] == []


@pytest.mark.skipif(MAN is None, reason="no man of Linux")
def test_text_is_no_instruction(tmp_path: Path) -> None:
    """Whatever a help text holds, man shows it and does nothing else."""
    odd = r".SH 'no' \fBbold\fR -- a`b^c~d \" not a comment"
    page = tmp_path / "odd.1"
    head = '.TH "ODD" "1" "2026-01-31" "agentd" "agentd"'
    lines = [head, *roff.section("NAME"), "odd", *roff.verbatim(odd), roff.escape("'br"), ""]
    page.write_text("\n".join(lines))
    assert odd in shown(page)
    assert "'br" in shown(page)


def test_the_changes_tell_of_this_version() -> None:
    """CHANGELOG.md has this version with its date, which the pages bear; no date is no release."""
    changes = text(REPOSITORY / "CHANGELOG.md")
    assert release_date(changes, __version__) in man_pages()["man/man1/agentd.1"]
    assert release_date("## [1.0.0] - 2026-01-31\n", "1.0.0") == "2026-01-31"
    with pytest.raises(ValueError, match=re.escape("no line `## [0.9.0] - YYYY-MM-DD`")):
        release_date(changes, "0.9.0")
