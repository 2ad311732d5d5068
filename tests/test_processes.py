"""Who started a process: the program that stands behind launchers."""

import os

import pytest

from agentd.processes import Process, is_launcher, is_sibling, look_up

AGENT, SHELL, SERVER, UVX, OTHERS = 50, 60, 70, 80, 90


@pytest.mark.parametrize(
    "command",
    [
        "sh -c agentd mcp; true ",
        "/bin/bash -lc agentd mcp ",
        "/bin/zsh -l -c agentd mcp ",
        "uvx --from ./agentd.whl agentd mcp ",
        "/home/me/.local/bin/uv tool run agentd mcp ",
        "/usr/bin/python3 /usr/bin/pipx run --spec . agentd mcp ",
        "env A=b agentd mcp ",
    ],
)
def test_launchers(command: str) -> None:
    """A shell with -c, and what starts programs of others, stand between."""
    assert is_launcher(command)


@pytest.mark.parametrize(
    "command",
    [
        "node /usr/bin/claude ",
        "bash ./agent.sh -c x ",
        "-zsh ",
        "/usr/bin/codex ",
        "python3 -c import agent ",
        "uvicorn app ",
        "",
    ],
)
def test_clients(command: str) -> None:
    """An agent is no launcher, also where it is a script or a person's shell."""
    assert not is_launcher(command)


def test_processes_of_this_machine() -> None:
    """One has a parent and a command; one that there is not has neither."""
    found = look_up(os.getpid())
    assert found is not None
    assert found.parent == os.getppid()
    assert "pytest" in found.command or "python" in found.command
    assert look_up(2**22 + 1) is None


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (Process(AGENT, "agentd mcp "), True),
        (Process(UVX, "agentd mcp "), True),
        (Process(OTHERS, "agentd mcp "), False),
        (Process(1, "agentd mcp "), False),
        (None, False),
    ],
)
def test_siblings(server: Process | None, expected: object) -> None:
    """Those that one program started, also through launchers; what nobody shows is none."""
    machine = {
        AGENT: Process(40, "node /usr/bin/claude "),
        SHELL: Process(AGENT, "/bin/sh -c agentd hook edit "),
        UVX: Process(AGENT, "uvx --from ./agentd.whl agentd mcp "),
        OTHERS: Process(40, "node /usr/bin/claude "),
        **({} if server is None else {SERVER: server}),
    }
    assert is_sibling(SERVER, machine.get, lambda: SHELL) is expected


def test_two_agents_of_one_shell_are_no_siblings() -> None:
    """A person's shell is no launcher: what was started there belongs to nobody else."""
    machine = {
        40: Process(30, "-bash "),
        AGENT: Process(40, "node /usr/bin/claude "),
        OTHERS: Process(40, "node /usr/bin/claude "),
        SERVER: Process(OTHERS, "agentd mcp "),
    }
    assert not is_sibling(SERVER, machine.get, lambda: AGENT)
