"""`agentd completion`: a script for each shell, tried in bash, in zsh and fish where they are."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import shtab

from agentd.cli.texts import complete
from tests.command_line import agentd_here
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, DaemonProcess, environment

BASH, ZSH, FISH = (shutil.which(shell) for shell in ("bash", "zsh", "fish"))
_PATIENT = f"""
import sys
from agentd import cli
from agentd.cli.texts import complete
complete._PATIENCE_SECONDS = {PATIENCE_SECONDS}
sys.exit(cli.main(sys.argv[1:]))
"""
"""A shell gives up on a daemon that does not answer within a second, a test does not."""

SHELLS = ("bash", "zsh", "tcsh", "fish", "powershell")


def completed(script: str, line: str, env: dict[str, str] | None = None) -> set[str]:
    """What bash offers where somebody pressed TAB at the end of a line."""
    words = line.split(" ")
    ask = f"""
{script}
COMP_LINE={line!r}
COMP_WORDS=({" ".join(map(repr, words))})
COMP_CWORD={len(words) - 1}
$(complete -p agentd | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    assert BASH
    ended = subprocess.run(
        [BASH, "--norc", "-c", ask],
        env=env,
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
    assert completed(script, "agentd task re") == {"register", "resume", "retry"}
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


# What there is


class Plan(NamedTuple):
    """A task with names that a shell would read as more than a word, and what asks for it."""

    task: str
    nodes: list[str]
    env: dict[str, str]
    touched: Path


@pytest.fixture
def plan(daemon: DaemonProcess, tmp_path: Path) -> Plan:
    """With two names and limits that are harmless, and others that are not."""
    touched = tmp_path / "touched"
    names = ["build", "test_2", f"$(touch {touched})", f"`touch {touched}`", f"a;touch {touched}"]
    nodes = [{"name": name, "limits": [name]} for name in [*names, "-x", "a b", "~", "x:y"]]
    with daemon.connect() as connection:
        made = connection.call("RegisterTask", goal="Sh\x1bip\tit\nnow", initial_nodes=nodes)
        for node in nodes:
            connection.call("SetLimit", name=node["name"], max_running=1)
        connection.call("AcquireNextNode", labels=["gpu", "$(x)"], task_id=made["task_id"])
    agentd = tmp_path / "bin" / "agentd"
    agentd.parent.mkdir()
    agentd.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{_PATIENT}" "$@"\n')
    agentd.chmod(agentd.stat().st_mode | stat.S_IXUSR)
    env = environment(daemon.home, {"PYTHONPATH": str(REPOSITORY)})
    env["PATH"] = f"{agentd.parent}{os.pathsep}{env['PATH']}"
    return Plan(made["task_id"], made["node_ids"], env, touched)


def test_candidates(daemon: DaemonProcess, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line each, a word and what is said of it; a name that is no safe word is not among them."""
    monkeypatch.setattr(complete, "_PATIENCE_SECONDS", PATIENCE_SECONDS)

    def candidates(*arguments: str) -> list[list[str]]:
        ended = agentd_here(daemon.home, "complete", *arguments)
        assert (ended.code, ended.err) == (0, "")
        return [line.split("\t") for line in ended.out.splitlines()]

    assert candidates("tasks") == [[plan.task, r"Sh\x1bip\tit\nnow"]]
    nodes = candidates("nodes", f"agentd node show {plan.task} ")
    assert [each[0] for each in nodes] == ["build", "test_2", *plan.nodes[2:]]
    assert nodes[0] == ["build", "RUNNING"]
    assert candidates("nodes", "agentd node show @ --json") == nodes
    assert candidates("nodes", "agentd node show ffff") == []
    assert candidates("nodes", "agentd node show") == []
    assert candidates("limits") == [
        ["build", "1 running, 0 waiting"],
        ["test_2", "0 running, 1 waiting"],
    ]
    assert candidates("labels") == [["gpu"]]


def test_without_a_daemon(home: Path) -> None:
    """There are none, and not a word of it."""
    for what in ("tasks", "nodes", "limits", "labels"):
        assert agentd_here(home, "complete", what, "agentd node show @") == (0, "", "")


def test_it_is_listed_nowhere(home: Path) -> None:
    """What only scripts ask for is no verb to a person."""
    assert " complete " not in agentd_here(home, "--help").out
    script = agentd_here(home, "completion", "bash").out
    assert completed(script, "agentd compl") == {"completion"}


@pytest.mark.skipif(BASH is None, reason="no bash")
def test_what_there_is_in_bash(home: Path, plan: Plan) -> None:
    """Tasks, nodes, limits and labels are asked of the daemon, and none of them is run."""
    script = agentd_here(home, "completion", "bash").out

    def offered(line: str) -> set[str]:
        return completed(script, line, plan.env)

    assert offered("agentd task show ") == {plan.task}
    assert offered(f"agentd task show {plan.task[:5]}") == {plan.task}
    assert offered("agentd task show x") == set()
    assert offered("agentd work --task ") == {plan.task}
    assert offered(f"agentd node show {plan.task} ") == {"build", "test_2", *plan.nodes[2:]}
    assert offered(f"agentd node show {plan.task} te") == {"test_2"}
    assert offered("agentd limit close b") == {"build"}
    assert offered("agentd work --label ") == {"gpu"}
    assert not plan.touched.exists()


@pytest.mark.skipif(FISH is None, reason="no fish")
def test_what_there_is_in_fish(home: Path, plan: Plan, tmp_path: Path) -> None:
    """The same, with what is said of each."""
    script = tmp_path / "agentd.fish"
    script.write_text(agentd_here(home, "completion", "fish").out)
    assert FISH
    ended = subprocess.run(
        [FISH, "--no-config", "-c", f'source {script}; complete -C "agentd node show @ "'],
        env=plan.env,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_SECONDS,
    )
    assert {"build\tRUNNING", "test_2\tPENDING"} <= set(ended.stdout.splitlines())
    assert not plan.touched.exists()


@pytest.mark.skipif(ZSH is None, reason="no zsh")
def test_the_script_for_zsh(home: Path, tmp_path: Path) -> None:
    """It is one that zsh can read."""
    script = tmp_path / "_agentd"
    script.write_text(agentd_here(home, "completion", "zsh").out)
    assert ZSH
    assert "_agentd_nodes" in script.read_text()
    subprocess.run([ZSH, "-n", str(script)], check=True, timeout=PATIENCE_SECONDS)
