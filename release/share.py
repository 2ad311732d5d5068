"""Writes what an installation puts beside the program, `make share`: man pages and completions.

The rule this file keeps: `share/` is laid out as it is installed, is written from the command line
alone, and depends on nothing else: neither the clock nor the machine.
"""

import re
import shutil
from pathlib import Path

from agentd import __version__
from agentd.cli.texts.completion import completion_script
from agentd.cli.verbs import parser
from release.man_page import pages

TREE = Path(__file__).resolve().parents[1]
SHARE = TREE / "share"
COMPLETIONS = {
    "bash": "bash-completion/completions/agentd",
    "zsh": "zsh/site-functions/_agentd",
    "fish": "fish/vendor_completions.d/agentd.fish",
}
"""Where each shell looks for them, below share/."""

_RELEASE = re.compile(r"^## \[(?P<version>[^]]+)\] - (?P<date>\d{4}-\d\d-\d\d)$", re.MULTILINE)


def release_date(changes: str, version: str) -> str:
    """When a version was released, YYYY-MM-DD, by the text of CHANGELOG.md. Raises ValueError."""
    dates = {found["version"]: found["date"] for found in _RELEASE.finditer(changes)}
    if version not in dates:
        raise ValueError(f"CHANGELOG.md has no line `## [{version}] - YYYY-MM-DD`: write it first")
    return dates[version]


def man_pages() -> dict[str, str]:
    """Each page by its path below share/."""
    changes = (TREE / "CHANGELOG.md").read_text(encoding="utf-8")
    made = pages(parser(), __version__, release_date(changes, __version__))
    return {f"man/man1/{name}": page for name, page in made.items()}


def completions() -> dict[str, str]:
    """Each shell's script by its path below share/."""
    return {path: f"{completion_script(shell)}\n" for shell, path in COMPLETIONS.items()}


def write_share() -> None:
    """Write all of it anew: what is no longer made is not left behind."""
    shutil.rmtree(SHARE, ignore_errors=True)
    for name, text in {**man_pages(), **completions()}.items():
        path = SHARE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_share()
