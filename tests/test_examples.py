"""The session of five requests from other runtimes, as a stranger would run it."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest

from agentd import Client
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, DaemonProcess, environment
from tests.losing_answers import losing_answers
from tests.wire.steps import register

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.daemon_process import Connection, Object

EXAMPLES = REPOSITORY / "examples"
SHELL_TOOLS = ("sh", "jq", "grep", "cat", "sleep", "mktemp", "rm", "tail")
WORKED = ["ACQUIRE_NODE", "STARTED", "COMPLETE_NODE"]
JOURNAL = ["REGISTER_TASK", "ADD_NODE", "ADD_NODE", *WORKED, *WORKED]


class Runtime(NamedTuple):
    """How an example is run, and the programs that it needs."""

    command: tuple[str, ...]
    programs: tuple[str, ...] = ()

    def start(self, home: Path, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """Start it; it finds no other programs than those it needs."""
        if self.programs:
            env["PATH"] = str(_folder_of(self.programs, home.parent))
        return subprocess.Popen(
            [*self.command, *arguments],
            cwd=home.parent,
            env=environment(home, env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


class Ended(NamedTuple):
    """How a run ended."""

    code: int
    out: str
    err: str


def _folder_of(programs: Sequence[str], parent: Path) -> Path:
    folder = parent / "-".join(("bin", *programs))
    folder.mkdir(exist_ok=True)
    for name in programs:
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(shutil.which(name) or name)
    return folder


def _shell(transport: str) -> Runtime:
    return Runtime(("/bin/sh", str(EXAMPLES / "session.sh")), (*SHELL_TOOLS, transport))


RUNTIMES = {
    # Without site-packages, so that agentd cannot be imported.
    "python": Runtime((sys.executable, "-I", "-S", str(EXAMPLES / "session.py"))),
    "node": Runtime(("node", str(EXAMPLES / "session.mjs")), ("node",)),
    "nc": _shell("nc"),
    "socat": _shell("socat"),
    "ncat": _shell("ncat"),
}
ONE_OF_EACH = ("python", "node", "nc")


def _missing(runtime: Runtime) -> str | None:
    for program in runtime.programs:
        if shutil.which(program) is None:
            return f"{program} is not installed"
    if "nc" in runtime.programs and not _nc_closes_its_side():
        return "the nc of this machine knows no -N"
    return None


def _nc_closes_its_side() -> bool:
    command = ["nc", "-h"]  # whichever PATH has
    told = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    return re.search(r"-[A-Za-z]*N", told.stdout + told.stderr) is not None


def _runtime(name: str) -> Runtime:
    runtime = RUNTIMES[name]
    if missing := _missing(runtime):
        pytest.skip(missing)
    return runtime


def _run(runtime: Runtime, home: Path, *arguments: str, **env: str) -> Ended:
    return _ended(runtime.start(home, *arguments, **env))


def _ended(process: subprocess.Popen[str]) -> Ended:
    with process:
        try:
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()  # nothing, where it has ended
        return Ended(process.returncode, out, err)


def _task(out: str) -> str:
    """The id of the task that an example ends with."""
    found = re.search(r"^task (\S+): ", out, re.MULTILINE)
    assert found, out
    return found[1]


def _journal(connection: Connection, task_id: str) -> list[Object]:
    events: list[Object] = connection.call("TaskEvents", task_id=task_id)["events"]
    return events


def _statuses(connection: Connection, task_id: str) -> dict[str, int]:
    counts: dict[str, int] = connection.call("TaskStatus", task_id=task_id)["counts"]
    return counts


def _tasks_with_heartbeats(database: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        found = connection.execute("SELECT task_id FROM journal WHERE kind = 'LeaseExtended'")
        return {task_id for (task_id,) in found}


@pytest.fixture(params=ONE_OF_EACH)
def runtime(request: pytest.FixtureRequest) -> Runtime:
    """Each of the examples, the shell's with nc."""
    return _runtime(request.param)


@pytest.fixture(scope="module")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home without a daemon."""
    return tmp_path_factory.mktemp("nobody") / "home"


def test_a_session(shared: DaemonProcess, connection: Connection, runtime: Runtime) -> None:
    """The session completes two nodes, the second with the result of the first at hand."""
    ended = _run(runtime, shared.home)
    assert (ended.code, ended.err) == (0, "")
    task_id = _task(ended.out)
    status = connection.call("TaskStatus", task_id=task_id)
    hello = {"said": "hello", "after": []}
    assert status["task"]["goal"] == "greet"
    assert [node["result_payload"] for node in status["nodes"]] == [
        hello,
        {"said": "goodbye", "after": [hello]},
    ]
    assert [event["action_type"] for event in _journal(connection, task_id)] == JOURNAL


def test_an_answer_that_is_lost(
    shared: DaemonProcess, connection: Connection, runtime: Runtime, home: Path
) -> None:
    """A lost answer to any request leaves the journal as if it had not been lost."""
    home.mkdir()
    path = home / "losing.sock"
    with losing_answers(shared, path) as lost:
        ended = _run(runtime, shared.home, AGENTD_SOCKET_PATH=str(path))
    assert (ended.code, ended.err) == (0, "")
    assert lost == [
        "Health",
        "RegisterTask",
        "AcquireNextNode",
        "CommitEvent",
        "CompleteNode",
        "TaskStatus",
    ]
    task_id = _task(ended.out)
    assert [event["action_type"] for event in _journal(connection, task_id)] == JOURNAL
    assert _statuses(connection, task_id) == {"COMPLETED": 2}


@pytest.mark.parametrize("number", ["1e400", "9" * 6000], ids=["large", "long"])
def test_numbers_that_nobody_can_hold(shared: DaemonProcess, runtime: Runtime, number: str) -> None:
    """A payload with such a number in it is worked on as any other."""
    payload = msgspec.Raw(f'{{"say":"hello","more":{number}}}'.encode())
    with Client(shared.socket_path) as client:
        task_id = client.register_task("g", initial_nodes=[{"payload_schema": payload}]).task_id
        ended = _run(runtime, shared.home, task_id)
        assert (ended.code, ended.err) == (0, "")
        assert client.task_status(task_id).counts == {"COMPLETED": 1}


def test_work_that_fails(shared: DaemonProcess, connection: Connection, runtime: Runtime) -> None:
    """What a node's work complains about is the node's error, and the exit code tells of it."""
    task_id = register(connection).id
    ended = _run(runtime, shared.home, task_id)
    assert ended.code == 1
    [*_, failed] = _journal(connection, task_id)
    assert failed["action_type"] == "FAIL_NODE"
    assert "nothing to say" in failed["payload"]["error"]["message"]


def test_an_answer_of_any_length(
    shared: DaemonProcess, connection: Connection, runtime: Runtime
) -> None:
    """A context of a megabyte arrives whole, and characters that end lines elsewhere survive."""
    said = 'a\u2028b\u0085c\nd\\n"e" é 😀'
    nodes = [{"payload_schema": {"say": said}}]
    registered: Any = connection.call(
        "RegisterTask", goal="g", context="x" * 1_000_000, initial_nodes=nodes
    )
    ended = _run(runtime, shared.home, registered["task_id"])
    assert (ended.code, ended.err) == (0, "")
    [node] = connection.call("TaskStatus", task_id=registered["task_id"])["nodes"]
    assert node["result_payload"] == {"said": said, "after": []}


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_refusal(shared: DaemonProcess, name: str) -> None:
    """A refused request ends it with the daemon's message and exit code 1, whatever carries it."""
    unknown = str(uuid.uuid4())
    ended = _run(_runtime(name), shared.home, unknown)
    assert (ended.code, ended.out) == (1, "")
    [line] = ended.err.splitlines()
    assert f"there is no task {unknown}" in line


def test_no_daemon(nobody: Path, runtime: Runtime) -> None:
    """Where no daemon is, it says where it looked and what to do, with exit code 3."""
    ended = _run(runtime, nobody)
    assert (ended.code, ended.out) == (3, "")
    last = ended.err.splitlines()[-1]
    assert str(nobody / "agentd.sock") in last
    assert "agentd serve" in last


@pytest.fixture
def short_leases(home: Path) -> Iterator[DaemonProcess]:
    """A daemon with short leases: a heartbeat may be late by two seconds and more."""
    with DaemonProcess(home, AGENTD_NODE_TIMEOUT_SECS="4") as process:
        yield process


def test_heartbeats(short_leases: DaemonProcess) -> None:
    """While a node is worked on, its lease is extended every third of its time."""
    present = [runtime for name in ONE_OF_EACH if not _missing(runtime := RUNTIMES[name])]
    nodes = [{"payload_schema": {"say": "hello", "seconds": 3}}]
    with short_leases.connect() as connection:
        tasks = [
            connection.call("RegisterTask", goal="g", initial_nodes=nodes)["task_id"]
            for _ in present
        ]
        running = [
            runtime.start(short_leases.home, task_id)
            for runtime, task_id in zip(present, tasks, strict=True)
        ]
        assert [_ended(process).err for process in running] == [""] * len(running)
        assert [_statuses(connection, task_id) for task_id in tasks] == [{"COMPLETED": 1}] * len(
            tasks
        )
    assert _tasks_with_heartbeats(short_leases.database) == set(tasks)
