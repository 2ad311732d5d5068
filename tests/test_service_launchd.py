"""`agentd service` with launchd, whose `launchctl` is a script of the test's own."""

from __future__ import annotations

import os
import plistlib
import re
from typing import TYPE_CHECKING, Any

import pytest

from agentd.cli.service import install as cli_install
from agentd.cli.service import uninstall as cli_uninstall
from agentd.service.failures import ForeignFile, NoServiceManager, ServiceFailed
from agentd.service.files import changes, write
from agentd.service.launchd import Launchd
from agentd.service.plan import Plan, Worker
from agentd.service.plists import MARK
from agentd.service.uninstall import uninstall
from agentd.service.workers import parse_all
from tests.command_line import agentd_here
from tests.service_tools import Tools

if TYPE_CHECKING:
    from pathlib import Path

DOMAIN = f"gui/{os.getuid()}"
LOADED = {
    f"bootout {DOMAIN}/*": 'rm -f "$STATE/in.${2##*/}"',
    f"bootstrap {DOMAIN} *": 'name=${3##*/}; : >"$STATE/in.${name%.plist}"',
    f"print {DOMAIN}/*": """
        [ -e "$STATE/in.${2##*/}" ] || exit 113
        printf '%s = {\\n\\tstate = running\\n\\tpid = 4242\\n}\\n' "$2" """,
    "*": "",
}
"""A launchd that knows which jobs are in."""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """A session with such a launchd, of a user whose home is a folder of the test's own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    made = Tools(tmp_path / "bin")
    made.put_first(monkeypatch)
    made.answer("launchctl", LOADED)
    return made


def plan(home: Path) -> Plan:
    """A service with two workers."""
    told = parse_all(["claude=2:agentd work --all -- claude -p '<&>'"])
    words = ("/opt/bin/agentd", *told[0].words[1:])
    return Plan(
        "0.1.0",
        ("/opt/bin/agentd",),
        home,
        home / "agentd.sock",
        {"PATH": "/usr/bin:/bin"},
        (Worker(told[0], words),),
    )


def launchd(tools: Tools, pauses: list[float] | None = None) -> Launchd:
    """The manager; its pauses are noted, not made."""
    noted: list[float] = [] if pauses is None else pauses
    return Launchd(os.environ, tools.folder, noted.append)


def put_in(manager: Launchd, wanted: Plan) -> list[str]:
    """Have the service be as it is wanted; what became of each file."""
    found = changes(manager.texts(wanted), manager.ours(), manager.mark)
    changing = [each.path for each in found if each.what in ("changed", "removed")]
    manager.take_down(changing, wanted)
    for each in found:
        write(each)
    manager.bring_up(wanted)
    return [str(each.what) for each in found]


def lists(manager: Launchd, wanted: Plan) -> dict[str, dict[str, Any]]:
    """The property lists, read back."""
    return {
        path.name: plistlib.loads(text.encode()) for path, text in manager.texts(wanted).items()
    }


def test_the_property_lists(tools: Tools, tmp_path: Path) -> None:
    """The daemon is started again when it fails, a worker always; they log to the home."""
    found = lists(launchd(tools), plan(tmp_path))
    workers = ["local.agentd.worker.claude.1.plist", "local.agentd.worker.claude.2.plist"]
    assert list(found) == ["local.agentd.plist", *workers]
    log = str(tmp_path / "agentd.service.log")
    assert found["local.agentd.plist"] == {
        "Label": "local.agentd",
        "ProgramArguments": ["/opt/bin/agentd", "serve"],
        "EnvironmentVariables": {"PATH": "/usr/bin:/bin"},
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        "ExitTimeOut": 30,
        "ProcessType": "Standard",
        "Umask": 0o077,
        "StandardOutPath": log,
        "StandardErrorPath": log,
    }
    worker = found[workers[1]]
    assert worker["Label"] == "local.agentd.worker.claude.2"
    assert worker["ProgramArguments"][3:] == ["--", "claude", "-p", "<&>"]
    assert worker["KeepAlive"] is True
    assert worker["AgentdWorkers"] == "claude=2:agentd work --all -- claude -p '<&>'"


def test_every_list_says_whose_it_is(tools: Tools, tmp_path: Path) -> None:
    """The second line of each names who wrote it, and which version."""
    for text in launchd(tools).texts(plan(tmp_path)).values():
        assert (
            text.split("\n")[1] == "<!-- Written by `agentd service install` of agentd 0.1.0. -->"
        )


def test_a_life(tools: Tools, tmp_path: Path) -> None:
    """Jobs are put in; again nothing is; what changes is taken out first; and all of it goes."""
    manager, wanted = launchd(tools), plan(tmp_path)
    assert put_in(manager, wanted) == ["new"] * 3
    path = tmp_path / "Library" / "LaunchAgents" / "local.agentd.plist"
    assert f"launchctl bootstrap {DOMAIN} {path}" in tools.calls()
    assert manager.told_workers() == [wanted.workers[0].told.told]
    state = manager.state()
    assert (state.enabled, state.daemon.state, state.daemon.pid) == (True, "running", 4242)
    assert [each.name for each in state.workers] == [
        "local.agentd.worker.claude.1",
        "local.agentd.worker.claude.2",
    ]
    tools.forget()
    assert put_in(manager, wanted) == ["unchanged"] * 3
    assert not [each for each in tools.calls() if " boot" in each]
    assert put_in(manager, wanted._replace(version="0.2.0", workers=())) == [
        "changed",
        "removed",
        "removed",
    ]
    assert len([each for each in tools.calls() if " bootout " in each]) == 3
    assert len([each for each in tools.calls() if " bootstrap " in each]) == 1
    removed, _ = uninstall(manager, tmp_path)
    assert [each.path for each in removed] == [path]
    assert not path.exists()
    assert manager.state().daemon.state == "stopped"


def test_the_verbs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed it is there when the daemon answers; uninstalled it is gone, the data is not."""
    tools = Tools(home.parent / "bin")
    tools.put_first(monkeypatch)
    begins = '"$STATE/agentd" serve >/dev/null 2>&1 </dev/null & echo $! >"$STATE/pid"'
    printed = 'pid=$(cat "$STATE/pid") && kill -0 "$pid" && printf "\\tpid = %s\\n" "$pid"'
    ends = 'pid=$(cat "$STATE/pid"); kill "$pid"; while kill -0 "$pid"; do sleep 0.05; done'
    cases = {f"bootstrap {DOMAIN} *": begins, f"print {DOMAIN}/*": printed}
    tools.answer("launchctl", {**cases, f"bootout {DOMAIN}/*": f"{ends} 2>/dev/null", "*": ""})
    for verb in (cli_install, cli_uninstall):
        monkeypatch.setattr(verb, "service_manager", lambda env, found: Launchd(env, found.home))
    words = ("service", "install", "--program", str(tools.program))
    try:
        ended = agentd_here(home, *words)
        plist = home.parent / "Library" / "LaunchAgents" / "local.agentd.plist"
        assert ended.out.splitlines() == [
            f"new\t{plist}",
            f"running\t{tools.pid()}\t{home / 'agentd.sock'}",
        ]
        variables = plistlib.loads(plist.read_bytes())["EnvironmentVariables"]
        assert variables["AGENTD_HOME"] == str(home)
    finally:
        gone = agentd_here(home, "service", "uninstall")
    assert gone.out == f"removed\t{plist}\n"
    assert not plist.exists()
    assert (home / "agent_state.db").is_file()


def test_launchd_goes_on_taking_out(tools: Tools, tmp_path: Path) -> None:
    """A job that is still being taken out is put in after a pause, or ten."""
    busy = (
        "n=$(cat $STATE/n 2>/dev/null || echo 0); echo $((n + 1)) >$STATE/n; [ $n -ge 2 ] || exit 5"
    )
    case = f"bootstrap {DOMAIN} *"
    tools.answer("launchctl", {**LOADED, case: f"{busy}; {LOADED[case]}"})
    pauses: list[float] = []
    manager = launchd(tools, pauses)
    put_in(manager, plan(tmp_path)._replace(workers=()))
    assert pauses == [0.5, 0.5]
    tools.answer("launchctl", {**LOADED, case: "echo 'Bootstrap failed: 5: I/O error' >&2; exit 5"})
    manager.take_down([], None)
    with pytest.raises(ServiceFailed, match="failed: Bootstrap failed: 5: I/O error"):
        put_in(manager, plan(tmp_path)._replace(workers=()))
    assert len(pauses) == 2 + 9


def test_launchd_has_not_ended_it_yet(
    tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that is still there after it was taken out is not taken for one that stays."""
    pauses: list[float] = []
    manager, wanted = launchd(tools, pauses), plan(tmp_path)._replace(workers=())
    put_in(manager, wanted)
    asked = f"print {DOMAIN}/*"
    ends = 'echo x >>"$STATE/asked"; [ "$(wc -l <"$STATE/asked")" -lt 3 ] || rm -f "$STATE/in."*'
    slow = {**LOADED, f"bootout {DOMAIN}/*": "", asked: f"{ends}; {LOADED[asked].strip()}"}
    tools.answer("launchctl", slow)
    tools.forget()
    assert put_in(manager, wanted._replace(version="0.2.0")) == ["changed"]
    assert len(pauses) == 2
    assert [each.split()[1] for each in tools.calls() if " boot" in each] == [
        "bootout",
        "bootstrap",
    ]
    tools.answer("launchctl", {**LOADED, f"bootout {DOMAIN}/*": ""})
    monkeypatch.setattr("agentd.service.launchd._STOP_TRIES", 3)
    with pytest.raises(ServiceFailed, match=r"has not ended it in 1\.5 s"):
        uninstall(manager, tmp_path)
    assert len(manager.ours()) == 1


@pytest.mark.parametrize("text", ["<plist>", "x"])
def test_a_list_that_somebody_broke(tools: Tools, tmp_path: Path, text: str) -> None:
    """It is named, instead of forgetting which workers there were."""
    manager = launchd(tools)
    put_in(manager, plan(tmp_path))
    path = tmp_path / "Library" / "LaunchAgents" / "local.agentd.worker.claude.1.plist"
    path.write_text(f'<?xml version="1.0"?>\n{MARK} -->\n{text}')
    with pytest.raises(ForeignFile, match=re.escape(f"{path} is no property list any more")):
        manager.told_workers()


def test_nobody_is_logged_in(tools: Tools) -> None:
    """Over ssh, without a session at the screen, that is what is said, and the next best."""
    told = "Could not find domain for user gui: 501"
    tools.answer("launchctl", {"*": f"echo '{told}' >&2; exit 125"})
    with pytest.raises(NoServiceManager, match="over ssh there is one only while") as error:
        launchd(tools).check()
    assert told in str(error.value)
    assert "AGENTD_AUTOSTART=1" in str(error.value)


@pytest.mark.parametrize(
    ("printed", "state"),
    [
        ("\\tstate = not running\\n\\tlast exit code = 5: Input/output error\\n", "failed"),
        ("\\tstate = spawn scheduled\\n\\tlast exit code = (never exited)\\n", "starting"),
    ],
)
def test_a_job_without_a_process(tools: Tools, tmp_path: Path, printed: str, state: str) -> None:
    """One that ended badly has failed; one that has not begun starts."""
    manager = launchd(tools)
    put_in(manager, plan(tmp_path)._replace(workers=()))
    tools.answer("launchctl", {f"print {DOMAIN}/*": f"printf '{printed}'", "*": ""})
    assert manager.state().daemon.state == state


def test_the_log(tools: Tools) -> None:
    """It is a file in the home: its last lines are shown, and it is followed by its name."""
    manager = launchd(tools)
    assert manager.log_end() == ()
    path = tools.folder / "agentd.service.log"
    path.write_text("\n".join(map(str, range(30))) + "\n\n")
    assert manager.log_end() == [str(number) for number in range(10, 30)]
    assert manager.log_command(7, follow=True) == ["tail", "-n", "7", "-F", str(path)]
