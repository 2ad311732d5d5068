"""docs/coming-from-rust.md is tried row by row, against a daemon.

A row without a test here, or a test without its row, fails `test_every_row_is_tried`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from agentd.methods import METHODS
from tests import earlier
from tests.daemon_process import (
    REPOSITORY,
    Connection,
    DaemonProcess,
    environment,
    serve_to_the_end,
)
from tests.documents import blocks, quoted, rows, section, text
from tests.wire.steps import acquire, complete, fail, flat, held, refusal, register

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAGE = REPOSITORY / "docs" / "coming-from-rust.md"
DIFFERENCES = rows(section("What is the same, and what is not", PAGE))
ROWS = {what: here for _, what, here, _ in DIFFERENCES}
TRIED: set[str] = set()


def tries(what: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Marks the test of the row that speaks of this."""
    assert what in ROWS, f"{PAGE.name} has no row {what!r}"
    TRIED.add(what)
    return lambda test: test


def named(what: str) -> list[str]:
    """What the row has in backticks."""
    return list(quoted(ROWS[what]))


def health(home: Path, **env: str | None) -> int:
    """The lease length of a daemon that is started with these variables."""
    with DaemonProcess(home, **env) as daemon, daemon.connect() as connection:
        seconds: int = connection.call("Health")["running_timeout_secs"]
    return seconds


def env_file(path: Path, seconds: int) -> str:
    """An env file that says how long leases last."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(f"AGENTD_NODE_TIMEOUT_SECS={seconds}\n")
    path.chmod(0o600)
    return str(path)


# The same


@tries("lines")
def test_lines(shared: DaemonProcess, connection: Connection) -> None:
    """Requests that are sent without waiting are answered in their order, a line each."""
    assert shared.socket_path.name == "agentd.sock"
    connection.send_raw(b"".join(b'{"id":%d,"method":"Health"}\n' % n for n in range(9)))
    assert [connection.read_response()["id"] for _ in range(9)] == list(range(9))


@tries("methods")
def test_methods(connection: Connection) -> None:
    """Every method has both spellings; TaskStatus is known as GetTaskStatus too."""
    known = {name for method in METHODS for name in (method.name, *method.aliases)}
    assert set(named("methods")) <= known
    assert connection.call("health") == connection.call("Health")
    task = register(connection)
    assert connection.call("GetTaskStatus", task_id=task.id)["task"]["goal"] == "g"


@tries("what is left out")
def test_what_is_left_out(connection: Connection) -> None:
    """Params that are null, and optional fields that are, count as left out."""
    assert connection.request({"method": "Health", "params": None})["result"]["status"] == "ok"
    task = register(connection, context=None)
    holder = acquire(connection, task, lease_owner=None)
    assert holder["lease_owner"] == "anonymous"
    assert holder["context"]["task"]["context"] is None, "the user's own JSON"
    connection.call("CommitEvent", **held(holder), action_type=None, payload=1)


@tries("errors")
def test_errors(connection: Connection) -> None:
    """The codes are those of JSON-RPC and two of agentd's own."""
    codes = [
        json.loads(connection.ask(line))["error"]["code"]
        for line in ("{", "[]", '{"method":"No"}', '{"method":"TaskStatus"}')
    ]
    assert codes == [-32700, -32600, -32601, -32602]
    unknown = refusal(connection, "TaskStatus", task_id="00000000-0000-4000-8000-000000000000")
    assert (unknown.code, unknown.kind) == (-32000, "task_not_found")
    assert json.loads(connection.ask("x" * 2**20))["error"]["code"] == -32001
    assert all(str(code) in ROWS["errors"] for code in (-32700, -32600, -32603, -32000, -32001))


@tries("node states")
def test_node_states(connection: Connection) -> None:
    """The four of them, as the daemon describes itself."""
    described = connection.call("DescribeInterface")["state_model"]
    assert (
        described["node_statuses"]
        == [word for word in named("node states") if word in described["node_statuses"]][:4]
    )


@tries("the context's `event_journal`")
def test_the_event_journal(connection: Connection) -> None:
    """A context has what was said and how nodes ended; TaskEvents has all of it."""
    task = register(connection, flat(3))
    first = acquire(connection, task)
    connection.call("CommitEvent", **held(first), action_type="SAW", payload=1)
    complete(connection, first, "r")
    fail(connection, acquire(connection, task), "e")
    journal = acquire(connection, task)["context"]["event_journal"]
    assert [(event["action_type"], event["payload"]) for event in journal] == [
        ("SAW", 1),
        ("COMPLETE_NODE", {"result": "r"}),
        ("FAIL_NODE", {"error": "e"}),
    ]
    assert {event["node_id"] for event in journal} == {task.nodes["n0"], task.nodes["n1"]}
    events = connection.call("TaskEvents", task_id=task.id)["events"]
    assert "ADD_NODE" in {event["action_type"] for event in events}


@tries("database URLs")
@pytest.mark.parametrize("form", ["sqlite://~/{}", "sqlite://{0}", "sqlite:{0}", "{0}"])
@pytest.mark.parametrize("query", ["", "?mode=rwc"])
def test_database_urls(home: Path, form: str, query: str) -> None:
    """Each form names the same file."""
    path = home.parent / "x.db"
    url = form.format("x.db" if "~" in form else path) + query
    with DaemonProcess(home, AGENTD_DATABASE_URL=url):
        assert path.is_file()


@tries("env file")
def test_env_file(home: Path) -> None:
    """The one that is named comes first, then that of the home, then that of ~/.agentd."""
    named_one = env_file(home.parent / "env", 77)
    env_file(home / ".env", 66)
    assert health(home, AGENTD_ENV_FILE=named_one) == 77
    assert health(home) == 66
    env_file(home.parent / ".agentd" / ".env", 55)
    assert health(home) == 66
    assert health(home.parent / ".agentd", AGENTD_HOME=None) == 55


@tries("`RUST_LOG`")
@pytest.mark.parametrize(("value", "talks"), [("hyper=debug", True), ("[", True), ("error", False)])
def test_rust_log(home: Path, value: str, *, talks: bool) -> None:
    """What other programs are told mutes nothing; a level for all holds."""
    with DaemonProcess(home, AGENTD_LOG=None, RUST_LOG=value) as daemon:
        assert (" ready: " in daemon.stderr()) == talks


# Stricter


@tries("file modes")
def test_file_modes(daemon: DaemonProcess) -> None:
    """Nobody else can enter or read, whatever the umask."""
    assert stat.S_IMODE(daemon.home.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in daemon.home.iterdir()} == {0o600}


@tries("settings")
def test_settings(home: Path) -> None:
    """A number that is none stops the start."""
    end = serve_to_the_end(home, AGENTD_NODE_TIMEOUT_SECS="soon")
    assert (end.code, len(end.lines)) == (2, 1)


@tries("bad numbers")
def test_bad_numbers(connection: Connection) -> None:
    """What JSON has no number for is not JSON."""
    for number in [*named("bad numbers")[:2], "-Infinity", "01", "0x1"]:
        line = b'{"method":"RegisterTask","params":{"goal":"g","context":%b}}' % number.encode()
        assert json.loads(connection.ask(line))["error"]["code"] == -32700


@tries("misnamed results")
@pytest.mark.parametrize("method", ["CompleteNode", "FailNode", "CommitEvent"])
def test_misnamed_results(connection: Connection, method: str) -> None:
    """A result under a wrong name is not lost: it is refused, and can be sent again."""
    holder = held(acquire(connection, register(connection)))
    refused = refusal(connection, method, **holder, output={"precious": 1})
    assert (refused.code, refused.kind) == (-32602, "invalid_params")
    connection.call(method, **holder, payload={"precious": 1})


@tries("old leases")
def test_old_leases(fleeting: DaemonProcess) -> None:
    """Who comes too late is refused, though it held the node once."""
    with fleeting.connect() as connection:
        task = register(connection)
        late = acquire(connection, task)
        acquire(connection, task, lease_owner="another")
        assert refusal(connection, "CompleteNode", **held(late)).kind == "stale_lease"


@tries("large registrations")
def test_large_registrations(connection: Connection) -> None:
    """20,000 nodes are taken, one more is not."""
    most = 20_000
    assert f"{most:,}" in ROWS["large registrations"]
    register_many: Any = {"goal": "g", "initial_nodes": [{}] * most}
    assert len(connection.call("RegisterTask", **register_many)["node_ids"]) == most
    register_many["initial_nodes"].append({})
    assert refusal(connection, "RegisterTask", **register_many).kind == "invalid_params"


@tries("other databases")
@pytest.mark.parametrize("newer", [False, True])
def test_other_databases(home: Path, *, newer: bool) -> None:
    """One of the earlier agentd and a newer one are refused, and left as they are."""
    if newer:
        with DaemonProcess(home):
            pass
    home.mkdir(mode=0o700, exist_ok=True)
    path = home / "agent_state.db"
    with closing(sqlite3.connect(path)) as other:
        if newer:
            other.execute("PRAGMA user_version = 9999")
        else:
            for table in ("global_tasks", "dag_nodes", "event_journal"):
                other.execute(f"CREATE TABLE {table} (id TEXT)")
    before = path.read_bytes()
    end = serve_to_the_end(home)
    assert (end.code, len(end.lines)) == (5, 1)
    assert ("newer" if newer else "`agentd import-database PATH`") in end.output
    assert path.read_bytes() == before


# More


@tries("ids")
def test_ids(connection: Connection) -> None:
    """An id comes back as it was written; where there are two in a broken line, none does."""
    assert b'"id":1.50,' in connection.ask('{"id":1.50,"method":"No"}')
    assert json.loads(connection.ask('{"id":7,"method":"Health",'))["id"] == 7
    assert json.loads(connection.ask('{"id":1,"id":2,"method":"Health",'))["id"] is None


@tries("repeats")
def test_repeats(connection: Connection) -> None:
    """An end that is told twice has one event, and any request can be asked again."""
    task = register(connection)
    acquired = acquire(connection, task)
    assert complete(connection, acquired, 1) == complete(connection, acquired, 1)
    again = {"goal": "g", "request_id": "0b5a1f9e-2f0e-4f0a-9b58-3c1d2e4f5a6b"}
    assert connection.call("RegisterTask", **again) == connection.call("RegisterTask", **again)


@tries("your JSON")
def test_your_json(connection: Connection) -> None:
    """Keys keep their order and numbers their spelling."""
    written = b'{"b":1.50,"a":[1E2,12345678901234567890123]}'
    answer = connection.ask(
        b'{"method":"RegisterTask","params":{"goal":"g","context":%b}}' % written
    )
    task_id = json.loads(answer)["result"]["task_id"]
    status = connection.ask(json.dumps({"method": "TaskStatus", "params": {"task_id": task_id}}))
    assert b'"context":%b' % written in status


@tries("after an absence")
def test_after_an_absence(home: Path) -> None:
    """A lease that ran out while no daemon was there is good after the start."""
    with DaemonProcess(home, AGENTD_NODE_TIMEOUT_SECS="3") as daemon:
        with daemon.connect() as connection:
            acquired = acquire(connection, register(connection))
        daemon.kill()
        time.sleep(max(0.0, acquired["lease_expires_at"] + 0.1 - time.time()))
        daemon.restart()
        with daemon.connect() as connection:
            complete(connection, acquired, "in time")


@tries("looking")
def test_looking(connection: Connection) -> None:
    """The methods and the verbs are there."""
    methods = {method.name for method in METHODS}
    names = named("looking")
    assert set(names[:2]) <= methods
    verbs = {name.removeprefix("agentd ") for name in names[2:]}
    assert verbs <= {path.stem for path in (REPOSITORY / "agentd" / "cli").rglob("*.py")}
    assert connection.call("ListTasks", limit=1)["tasks"]


# Not yet


@tries("resource locks")
def test_resource_locks(connection: Connection) -> None:
    """Each of the methods answers, a lock that is held is nobody else's, and it is counted."""
    methods = [name for name in named("resource locks") if name.endswith(("Lock", "Locks"))]
    assert len(methods) == 4
    before = connection.call("Metrics")["database"]["active_resource_locks"]
    held_lock = connection.call("AcquireResourceLock", resource_key="k", owner="me")
    assert connection.call("AcquireResourceLock", resource_key="k", owner="me") is None
    assert connection.call("Metrics")["database"]["active_resource_locks"] == before + 1
    which = {name: held_lock[name] for name in ("resource_key", "lease_id")}
    assert connection.call("HeartbeatResourceLock", **which)["ok"]
    keys = [each["resource_key"] for each in connection.call("ListResourceLocks")["locks"]]
    assert "k" in keys
    assert connection.call("ReleaseResourceLock", **which) == {"ok": True}
    assert connection.call("Metrics")["database"]["active_resource_locks"] == before


# Taking over


@pytest.mark.parametrize("name", ["v2", "v1", "legacy"])
def test_the_steps(home: Path, name: str) -> None:
    """The lines are typed as they stand, in the home of somebody who had the earlier agentd."""
    place = home.parent
    old = place / ".agentd"
    old.mkdir()
    earlier.sample(name, old).rename(old / "agent_state.db")
    program = place / "bin" / "agentd"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m agentd "$@"\n')
    program.chmod(0o755)
    found = environment(old, {"AGENTD_HOME": None})
    env = {**found, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    lines = "".join(blocks(section("Taking over what it left", PAGE), "sh")).splitlines()
    assert lines.pop() == "agentd serve"
    for line in lines:
        command = ["/bin/sh", "-c", line]
        subprocess.run(command, cwd=REPOSITORY, env=env, check=True, capture_output=True)
    with DaemonProcess(old, AGENTD_HOME=None) as daemon, daemon.connect() as connection:
        assert len(connection.call("ListTasks")["tasks"]) == 8


# The page


def test_every_row_is_tried() -> None:
    """What the page says is what is tried here, no more and no less."""
    assert ROWS.keys() == TRIED
    assert len(DIFFERENCES) == len(ROWS)


def test_the_readme_leads_there() -> None:
    """Who comes from the earlier agentd finds the page."""
    assert f"](docs/{PAGE.name})" in text(REPOSITORY / "README.md")
