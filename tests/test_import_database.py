"""`agentd import-database`: what the earlier agentd left is taken over, and its workers go on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec.structs import replace

from agentd import AsyncClient
from agentd.earlier import make_plan, taking
from agentd.errors import StorageFull
from agentd.live import Board, Feed
from agentd.store.sqlite import SqliteStore
from agentd.store.sqlite.earlier import opened_earlier
from tests import earlier
from tests.command_line import Ended, agentd_here
from tests.daemon_process import (
    PATIENCE_SECONDS,
    REPOSITORY,
    Connection,
    DaemonProcess,
    serve_to_the_end,
    temporary_home,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LEFT_AT = 1_795_824_800
"""When the earlier agentd stopped that made the samples, in Unix seconds."""

HOUR = 3_600
LEASE_SECONDS = 36_000
"""How long what is live in the samples is so, from then on."""

SAID: Any = json.loads((earlier.SAMPLES / "v2.json").read_bytes())
"""What that agentd answered about the sample of schema 2."""

MANY_EVENTS = "c3b8b3bf-b4b9-4d5d-9bb5-dd8f382de6be"
EXPIRED = "0f7c64c5-9264-40c3-ba18-bb431495d207"
HELD = {
    "task_id": "2c1310a4-4a5f-4117-9af4-5f10184b1a22",
    "node_id": "b9a12456-af8c-4c88-b9bd-fa1d429f7979",
    "lease_id": "eeac8564-8004-40fe-bb61-63af6c700939",
}
READER = {
    "task_id": MANY_EVENTS,
    "node_id": "869d7f7b-5c84-461a-82e5-0f6fb46801c8",
    "lease_id": "81565d51-103b-49c4-b256-d910ddd9885b",
}
LOCK = {
    "resource_key": "file:src/lib.rs",
    "lease_id": "9f23490c-fc3d-49ca-b2b3-405700e4d58a",
}


def later() -> int:
    """By how many seconds the samples are put off, so that what is live ends in an hour."""
    return round(time.time()) + HOUR - LEFT_AT - LEASE_SECONDS


def take_over(home: Path, path: Path, *options: str) -> Ended:
    """Run the verb."""
    return agentd_here(home, "import-database", str(path), *options)


def data(ended: Ended) -> Any:
    """What it said to a program."""
    assert (ended.code, ended.err) == (0, ""), ended
    return json.loads(ended.out)["data"]


def everything(home: Path) -> list[tuple[Any, ...]]:
    """All that the journal says, but for what no two imports have in common."""
    opened = closing(SqliteStore.open_read_only(home / "agent_state.db"))
    with opened as store, store.read() as reader:
        return [(each.kind, each.node_id, each.data, each.payload) for each in reader.journal()]


# What that daemon answered, this one answers


@pytest.fixture(scope="module")
def shift() -> int:
    """By how many seconds the sample of the module is put off."""
    return later()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, shift: int) -> Iterator[Connection]:
    """A daemon that has taken over the sample of schema 2."""
    folder = tmp_path_factory.mktemp("earlier")
    path = earlier.put_off(earlier.sample("v2", folder), shift)
    with temporary_home() as home:
        ended = take_over(home, path)
        assert ended.code == 0, ended
        with DaemonProcess(home) as daemon, daemon.connect() as connection:
            yield connection


def expected_status(answer: Any, shift: int) -> Any:
    """A TaskStatus of the earlier agentd, as it is to be here."""
    for node in answer["nodes"]:
        node["dependencies"] = list(dict.fromkeys(node["dependencies"]))
        if node["id"] == EXPIRED:
            node["status"] = "PENDING"
            for name in ("acquired_at", "lease_id", "lease_owner", "lease_expires_at"):
                node[name] = None
            answer["counts"] = {"PENDING": 1}
        elif node["lease_expires_at"] is not None:
            node["lease_expires_at"] += shift
    return answer


def same(answer: Any, expected: Any) -> Any:
    """As much of an answer as the earlier agentd would have given."""
    if isinstance(expected, dict):
        return {name: same(answer[name], value) for name, value in expected.items()}
    if isinstance(expected, list):
        assert len(answer) == len(expected)
        return [same(*each) for each in zip(answer, expected, strict=True)]
    return answer


@pytest.mark.parametrize("what", SAID["tasks"])
def test_task_status(served: Connection, shift: int, what: str) -> None:
    """Every task is as it was: goal, context, nodes in their order, results, times, leases."""
    said = json.loads(json.dumps(SAID["tasks"][what]))
    expected = expected_status(said["TaskStatus"], shift)
    answer = served.call("TaskStatus", task_id=said["task_id"])
    answer["counts"] = {status: n for status, n in answer["counts"].items() if n}
    assert same(answer, expected) == expected
    assert answer["task"]["imported_from"] == f"earlier agentd, task {said['task_id']}"


def test_list_resource_locks(served: Connection, shift: int) -> None:
    """The locks that are live are held, two that would overlap here among them."""
    expected = json.loads(json.dumps(SAID["ListResourceLocks"]))
    for lock in expected["locks"]:
        lock["lease_expires_at"] += shift
    answer = served.call("ListResourceLocks")
    assert same(answer, expected) == expected


def test_events(served: Connection) -> None:
    """Every event is there, with its id and its time, in the order in which contexts had them."""
    rows = sorted(SAID["event_journal"], key=lambda row: (row["timestamp"], row["rowid"]))
    for task in SAID["tasks"].values():
        task_id = task["task_id"]
        found = served.call("TaskEvents", task_id=task_id, limit=1000)["events"]
        assert [
            (e["id"], e["node_id"], e["action_type"], e["payload"], e["timestamp"])
            for e in found
            if e["by_client"]
        ] == [
            (r["id"], r["node_id"], r["action_type"], json.loads(r["payload"]), r["timestamp"])
            for r in rows
            if r["task_id"] == task_id
        ]
        assert found[0]["action_type"] == "IMPORT_TASK"


def test_a_worker_goes_on(served: Connection) -> None:
    """A heartbeat, an event and the end of a node are taken under the lease that it has."""
    lasts = served.call("HeartbeatNode", **HELD)["lease_expires_at"]
    assert lasts >= time.time()
    served.call("CommitEvent", **HELD, action_type="progress", payload=1)
    served.call("CompleteNode", **HELD, result_payload="done")
    nodes = served.call("TaskStatus", task_id=HELD["task_id"])["nodes"]
    [node] = [each for each in nodes if each["id"] == HELD["node_id"]]
    assert (node["status"], node["result_payload"]) == ("COMPLETED", "done")


def test_the_holder_of_a_lock_goes_on(served: Connection) -> None:
    """It extends the lock and gives it back under the lease that it has."""
    assert served.call("HeartbeatResourceLock", **LOCK, ttl_secs=60)["ok"]
    assert served.call("ReleaseResourceLock", **LOCK) == {"ok": True}


def test_the_context(served: Connection) -> None:
    """Who takes a node sees the events that the earlier agentd showed, the newest 50 of them."""
    served.call("ReleaseNode", **READER)
    expected = SAID["context_of_the_reader"]["event_journal"]
    acquired = served.call("AcquireNextNode", task_id=MANY_EVENTS)
    assert acquired["node_id"] == READER["node_id"]
    assert same(acquired["context"]["event_journal"], expected) == expected


def test_a_new_task_is_seen_before_them(home: Path, tmp_path: Path) -> None:
    """Views show what was registered since first, whatever the ids of what was taken over."""

    async def follow(daemon: DaemonProcess) -> list[str]:
        async with (
            AsyncClient(daemon.socket_path) as client,
            aclosing(Feed(client).changes()) as changes,
            asyncio.timeout(PATIENCE_SECONDS),
        ):
            board = Board(client)
            await board.update(await anext(changes))
            await client.register_task("newest", initial_nodes=[{}])
            while len(board.tasks) == 8:
                await board.update(await anext(changes))
            return [row.goal for row in board.tasks]

    take_over(home, earlier.sample("v2", tmp_path))
    with DaemonProcess(home) as daemon:
        assert asyncio.run(follow(daemon))[0] == "newest"


def test_what_it_says(home: Path, tmp_path: Path) -> None:
    """How much of each, what goes on, and what had run out."""
    path = earlier.put_off(earlier.sample("v2", tmp_path), later())
    assert take_over(home, path).out.splitlines() == [
        f"taken over: 8 tasks, 20 nodes, 137 events, from {path} into {home / 'agent_state.db'}",
        "3 leases and 5 locks still held: whoever holds them goes on under the same ids",
        "1 node PENDING again, as the lease had run out",
        "1 lock left out, as the time was over",
        "found again, every one as it is in the file, and the file is as it was",
    ]


@pytest.mark.parametrize(
    ("name", "schema", "leases", "locks"), [("v2", 2, 3, 5), ("v1", 1, 3, 0), ("legacy", 0, 0, 0)]
)
def test_what_it_says_to_programs(
    home: Path, tmp_path: Path, name: str, schema: int, leases: int, locks: int
) -> None:
    """A file of each schema is taken over; the first knew neither of leases nor of locks."""
    path = earlier.put_off(earlier.sample(name, tmp_path), later())
    said = data(take_over(home, path, "--json"))
    assert (said["schema"], said["dry_run"], said["tasks_before"]) == (schema, False, 0)
    assert (said["tasks"], said["nodes"], said["events"]) == (8, 20, 137)
    assert (said["leases"], said["leases_run_out"]) == (leases, 4 - leases)
    assert (said["locks"], said["locks_run_out"]) == (locks, 1 if locks else 0)
    assert said["notes"] == []


def test_leases_before_schemas_were_numbered(home: Path, tmp_path: Path) -> None:
    """A file of that time may know of leases."""
    path = earlier.put_off(earlier.sample("v1", tmp_path), later())
    earlier.change(path, "DROP TABLE agentd_schema_migrations")
    said = data(take_over(home, path, "--json"))
    assert (said["schema"], said["leases"]) == (0, 3)


# The source stays as it is, and nothing is taken twice


def test_a_dry_run(home: Path, tmp_path: Path) -> None:
    """All is read, and nothing is made: not even the home."""
    path = earlier.put_off(earlier.sample("v2", tmp_path), later())
    before = earlier.traces(path)
    ended = take_over(home, path, "--dry-run")
    assert ended.out.startswith("would be taken over: 8 tasks, 20 nodes, 137 events, from ")
    assert "found again" not in ended.out
    assert not home.exists()
    assert earlier.traces(path) == before


def test_a_repeat(home: Path, tmp_path: Path) -> None:
    """Nothing is there twice, whatever has been done with it meanwhile; the file is as it was."""
    path = earlier.put_off(earlier.sample("v2", tmp_path), later())
    before = earlier.traces(path)
    take_over(home, path)
    with DaemonProcess(home) as daemon, daemon.connect() as connection:
        connection.call("CompleteNode", **HELD)
        connection.call("ReleaseResourceLock", **LOCK)
    recorded = everything(home)
    said = data(take_over(home, path, "--json"))
    assert (said["tasks"], said["events"], said["locks"], said["tasks_before"]) == (0, 0, 0, 8)
    assert everything(home) == recorded
    assert earlier.traces(path) == before


def test_how_far_a_repeat_has_come(home: Path, tmp_path: Path) -> None:
    """What is here already is read, too, and counted: the bar comes to its end."""
    path = earlier.sample("v2", tmp_path)
    take_over(home, path)
    told: list[int] = []
    with (
        opened_earlier(path) as file,
        closing(SqliteStore.open_read_only(home / "agent_state.db")) as store,
        store.read() as here,
    ):
        make_plan(file, here, LEFT_AT * 1000, told.append)
        assert told[-1] == file.counts["event_journal"] > 100
    assert told == sorted(told)


def test_what_came_later(home: Path, tmp_path: Path) -> None:
    """A task that the file did not have is brought by a repeat, under any name of the file."""
    path = earlier.sample("v2", tmp_path)
    whole = path.rename(tmp_path / "whole.db")
    path.write_bytes(whole.read_bytes())
    with earlier.changing(path) as database:
        for table in ("event_journal", "dag_nodes"):
            database.execute(f"DELETE FROM {table} WHERE task_id = ?", (MANY_EVENTS,))
        database.execute("DELETE FROM global_tasks WHERE id = ?", (MANY_EVENTS,))
    assert data(take_over(home, path, "--json"))["tasks"] == 7
    said = data(take_over(home, whole, "--json"))
    assert (said["tasks"], said["events"], said["tasks_before"]) == (1, 120, 7)


def test_a_source_that_went_on(home: Path, tmp_path: Path) -> None:
    """Where the file no longer says what was taken over, the task and what differs are named."""
    path = earlier.sample("v2", tmp_path)
    take_over(home, path)
    earlier.change(path, "UPDATE global_tasks SET goal = 'another' WHERE id = ?", MANY_EVENTS)
    ended = take_over(home, path)
    assert ended.code == 1
    assert f"task {MANY_EVENTS}" in ended.error
    assert "take it over into an empty home" in ended.error


def test_beside_other_tasks(home: Path, tmp_path: Path) -> None:
    """What is there already stays; a lock that was taken here is not taken away."""
    path = earlier.put_off(earlier.sample("v2", tmp_path), later())
    with DaemonProcess(home) as daemon, daemon.connect() as connection:
        connection.call("RegisterTask", goal="mine", initial_nodes=[{}])
        connection.call("AcquireResourceLock", resource_key="tool:cargo-fmt", owner="me")
    said = data(take_over(home, path, "--json"))
    assert (said["tasks"], said["locks"]) == (8, 4)
    [note] = said["notes"]
    assert note == (
        "the lock 'tool:cargo-fmt' of 'anonymous' is left out: 'me' has taken 'tool:cargo-fmt' here"
    )
    assert agentd_here(home, "replay", "--check").code == 0


@pytest.mark.parametrize("what", ["node", "event"])
def test_an_id_that_another_has(home: Path, tmp_path: Path, what: str) -> None:
    """Nothing is taken where an id of the file is that of something else here."""
    path = earlier.sample("v2", tmp_path)
    take_over(home, path)
    recorded = everything(home)
    copy = path.rename(tmp_path / "copy.db")
    with earlier.changing(copy) as database:
        database.execute("DELETE FROM resource_locks")
        tables = ("global_tasks", "dag_nodes", "event_journal")
        for table, column in zip(tables, ("id", "task_id", "task_id"), strict=True):
            database.execute(f"UPDATE {table} SET {column} = 'ffff' || substr({column}, 5)")
        if what == "event":
            for column in ("event_journal.node_id", "dag_nodes.id"):
                table, _, name = column.partition(".")
                database.execute(f"UPDATE {table} SET {name} = 'ffff' || substr({name}, 5)")
            database.execute("UPDATE dag_nodes SET dependencies = '[]'")
    ended = take_over(home, copy)
    assert (ended.code, f"has the {what} " in ended.error) == (5, True)
    assert "so has another task here" in ended.error
    assert everything(home) == recorded


@pytest.mark.parametrize("index", [True, False], ids=["with an index", "without one"])
def test_what_is_in_the_wal(home: Path, tmp_path: Path, *, index: bool) -> None:
    """What was written last is read from the WAL, which stays as it is."""
    path = earlier.sample("v2", tmp_path)
    left = tmp_path / "left"
    left.mkdir()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_autocheckpoint = 0")
        with database:
            database.execute("UPDATE global_tasks SET goal = 'in the WAL'")
        for end in ("", "-wal", "-shm") if index else ("", "-wal"):
            (left / f"a.db{end}").write_bytes(path.with_name(path.name + end).read_bytes())
    before = earlier.traces(left / "a.db")
    assert take_over(home, left / "a.db").code == 0
    assert earlier.traces(left / "a.db") == before
    goals = [data for kind, _, data, _ in everything(home) if kind == "TaskRegistered"]
    assert len(goals) == 8
    assert all(b'"goal":"in the WAL"' in goal for goal in goals)


# Killed in the middle


KILLED = """
import os, signal, sys
from agentd.cli import main
from agentd.earlier import make_plan, taking
from agentd.store.sqlite import SqliteStore
from agentd.store.sqlite.earlier import opened_earlier

taking._RECORDS_AT_ONCE = 1
left = [int(sys.argv.pop(1))]
commit = SqliteStore._commit

def commit_or_die(self):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    commit(self)

SqliteStore._commit = commit_or_die
main(sys.argv[1:])
"""


@pytest.mark.parametrize("tasks", [0, 3, 7])
def test_a_kill(home: Path, tmp_path: Path, tasks: int) -> None:
    """Each task is there whole or not at all, and a repeat brings what is missing."""
    path = earlier.put_off(earlier.sample("v2", tmp_path), later())
    command = [sys.executable, "-c", KILLED, str(tasks), "import-database", str(path)]
    env = {**os.environ, "AGENTD_HOME": str(home)}
    ended = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended
    said = data(take_over(home, path, "--json"))
    assert (said["tasks_before"], said["tasks"]) == (tasks, 8 - tasks)
    assert agentd_here(home, "replay", "--check").code == 0
    at_once = home.with_name("at-once")
    take_over(at_once, path)
    assert sorted(map(str, everything(home))) == sorted(map(str, everything(at_once)))


def test_an_interrupt(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What had arrived by then stays, and the words are those of any interrupt."""
    path = earlier.sample("v2", tmp_path)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("agentd.earlier.verify", interrupt)
    assert take_over(home, path).code == 130
    monkeypatch.undo()
    assert data(take_over(home, path, "--json"))["tasks_before"] == 8


def test_a_full_disk(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words say that what had arrived stays, for a repeat brings no more than the rest."""
    path = earlier.sample("v2", tmp_path)
    room = iter(range(2))

    def checkpoint(_store: SqliteStore) -> None:
        if next(room, None) is None:
            raise StorageFull

    monkeypatch.setattr(taking, "_RECORDS_AT_ONCE", 1)
    monkeypatch.setattr(SqliteStore, "checkpoint", checkpoint)
    ended = take_over(home, path)
    assert (ended.code, "until then stays: free some space" in ended.error) == (1, True), ended
    assert "nothing of this request" not in ended.error
    monkeypatch.undo()
    assert data(take_over(home, path, "--json"))["tasks_before"] == 3


# Who else is there


def test_beside_a_daemon(home: Path, tmp_path: Path, daemon: DaemonProcess) -> None:
    """While a daemon works on the target it is refused; to look is allowed."""
    path = earlier.sample("v2", tmp_path)
    ended = take_over(home, path)
    assert (ended.code, str(daemon.pid) in ended.error) == (4, True)
    assert take_over(home, path, "--dry-run").code == 0
    with daemon.connect() as connection:
        assert connection.call("ListTasks")["tasks"] == []


def test_beside_the_earlier_daemon(home: Path, tmp_path: Path) -> None:
    """While a program has the file open it is refused: it may write to it."""
    path = earlier.sample("v2", tmp_path)
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]);"
        "c.execute('SELECT * FROM dag_nodes').fetchone(); print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        ended = take_over(home, path)
        assert (ended.code, "stop it first" in ended.error) == (4, True)
        other.communicate()
    assert not home.exists()


def test_in_the_place_of_the_new_one(home: Path) -> None:
    """A file that lies where this agentd's own database goes is to be moved away first."""
    home.mkdir(mode=0o700)
    path = earlier.sample("v2", home).rename(home / "agent_state.db")
    path.chmod(0o600)
    before = path.read_bytes()
    ended = take_over(home, path)
    assert (ended.code, "move it to another folder" in ended.error) == (5, True)
    start = serve_to_the_end(home)
    assert (start.code, "`agentd import-database PATH`" in start.output) == (5, True)
    assert "`agentd import-database PATH`" in agentd_here(home, "doctor").out
    assert path.read_bytes() == before


# To a server


def test_to_a_server(home: Path, tmp_path: Path, database_url: str) -> None:
    """It arrives there as in a file, once; while a daemon works there it is refused."""
    path = earlier.put_off(earlier.sample("v2", tmp_path), later())
    env = {"AGENTD_DATABASE_URL": database_url}

    def run(*words: str) -> Ended:
        return agentd_here(home, *words, extra=env)

    assert run("database", "init").code == 0
    with DaemonProcess(home, **env):
        ended = run("import-database", str(path))
        assert (ended.code, "daemons work on the database" in ended.error) == (4, True)
    said = data(run("import-database", str(path), "--json"))
    assert (said["tasks"], said["nodes"], said["events"]) == (8, 20, 137)
    assert (said["leases"], said["locks"]) == (3, 5)
    assert "postgres:" not in said["into"]
    assert data(run("import-database", str(path), "--json"))["tasks_before"] == 8
    assert run("replay", "--check").code == 0
    with DaemonProcess(home, **env) as daemon, daemon.connect() as connection:
        assert connection.call("HeartbeatNode", **HELD)["lease_expires_at"] > time.time()


def test_what_a_server_does_not_keep(home: Path, tmp_path: Path, database_url: str) -> None:
    """The words say where it is, that what had arrived stays, and what to do."""
    path = earlier.put_off(earlier.sample("v2", tmp_path), later())
    earlier.change(path, "UPDATE resource_locks SET owner = 'a' || char(0)")
    env = {"AGENTD_DATABASE_URL": database_url}
    assert agentd_here(home, "database", "init", extra=env).code == 0
    ended = agentd_here(home, "import-database", str(path), extra=env)
    assert (ended.code, ended.out) == (1, "")
    assert "U+0000, and " in ended.error
    assert "a lock or the owner of a lease; what was taken over until then stays" in ended.error
    assert "nothing of this request" not in ended.error


# What is not as it was, is found


def spoil(name: str, **fields: Any) -> Callable[[pytest.MonkeyPatch], None]:
    """Have something else arrive than was read."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        make = getattr(taking, name)

        def wrong(*given: Any) -> Any:
            return replace(make(*given), **fields)

        monkeypatch.setattr(taking, name, wrong)

    return patch


def lose_the_last_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have fewer events arrive than were read."""
    name = "_some_events"
    some = getattr(taking, name)
    monkeypatch.setattr(taking, name, lambda task: some(task)[:-1])


def lose_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have tasks not arrive."""
    monkeypatch.setattr(taking, "_take_task", lambda *_: 1)


def lose_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have locks not arrive."""
    monkeypatch.setattr("agentd.earlier.taking._Locks._take", lambda *_: None)


@pytest.mark.parametrize(
    ("spoiling", "what"),
    [
        (spoil("_node_spec", result_payload=msgspec.Raw(b"5"), status="FAILED"), "its status"),
        (spoil("_node_spec", result_payload=msgspec.Raw(b"5"), status="COMPLETED"), "its result"),
        (spoil("_node_spec", payload_schema=msgspec.Raw(b"5")), "node "),
        (spoil("_node_spec", dependencies=[]), "its dependencies"),
        (spoil("_live_lease", owner="another"), "the lease of node"),
        (spoil("_live_lease", acquired_at=5), "its acquired_at"),
        (spoil("_event_spec", action_type="another"), "event "),
        (spoil("_event_spec", payload=msgspec.Raw(b"5")), "event "),
        (spoil("_event_spec", timestamp=5), "event "),
        (spoil("_live_lock", owner="another"), "is another one here"),
        (spoil("_live_lock", metadata=b"5"), "is another one here"),
        (lose_the_last_events, "is not here"),
        (lose_tasks, "is not here"),
        (lose_locks, "is not here"),
    ],
)
def test_what_arrives_otherwise(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoiling: Callable[[pytest.MonkeyPatch], None],
    what: str,
) -> None:
    """Nobody is told that all has been taken over: what is not as it was is named."""
    path = earlier.put_off(earlier.sample("v2", tmp_path), later())
    spoiling(monkeypatch)
    ended = take_over(home, path)
    assert (ended.code, what in ended.error) == (1, True), ended
    assert "taken over" not in ended.out
