"""The command line: what the verbs print, on a terminal and in a pipe, and their exit codes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from platform import python_version
from uuid import UUID

import apsw
import pytest

from agentd import __version__
from agentd.cli.verbs import parser
from agentd.cli.version import version_line
from tests.command_line import COLUMNS, agentd, agentd_here, on_a_terminal
from tests.daemon_process import REPOSITORY, DaemonProcess, environment
from tests.listening import listening

VERBS = (
    "serve",
    "task",
    "node",
    "work",
    "add",
    "checkpoint",
    "loop",
    "call",
    "wait-ready",
    "status",
    "metrics",
    "replay",
    "rehearse",
    "backup",
    "restore",
    "import-database",
    "database",
    "doctor",
    "setup",
    "skill",
    "completion",
    "events",
    "watch",
    "inbox",
    "top",
    "ui",
    "limit",
    "gate",
    "lock",
    "mcp",
    "prime",
    "hook",
    "service",
    "workers",
    "help",
)
BELOW = {
    "task": (
        *("register", "add", "import", "export"),
        *("list", "show", "graph", "events", "wait", "watch", "retry", "fork"),
        *("cancel", "pause", "resume", "cost", "budget", "why", "set"),
    ),
    "node": (
        *("acquire", "heartbeat", "commit", "complete", "fail", "release", "retry", "done"),
        *("show", "log", "why", "set"),
    ),
    "limit": ("set", "close", "open", "list"),
    "gate": ("list", "show", "approve", "reject"),
    "lock": ("acquire", "release", "list", "run"),
    "hook": ("tool-use", "edit"),
    "service": ("install", "uninstall", "status", "logs"),
    "database": ("init", "check", "migrate", "grant-sql", "move"),
}
ALL_VERBS = [(), *((verb,) for verb in VERBS)]
ALL_VERBS += [(group, verb) for group, below in BELOW.items() for verb in below]
SETTLED = (
    *("serve", "call", "wait-ready", "status", "replay", "rehearse", "backup", "restore"),
    "import-database",
)
"""Those that cannot do without their settings, whatever else is asked of them."""


# Help


@pytest.mark.parametrize("verb", ALL_VERBS, ids=" ".join)
def test_help(home: Path, verb: tuple[str, ...]) -> None:
    """Every verb has a help that fits a terminal and ends with the exit codes."""
    ended = agentd_here(home, *verb, "--help")
    assert ended.code == 0
    assert ended.out.startswith(" ".join(("usage: agentd", *verb)))
    assert re.findall(r"^  (\d+)  \w", ended.out, re.MULTILINE) == [
        *"0123456",
        "10",
        "11",
        "75",
        "124",
        "130",
    ]
    assert [line for line in ended.out.splitlines() if len(line) > COLUMNS] == []


def test_help_lists_the_verbs(home: Path) -> None:
    """`agentd --help` lists the verbs in the order in which one needs them."""
    listed = re.findall(r"^    ([\w-]+)  ", agentd_here(home, "--help").out, re.MULTILINE)
    assert tuple(listed) == VERBS
    for group, below in BELOW.items():
        listed = re.findall(
            r"^    ([\w-]+)  ", agentd_here(home, group, "--help").out, re.MULTILINE
        )
        assert tuple(listed) == below


def test_version(home: Path) -> None:
    """`agentd --version` prints one line, with the SQLite that is in use and the Python."""
    told = f"agentd {__version__} (SQLite {apsw.sqlite_lib_version()}, Python {python_version()})\n"
    assert agentd(home, "--version") == (0, told, "")


def test_version_of_what_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its SQLite it still says which agentd it is, and what is missing."""
    monkeypatch.setitem(sys.modules, "agentd.store.sqlite.opening", None)
    assert version_line().startswith(f"agentd {__version__} (no SQLite: import of agentd.store")


# Usage


WRONG: list[tuple[tuple[str, ...], str]] = [
    (("qwertz",), "there is no verb 'qwertz'; see `agentd --help`"),
    (("task", "list", "--state", "FAILDE"), "(did you mean `FAILED`? choose from "),
    (("--bogus",), "--bogus"),
    (("call",), "METHOD"),
    (("call", "Health", "{}", "more"), "more; see `agentd call --help`"),
    (("task", "list", "more"), "more; see `agentd task list --help`"),
    *[(("call", "Health", f"--timeout={n}"), f"{n!r}") for n in ("soon", "0", "-1", "nan", "inf")],
    (("call", "Health", "{"), "not a JSON object"),
    (("call", "Health", "[1]"), "not a JSON object"),
    (("call", "Health", '{"a":NaN}'), "not a JSON object"),
    (("replay", "--che"), "--che"),
    (("rehearse", "--set", "lease_sec=5"), "did you mean lease_secs?"),
    (("rehearse", "--set", "workers=0"), "expected 1 to 10,000"),
    (("rehearse", "--since", "soon"), "expected such as 2h (ago)"),
    (("replay", "--check", "--until", "5"), "not allowed with"),
    (("replay", "--until", "5"), "--until and --task go together"),
    (("replay", "--task", "5"), "--until and --task go together"),
    (("replay", "--until", "soon", "--task", str(UUID(int=5))), "--until 'soon': expected a seq"),
    (("replay", "--until", "5", "--task", "x"), "'x' is no task's id"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG, ids=[" ".join(a) for a, _ in WRONG])
def test_wrong_usage(shared: DaemonProcess, arguments: tuple[str, ...], words: str) -> None:
    """Wrong usage ends with exit code 2 and a last line that says what was wrong."""
    ended = agentd(shared.home, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err.splitlines()[-1]
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "options", [("--json",), ("--type", "X"), ("--type", "X", "--json", "--")], ids=" ".join
)
@pytest.mark.parametrize("given", ["{}", "-"])
def test_the_last_argument_may_stand_behind_options(options: tuple[str, ...], given: str) -> None:
    """Options may stand anywhere: JSON that may be left out is not lost behind one."""
    found = parser().parse_args(("node", "commit", "TASK", "NODE", "LEASE", *options, given))
    assert (found.lease, found.payload) == ("LEASE", given)
    assert found.type == ("X" if "X" in options else "COMMIT_EVENT")


@pytest.mark.parametrize("verb", SETTLED)
def test_a_bad_setting(home: Path, verb: str) -> None:
    """A setting that does not parse stops every verb but doctor with exit code 2 and one line."""
    needed = {
        "call": ("Health",),
        "backup": ("a.db",),
        "restore": ("a.db",),
        "import-database": ("a.db",),
    }
    ended = agentd(home, verb, *needed.get(verb, ()), AGENTD_NODE_TIMEOUT_SECS="soon")
    assert (ended.code, ended.out) == (2, "")
    assert "AGENTD_NODE_TIMEOUT_SECS='soon'" in ended.error


# call


def test_call_in_a_pipe(shared: DaemonProcess) -> None:
    """In a pipe the result is one line of JSON, byte for byte as the daemon wrote it."""
    with shared.connect() as connection:
        line = connection.ask(b'{"method":"DescribeInterface"}').decode()
    assert agentd(shared.home, "call", "DescribeInterface") == (0, line[10:-1] + "\n", "")


def test_call_on_a_terminal(shared: DaemonProcess) -> None:
    """On a terminal the same result is indented."""
    ended = on_a_terminal(shared.home, "call", "Health")
    assert ended.code == 0
    assert ended.out.splitlines()[:2] == ["{", '  "status": "ok",']
    assert json.loads(ended.out) == json.loads(agentd(shared.home, "call", "Health").out)


def test_call_with_params(shared: DaemonProcess) -> None:
    """The params are the JSON object behind the method, whatever alias names it."""
    ended = agentd(shared.home, "call", "register_task", '{"goal":"g","initial_nodes":[{}]}')
    assert len(json.loads(ended.out)["node_ids"]) == 1


def test_call_reads_standard_input(shared: DaemonProcess) -> None:
    """With - the params are read from standard input, over many lines if need be."""
    params = '{\n  "goal": "größer",\n  "context": {"n": 1.50}\n}\n'
    ended = agentd(shared.home, "call", "RegisterTask", "-", stdin=params.encode())
    status = agentd(shared.home, "call", "TaskStatus", ended.out)
    assert '"goal":"größer"' in status.out
    assert re.search(r'"context":\{"n":\s?1\.50\}', status.out)


def test_call_reads_what_is_not_text(shared: DaemonProcess) -> None:
    """Standard input that is not UTF-8 is wrong usage, and no reason for a traceback."""
    ended = agentd(shared.home, "call", "RegisterTask", "-", stdin=b'{"goal":"\xff"}')
    assert (ended.code, ended.out) == (2, "")
    assert ended.error.endswith("not a JSON object: byte 10 (0xff) is not UTF-8")


def test_call_with_half_of_its_params(shared: DaemonProcess) -> None:
    """What is wrong is said in words for a person, none of them a library's."""
    ended = agentd_here(shared.home, "call", "RegisterTask", '{"goal":')
    assert ended.error == "agentd: the params are not a JSON object: it ends too early"


@pytest.mark.parametrize(
    ("name", "meant"), [("Helth", "Health"), ("get_taskstatus_", "TaskStatus"), ("xyz", None)]
)
def test_call_of_a_method_that_is_not_there(
    shared: DaemonProcess, name: str, meant: str | None
) -> None:
    """The one that was probably meant is named, once."""
    ended = agentd_here(shared.home, "call", name)
    assert ended.code == 1
    assert ended.error.startswith("agentd: there is no method ")
    assert ended.error.count("did you mean") == (meant is not None)
    assert meant is None or meant in ended.error


def test_call_that_is_refused(shared: DaemonProcess) -> None:
    """A refusal is one line with the message and the word for it, and exit code 1."""
    ended = agentd(shared.home, "call", "TaskStatus", '{"task_id":"x"}')
    assert (ended.code, ended.out) == (1, "")
    assert "`$.task_id` is not a UUID" in ended.error
    assert ended.error.endswith("(invalid_params)")


def test_call_that_nobody_reads(shared: DaemonProcess) -> None:
    """A reader that has had enough, such as `head`, is no reason for a traceback."""
    gone, pipe = os.pipe()
    os.close(gone)
    command = [sys.executable, "-m", "agentd", "call", "Health"]
    env = environment(shared.home, {})
    ended = subprocess.run(
        command, cwd=REPOSITORY, env=env, stdout=pipe, stderr=subprocess.PIPE, check=False
    )
    os.close(pipe)
    assert (ended.returncode, ended.stderr) == (0, b"")


# status


def test_status(shared: DaemonProcess) -> None:
    """`status` shows health and metrics in lines for a person."""
    ended = agentd(shared.home, "status")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"daemon    ok, listening on {shared.socket_path}\ndatabase  ok\n")
    told = [line.split()[0] for line in ended.out.splitlines()]
    assert {"uptime", "tasks", "nodes", "events", "leases"} <= set(told)


def test_status_without_a_daemon(home: Path) -> None:
    """Without a daemon `status` has exit code 3, and it starts none."""
    assert agentd(home, "status").code == 3
    assert not home.exists()


def test_status_of_a_daemon_that_is_not_ready(home: Path) -> None:
    """A daemon that cannot use its database is shown with its own words, and exit code 1."""
    health: dict[str, object] = {"status": "unavailable", "database": "disk on fire"}
    health |= {"running_timeout_secs": 1, "context_event_limit": 1}
    answer = json.dumps({"id": 1, "result": health}).encode() + b"\n"
    with listening(home, lambda client: client.sendall(answer)):
        ended = agentd(home, "status")
    assert ended.code == 1
    assert ended.out.splitlines()[1] == "database  disk on fire"


# serve


def test_already_running(shared: DaemonProcess) -> None:
    """A second daemon has exit code 4 and names the first one's pid."""
    ended = agentd(shared.home, "serve")
    assert (ended.code, ended.out) == (4, "")
    assert f" pid {shared.pid} " in ended.error


def test_a_database_that_is_refused(home: Path) -> None:
    """A file that is no database of agentd's gives exit code 5."""
    home.mkdir(mode=0o700)
    (home / "agent_state.db").touch()
    ended = agentd(home, "serve")
    assert (ended.code, ended.out) == (5, "")
    assert "is empty (0 bytes)" in ended.error


def test_no_verb_is_serve(shared: DaemonProcess) -> None:
    """`agentd` alone is `agentd serve`."""
    assert agentd(shared.home) == agentd(shared.home, "serve")
