"""`agentd service` with systemd: what it asks and tells, and what it leaves behind.

systemctl, loginctl and journalctl are scripts of the test's own; the daemon is a real one.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.command_line import Ended, agentd, agentd_here, on_a_terminal
from tests.daemon_process import Connection, DaemonProcess
from tests.service_tools import SYSTEMCTL, Tools

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="macOS has launchd")

WORKERS = "echo=2:agentd work --all -- cat"
INSTANCES = ["agentd-worker-echo@1.service", "agentd-worker-echo@2.service"]
UNITS = ("agentd.service", "agentd.socket", "agentd-worker-echo@.service")


@pytest.fixture
def tools(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tools]:
    """A systemd, and a machine on which a user may have services go on after a log-out."""
    made = Tools(home.parent / "bin")
    made.put_first(monkeypatch)
    made.answer("systemctl", SYSTEMCTL)
    made.answer("loginctl", {"show-user *": "echo Linger=no", "*": ""})
    made.answer("journalctl", {"*": "printf 'one\\ntwo\\033[2J\\n'"})
    yield made
    if pid := made.pid():
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def beside(shared: DaemonProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tools]:
    """The same, whose daemon runs already: the module's, which is never stopped."""
    made = Tools(shared.home.parent / "bin")
    made.put_first(monkeypatch)
    made.forget()
    made.answer("systemctl", {**SYSTEMCTL, "--user stop *agentd.service*": ""})
    made.answer("loginctl", {"*": "echo Linger=yes"})
    made.answer("journalctl", {"*": "printf 'one\\ntwo\\033[2J\\n'"})
    (made.folder / "pid").write_text(str(shared.pid))
    yield made
    shutil.rmtree(shared.home.parent / ".config", ignore_errors=True)


def folder(home: Path) -> Path:
    """Where the units are."""
    return home.parent / ".config" / "systemd" / "user"


def install(tools: Tools, home: Path, *words: str) -> Ended:
    """Install it, with the program of the test's own."""
    program = ("--program", str(tools.program))
    return agentd_here(home, "service", "install", *program, *words)


def data(ended: Ended) -> Any:
    """What a verb found or did."""
    envelope = json.loads(ended.out)
    assert envelope["ok"], envelope
    return envelope["data"]


def kinds(ended: Ended) -> list[str]:
    """The first words of its lines."""
    return [line.split("\t")[0] for line in ended.out.splitlines()]


def test_installed(tools: Tools, home: Path) -> None:
    """It is there when the daemon answers, starts by itself from then on, and so do workers."""
    first = install(tools, home, "--workers", WORKERS)
    assert first.code == 0, first
    assert kinds(first) == ["new", "new", "new", "running"]
    assert first.out.splitlines()[-1] == f"running\t{tools.pid()}\t{home / 'agentd.sock'}"
    with Connection(home / "agentd.sock") as connection:
        assert connection.call("Health")["status"] == "ok"
    units = " ".join(INSTANCES)
    assert [each for each in tools.calls("systemctl") if " show " not in each] == [
        "systemctl --user daemon-reload",
        f"systemctl --user reset-failed agentd.socket agentd.service {units}",
        f"systemctl --user enable agentd.socket agentd.service {units}",
        "systemctl --user start agentd.socket",
        f"systemctl --user start --no-block agentd.service {units}",
    ]


def test_installed_again(beside: Tools, shared: DaemonProcess) -> None:
    """Done again it changes nothing; without a word of workers those that there are stay."""
    install(beside, shared.home, "--workers", WORKERS)
    pid = beside.pid()
    assert kinds(install(beside, shared.home)) == ["unchanged", "unchanged", "unchanged", "running"]
    assert beside.pid() == pid
    assert not [each for each in beside.calls() if " stop " in each or " disable " in each]


def test_fewer_workers(beside: Tools, shared: DaemonProcess) -> None:
    """What differs is told; workers that are not wanted go, and the daemon works on."""
    install(beside, shared.home, "--workers", WORKERS)
    pid, one = beside.pid(), WORKERS.replace("2", "1")
    fewer = data(install(beside, shared.home, "--workers", one, "--json"))
    assert [each["what"] for each in fewer["files"]] == ["unchanged", "unchanged", "changed"]
    differing = [line for line in fewer["files"][2]["difference"] if line[:1] in "+-"]
    assert differing[2:] == [f"-# --workers {WORKERS}", f"+# --workers {one}"]
    assert f"systemctl --user stop {' '.join(INSTANCES)}" in beside.calls()
    assert f"systemctl --user disable {INSTANCES[1]}" in beside.calls()
    found = data(agentd_here(shared.home, "service", "status", "--json"))["service"]
    assert [each["name"] for each in found["workers"]] == INSTANCES[:1]
    assert kinds(install(beside, shared.home, "--no-workers")) == ["unchanged"] * 2 + [
        "removed",
        "running",
    ]
    assert beside.pid() == found["daemon"]["pid"] == pid


def test_uninstalled(tools: Tools, home: Path) -> None:
    """What is ours goes, the data stays; without a service there is nothing to do, as it says."""
    install(tools, home, "--workers", WORKERS)
    assert kinds(agentd_here(home, "service", "uninstall", "--dry-run")) == ["removed"] * 3
    assert kinds(agentd_here(home, "service", "uninstall")) == ["removed"] * 3
    assert [path.name for path in folder(home).iterdir()] == ["agentd.socket.wants"]
    assert tools.pid() == 0
    assert (home / "agent_state.db").is_file()
    none = "agentd: there is no service"
    assert agentd_here(home, "service", "uninstall") == Ended(
        0, "", f"{none}: nothing was removed\n"
    )
    status = agentd_here(home, "service", "status")
    assert (status.code, status.out) == (3, "")
    assert status.error == f"{none}; `agentd service install` puts it in place"


def test_an_upgrade_starts_the_new_daemon(tools: Tools, home: Path) -> None:
    """Units that an earlier agentd wrote are written anew, and what they started is stopped."""
    install(tools, home)
    unit, pid = folder(home) / "agentd.service", tools.pid()
    unit.write_text(unit.read_text().replace("of agentd ", "of agentd 0.0."))
    ended = on_a_terminal(home, "service", "install", "--program", str(tools.program))
    assert ended.code == 0, ended
    assert "changed   " in ended.plain
    assert "  -# Written by `agentd service install` of agentd 0.0." in ended.plain
    assert "systemctl --user stop agentd.service agentd.socket" in tools.calls()
    assert tools.pid() not in (0, pid)


def test_lingering_is_as_it_was(beside: Tools, shared: DaemonProcess) -> None:
    """The service outlives a log-out; that is undone with it, where it was not so before."""
    beside.answer("loginctl", {"show-user *": "echo Linger=no", "*": ""})
    assert data(install(beside, shared.home, "--json"))["outlives_session"] is True
    ended = agentd_here(shared.home, "service", "uninstall")
    assert ended.err == "agentd: lingering, which the service had turned on, is off again\n"
    beside.answer("loginctl", {"show-user *": "echo Linger=yes", "*": ""})
    install(beside, shared.home)
    agentd_here(shared.home, "service", "uninstall")
    calls = [each for each in beside.calls("loginctl") if "show-user" not in each]
    uid = os.getuid()
    assert calls == [f"loginctl enable-linger {uid}", f"loginctl disable-linger {uid}"]


def test_lingering_that_may_not_be(beside: Tools, shared: DaemonProcess) -> None:
    """Where it may not be turned on, the service is there all the same, and that is said."""
    beside.answer("loginctl", {"*": "echo 'Access denied' >&2; exit 1"})
    ended = install(beside, shared.home)
    assert ended.code == 0
    assert "agentd: the service ends when you log out (Access denied): " in ended.err


def test_settings_go_along(tools: Tools, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the environment that differ are in the units, others and secrets are not."""
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-123")
    given: dict[str, Any] = {
        "AGENTD_NODE_TIMEOUT_SECS": "17",
        "AGENTD_CONTEXT_EVENT_LIMIT": "50",
        "AGENTD_NOTIFY": "curl -H 'Authorization: Bearer abc' https://example.org",
        "AGENTD_LOG": "agentd=debug",
    }
    words = ("service", "install", "--dry-run", "--program", str(tools.program))
    ended = agentd(home, *words, **given)
    assert ended.code == 0, ended
    variables = [line for line in ended.out.splitlines() if line.startswith("Environment=")]
    assert variables[1:] == [
        'Environment="AGENTD_AUTOSTART=0"',
        f'Environment="AGENTD_HOME={home}"',
        'Environment="AGENTD_NODE_TIMEOUT_SECS=17"',
        'Environment="AGENTD_LOG=agentd=debug"',
    ]
    assert "AGENTD_NOTIFY may hold a secret" in ended.error
    assert "abc" not in ended.out
    assert "sk-123" not in ended.out


def test_a_dry_run_changes_nothing(tools: Tools, home: Path) -> None:
    """It prints the units, asks whether a systemd is there, and leaves nothing behind."""
    before = sorted(home.parent.rglob("*"))
    ended = install(tools, home, "--dry-run", "--workers", WORKERS)
    assert ended.code == 0
    for unit in UNITS:
        assert f"# {folder(home) / unit} (new)" in ended.out
    assert ended.err == ""
    assert tools.calls() == ["systemctl --user show --property=Version"]
    (tools.folder / "calls").unlink()
    assert sorted(home.parent.rglob("*")) == before


# What is refused


def test_no_systemd(tools: Tools, home: Path) -> None:
    """Where no systemd answers, the next best is told, and nothing is written."""
    tools.answer("systemctl", {"*": "echo 'Failed to connect to bus: No medium found' >&2; exit 1"})
    ended = install(tools, home)
    assert ended.code == 1
    assert "(Failed to connect to bus: No medium found)" in ended.error
    assert "AGENTD_AUTOSTART=1" in ended.error
    shown = install(tools, home, "--dry-run")
    assert shown.code == 0
    assert shown.error.startswith("agentd: it cannot be installed here: no systemd of this user")
    assert not folder(home).exists()


def test_a_daemon_by_hand(tools: Tools, daemon: DaemonProcess) -> None:
    """A daemon that somebody started is not put aside: it is named, and nothing is written."""
    ended = install(tools, daemon.home)
    assert ended.code == 4
    assert f"no service started is running with pid {daemon.pid} " in ended.error
    assert not folder(daemon.home).exists()


@pytest.mark.parametrize("text", ["[Service]\nExecStart=/bin/true\n", None])
def test_a_unit_of_others(tools: Tools, home: Path, text: str | None) -> None:
    """A unit that agentd did not write, or that somebody masked, is left as it is."""
    unit = folder(home) / "agentd.service"
    unit.parent.mkdir(parents=True)
    unit.symlink_to("/dev/null") if text is None else unit.write_text(text)
    ended = install(tools, home)
    assert ended.code == 1
    assert f"{unit} is there, and agentd did not write it" in ended.error
    assert [path.name for path in unit.parent.iterdir()] == ["agentd.service"]
    assert agentd_here(home, "service", "uninstall").out == ""
    assert unit.is_symlink() or unit.read_text() == text


def test_a_daemon_that_does_not_start(tools: Tools, home: Path) -> None:
    """A service that fails is not waited for: the end of its log is shown, as text."""
    tools.answer("systemctl", {**SYSTEMCTL, "--user start --no-block *": ': >"$STATE/failed"'})
    ended = install(tools, home)
    assert (ended.code, ended.err.splitlines()) == (
        1,
        ["agentd: the service does not start; its log ends so", "  one", "  two\\x1b[2J"],
    )
    told = json.loads(install(tools, home, "--json").out)["error"]
    assert told["kind"] == "service_failed"
    assert told["message"].endswith("ends so: one; two\\x1b[2J")


def test_a_daemon_that_does_not_answer(tools: Tools, home: Path) -> None:
    """It is waited for as long as was said."""
    tools.answer("systemctl", {**SYSTEMCTL, "--user start --no-block *": ""})
    ended = install(tools, home, "--timeout", "0.01s")
    assert ended.code == 1
    assert ended.err.startswith("agentd: the service is stopped, and does not answer in 0.01 s (no")


def test_a_program_that_is_none(tools: Tools, home: Path) -> None:
    """A program that is not there, or is not agentd, is refused before anything is written."""
    words = ("service", "install", "--program")
    assert "there is no program" in agentd_here(home, *words, "/nowhere/agentd").error
    ended = agentd_here(home, *words, str(tools.folder / "systemctl"))
    assert "does not say that it is agentd" in ended.error
    assert not folder(home).exists()


def test_what_a_program_is_tried_with(tools: Tools, home: Path) -> None:
    """It has its user's home, wherever agentd's is, and the folder where one file is unpacked."""
    (tools.folder / "agentd").write_text('#!/bin/sh\necho "$HOME" "$SHIV_ROOT"\n')
    extra = {"AGENTD_HOME": str(home / "else" / "where"), "SHIV_ROOT": "/srv/unpacked"}
    words = ("service", "install", "--program", str(tools.program))
    told = agentd_here(home, *words, extra=extra).error
    assert told.endswith(f"does not say that it is agentd: {home.parent} /srv/unpacked")


def test_what_systemctl_refuses(tools: Tools, home: Path) -> None:
    """What systemd refuses is told with the command that it refused."""
    refusal = "echo 'Failed to enable unit: Unit is masked' >&2; exit 1"
    tools.answer("systemctl", {**SYSTEMCTL, "--user enable *": refusal})
    ended = install(tools, home)
    command = "`systemctl --user enable agentd.socket agentd.service`"
    assert f"{command} failed: Failed to enable unit: Unit is masked" in ended.err


def test_sudo(beside: Tools, shared: DaemonProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root for somebody else it is refused: the service is theirs; root's own is remarked on."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_USER", "me")
    assert "run it as me, without sudo" in install(beside, shared.home).error
    assert beside.calls() == []
    monkeypatch.delenv("SUDO_USER")
    assert "agentd: this is a service of root's own" in install(beside, shared.home).err


# Looking at it


def test_status_on_a_terminal(beside: Tools, shared: DaemonProcess) -> None:
    """A person sees how it is in a table; the exit code says whether it runs."""
    missing = on_a_terminal(shared.home, "service", "status")
    assert (missing.code, missing.plain) == (
        3,
        "there is no service; `agentd service install` puts it in place",
    )
    install(beside, shared.home, "--workers", WORKERS)
    ended = on_a_terminal(shared.home, "service", "status")
    assert ended.code == 0
    assert ended.width <= 80
    lines = ended.plain.splitlines()
    assert lines[0] == "a service of systemd, which starts by itself"
    assert lines[2].split() == ["NAME", "STATE", "PID", "FOR"]
    assert lines[3].split()[:4] == ["agentd.service", "●", "running", str(beside.pid())]


def test_logs(beside: Tools, shared: DaemonProcess) -> None:
    """The log is asked for as it was said, and shown as text; without a service there is none."""
    assert "there is no service" in agentd_here(shared.home, "service", "logs").error
    install(beside, shared.home)
    beside.forget()
    assert agentd_here(shared.home, "service", "logs", "-n", "7", "-f") == Ended(
        0, "one\ntwo\\x1b[2J\n", ""
    )
    assert beside.calls()[0].split() == [
        *["journalctl", "--user", "--no-pager", "--output=short-iso", "--unit=agentd.service"],
        *["--unit=agentd.socket", "--unit=agentd-worker-*@*.service", "--lines=7", "--follow"],
    ]
