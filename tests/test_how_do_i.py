"""Every command of docs/how-do-i.md is typed here, where its question may be asked."""

from __future__ import annotations

import shlex
import shutil
import signal
import subprocess
import sys
from string import Template
from typing import TYPE_CHECKING

import pytest

from agentd.store.sqlite import SqliteStore
from tests import earlier
from tests.command_line import AGENTD, agentd_here
from tests.core import NOW
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, DaemonProcess, environment
from tests.documents import quoted, rows, text
from tests.postgres_server import name_in, shared_server
from tests.service_tools import SYSTEMCTL, Tools
from tests.test_cli_events import wait_until_asked
from tests.top_terminal import top

if TYPE_CHECKING:
    from pathlib import Path

PAGE = REPOSITORY / "docs" / "how-do-i.md"
COMMANDS = [
    command
    for _question, told in rows(text(PAGE))
    for command in quoted(told)
    if command.startswith("agentd ")
    and command not in ("agentd top", "agentd ui")  # they go on: their own tests end them
]
PLAN = """\
goal: Release
node_defaults: {limits: [claude]}
nodes:
  - {name: build}
  - {name: review}
  - {name: publish, dependencies: [build]}
"""
ASKED = ("gate show", "gate approve", "gate reject")
REJECTED = ("node retry @ ship",)
GATED = '{"goal": "Release", "nodes": [{"name": "ship", "gate": "Ship it?"}]}'
"""Of a gate that is open, and of one that somebody said no to."""

SERVICE = ("service ",)
"""Of a service whose daemon is the one that there is."""

ON_SERVER = ("database ",)
"""Of a database on a server."""

BUILD_FAILED = ("task retry", "node retry", "node show")
WORKED_ON = ("node log", "task watch", "task wait", "task cost")
"""Of what an agent has done, and what goes on until the task has ended."""
HELD = ("node commit", "node release", "checkpoint", "add ")
"""Of a node that somebody holds: its first one, `build`, and who is called OWNER."""


@pytest.fixture
def folder(shared: DaemonProcess, tmp_path: Path) -> Path:
    """Where a person types: a plan that is registered, an agent, a machine's own program."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "plan.md").write_text("# Release\n\n- [ ] publish\n  - [x] build\n")
    (tmp_path / "more.yaml").write_text("- {name: check, before: publish}\n")
    for name in ("claude", "train.sh", "agentd"):
        (tmp_path / name).write_text("#!/bin/sh\nexec cat\n")
        (tmp_path / name).chmod(0o755)
    assert agentd_here(shared.home, "task", "register", str(tmp_path / "plan.yaml")).code == 0
    assert agentd_here(shared.home, "limit", "set", "claude", "--none").code == 0
    assert agentd_here(shared.home, "limit", "open", "claude").code == 0
    return tmp_path


def typed(
    shared: DaemonProcess, folder: Path, *words: str, given: dict[str, str]
) -> subprocess.Popen[bytes]:
    """The command, as it runs in that folder."""
    path = f"{folder}:/usr/local/bin:/usr/bin:/bin"
    return subprocess.Popen(
        [*AGENTD, *words],
        cwd=folder,
        env=environment(shared.home, {"PATH": path, "PYTHONPATH": str(REPOSITORY), **given}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def is_about(command: str, verbs: tuple[str, ...]) -> bool:
    """Whether it is one of these verbs."""
    return command.removeprefix("agentd ").startswith(verbs)


def prepare(shared: DaemonProcess, folder: Path, command: str) -> dict[str, str]:
    """Make the newest task one of which the question may be asked.

    What comes back is what the command has in its environment.
    """
    if is_about(command, SERVICE):
        return prepare_service(shared, folder, command)
    if is_about(command, ON_SERVER):
        return {"AGENTD_DATABASE_URL": shared_server().fresh_database()}
    if is_about(command, ("import-database",)):
        return {"AGENTD_HOME": str(folder / "home")}  # no daemon works on that
    if is_about(command, HELD):
        held = agentd_here(shared.home, "node", "acquire", "@", "--owner", "OWNER").out.split()
        return {f"AGENTD_{name}_ID": held[at] for at, name in enumerate(("TASK", "NODE", "LEASE"))}
    if is_about(command, WORKED_ON):
        assert (
            agentd_here(shared.home, "work", "--task", "@", "--", str(folder / "claude")).code == 0
        )
    if is_about(command, ASKED + REJECTED):
        agentd_here(shared.home, "task", "register", "-", stdin=GATED.encode())
    if is_about(command, REJECTED):
        assert agentd_here(shared.home, "gate", "reject", "@", "ship").code == 0
    elif is_about(command, BUILD_FAILED):
        held = agentd_here(shared.home, "node", "acquire", "@", "--node", "build").out.split()
        assert agentd_here(shared.home, "node", "fail", "@", "build", held[2]).code == 0
    if is_about(command, ("task resume",)):
        assert agentd_here(shared.home, "task", "pause", "@").code == 0
    return {}


def prepare_service(shared: DaemonProcess, folder: Path, command: str) -> dict[str, str]:
    """A systemd that says of the daemon that it has started it."""
    if sys.platform == "darwin":
        pytest.skip("macOS has launchd: test_service_launchd.py")
    tools = Tools(folder)
    tools.answer("systemctl", {**SYSTEMCTL, "--user stop *agentd.service*": ""})
    tools.answer("loginctl", {"*": "echo Linger=yes"})
    tools.answer("journalctl", {"*": ""})
    (folder / "pid").write_text(str(shared.pid))
    given = {"XDG_CONFIG_HOME": "", "SUDO_USER": "root"}
    if not is_about(command, ("service install",)):
        program = ("--program", str(tools.program))
        with typed(shared, folder, "service", "install", *program, given=given) as process:
            out, _ = process.communicate()
        assert process.returncode == 0, out.decode()
    return given


def ends_of_a_move(folder: Path) -> list[str]:
    """A file that no daemon works on, and an empty database on a server, without a password."""
    SqliteStore.open(folder / "stopped.db", NOW).close()
    server = shared_server()
    return [str(folder / "stopped.db"), server.socket_url(name_in(server.fresh_database()))]


@pytest.mark.parametrize("command", COMMANDS)
def test_it_does_what_it_is_asked_to(shared: DaemonProcess, folder: Path, command: str) -> None:
    """It succeeds; what serves all tasks, or watches them, does so until it is stopped."""
    goes_on = "--all" in shlex.split(command) or is_about(command, ("watch",))
    given = prepare(shared, folder, command)
    words = shlex.split(Template(command).substitute(given))[1:]
    if is_about(command, ("service install",)):
        words += ["--program", str(folder / "agentd")]  # this one may be in a temporary folder
    if is_about(command, ("setup",)) and not {"--check", "--undo"} & {*words}:
        program = shared.home.parent / "agentd"  # stays as long as what is set up with it
        shutil.copy2(folder / "agentd", program)
        words += ["--program", str(program)]
    if is_about(command, ("database move",)):
        words[2:] = ends_of_a_move(folder)
    if is_about(command, ("import-database",)):
        words[1:] = [str(earlier.sample("v2", folder))]
    words = ["0s" if word == "02:14" else word for word in words]  # the task is not so old
    with typed(shared, folder, *words, given=given) as process:
        if "--all" in words:
            assert agentd_here(shared.home, "task", "wait", "@").code == 0
        if is_about(command, ("watch",)):
            wait_until_asked(shared)
        if goes_on:
            process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == (130 if goes_on else 0), out.decode()


def test_what_is_for_a_terminal(shared: DaemonProcess) -> None:
    """`agentd top` shows what there is, until it is quit."""
    with top(shared.home) as terminal:
        terminal.wait_for("LIVE")
        terminal.type("q")
        assert terminal.wait_for_end() == 0


def test_it_is_one_command_a_question() -> None:
    """Each row begins with its command, but those that are a setting and a key."""
    told = [row[1] for row in rows(text(PAGE))]
    assert [each for each in told if not each.startswith("`agentd ")] == [
        "`AGENTD_ADDRESS=tcp://127.0.0.1:PORT`: [Sandboxes, containers, ssh](agents.md#sandboxes)",
        "`AGENTD_NOTIFY=…` in `~/.agentd/.env`: [Telling people](operations.md#telling-people)",
        "Ctrl-C: its command is ended, and its node goes back at once",
        "`AGENTD_LOG_FORMAT=json` in `~/.agentd/.env`: [an object a line](operations.md#logs)",
        (
            "`AGENTD_AUTOSTART=1` in `~/.agentd/.env`: "
            "[installing](install.md#started-by-the-first-client)"
        ),
    ]
