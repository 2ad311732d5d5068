"""`agentd completion`: a script for each shell, tried in bash."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import shtab

from tests.command_line import agentd_here
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY

BASH = shutil.which("bash")
SHELLS = ("bash", "zsh", "tcsh", "fish", "powershell")


def completed(script: str, line: str) -> set[str]:
    """What bash offers where somebody pressed TAB at the end of a line."""
    words = line.split(" ")
    ask = f"""
{script}
COMP_WORDS=({" ".join(map(repr, words))})
COMP_CWORD={len(words) - 1}
$(complete -p agentd | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    assert BASH
    ended = subprocess.run(
        [BASH, "--norc", "-c", ask],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_SECONDS,
    )
    return set(ended.stdout.split())


@pytest.mark.skipif(BASH is None, reason="no bash")
def test_in_bash(home: Path) -> None:
    """Bash completes verbs, the verbs below them, options, and what those may be."""
    script = agentd_here(home, "completion", "bash").out
    assert {"task", "node", "status"} <= completed(script, "agentd ")
    assert completed(script, "agentd sta") == {"status"}
    assert completed(script, "agentd task re") == {"register", "resume"}
    assert completed(script, "agentd task list --li") == {"--limit"}
    assert completed(script, "agentd task graph x --format m") == {"mermaid"}


@pytest.mark.parametrize("shell", SHELLS)
def test_for_each_shell(home: Path, shell: str) -> None:
    """Every script knows the verbs; none needs a daemon."""
    ended = agentd_here(home, "completion", shell)
    assert ended.code == 0
    assert "register" in ended.out


def test_its_shells_are_told(home: Path) -> None:
    """Help and page name every shell that there is a script for, and no other."""
    help_ = agentd_here(home, "completion", "--help").out
    page = (REPOSITORY / "docs" / "command-line.md").read_text(encoding="utf-8")
    paragraph = page.partition("**Completion.**")[2].partition("```")[0]
    assert set(shtab.SUPPORTED_SHELLS) == set(SHELLS)
    for told in (help_, paragraph):
        assert {shell for shell in SHELLS if re.search(rf"\b{shell}\b", told)} == set(SHELLS)


def test_for_a_shell_that_nobody_knows(home: Path) -> None:
    """Another shell is refused with those that there are."""
    ended = agentd_here(home, "completion", "sh")
    assert ended.code == 2
    assert f"there is no completion for 'sh': there is for {', '.join(SHELLS)}" in ended.error
