"""`agentd replay` as people run it: rebuild, check, and look back, in a process of its own."""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agentd.api import rfc3339
from agentd.store.sqlite import SqliteStore
from tests.command_line import Ended, agentd, on_a_terminal
from tests.core import NOW, Core, spec, uid
from tests.daemon_process import DaemonProcess
from tests.wire.steps import acquire, complete, flat, register

OK = "replay check: ok; rows equal, hash chains whole, every edge legal\n"
FIRST = uid(1)

# The history below, second by second; a record's seq is what --until takes.
REGISTERED, ACQUIRED, NOTED, COMPLETED = 3, 4, 5, 6


@pytest.fixture
def task(home: Path) -> str:
    """A stopped database: two nodes, registered, and the first acquired, noted and completed."""
    home.mkdir(mode=0o700)
    core = Core(SqliteStore.open(home / "agent_state.db", NOW))
    task_id = core.register(spec(1), spec(2, 1))
    core.now += 1000
    held = core.hold(task_id)
    core.now += 1000
    core.do("CommitEvent", **held.params, payload={"seen": 1})
    core.now += 1000
    core.do("CompleteNode", **held.params, result_payload={"said": "hello"})
    core.store.close()
    return task_id


def tamper(home: Path, *statements: str) -> None:
    """Change the stopped database behind agentd's back, its triggers out of the way."""
    with closing(sqlite3.connect(home / "agent_state.db", isolation_level=None)) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        for (name,) in names.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for sql in statements:
            assert connection.execute(sql).rowcount >= 1, sql


def check(home: Path) -> Ended:
    """`agentd replay --check`."""
    return agentd(home, "replay", "--check")


def until(home: Path, task_id: str, when: str) -> Ended:
    """`agentd replay --until WHEN --task ID`, somewhere in the world."""
    return agentd(home, "replay", "--until", when, "--task", task_id, TZ="JST-9")


def statuses(ended: Ended) -> list[str]:
    """The statuses of the nodes of a task that was printed."""
    assert ended.code == 0, ended
    return [node["status"] for node in json.loads(ended.out)["nodes"]]


# --check


@pytest.mark.usefixtures("task")
def test_check_of_a_good_database(home: Path) -> None:
    """A database that is the fold of its journal is ok, and the check leaves it as it was."""
    database = home / "agent_state.db"
    before = database.read_bytes()
    assert check(home) == (0, OK, "")
    assert database.read_bytes() == before


def test_check_beside_a_daemon(shared: DaemonProcess) -> None:
    """The check works while a daemon is at work on the database, and does not disturb it."""
    with shared.connect() as connection:
        held = acquire(connection, register(connection, flat(3)))
        assert check(shared.home) == (0, OK, "")
        complete(connection, held)
    assert check(shared.home).code == 0


def test_check_finds_a_changed_row(home: Path, task: str) -> None:
    """A row that was changed is named, with what it is and what the journal says."""
    tamper(home, f"UPDATE nodes SET status = 'FAILED' WHERE node_id = '{FIRST}'")
    ended = check(home)
    assert (ended.code, ended.err) == (1, "")
    assert ended.out.splitlines() == [
        f"nodes {FIRST} (task {task}): status is 'FAILED', the journal says 'COMPLETED'",
        "replay check: 1 difference",
    ]


@pytest.mark.usefixtures("task")
def test_check_finds_a_changed_payload(home: Path) -> None:
    """A payload that was changed in the journal breaks the hash chain at its seq."""
    tamper(home, f"UPDATE journal SET payload = CAST('{{}}' AS BLOB) WHERE seq = {NOTED}")
    ended = check(home)
    assert ended.code == 1
    assert re.search(rf"^seq {NOTED} .*hash chain breaks", ended.out)


@pytest.mark.usefixtures("task")
def test_check_shows_the_first_differences(home: Path) -> None:
    """Of many differences the first twenty are printed, and the rest are counted."""
    core = Core(SqliteStore.open(home / "agent_state.db", NOW))
    core.register(*map(spec, range(10, 40)))
    core.store.close()
    tamper(home, "UPDATE nodes SET position = position + 100")
    lines = check(home).out.splitlines()
    assert len(lines) == 21
    assert lines[-1] == "replay check: 32 differences, 12 not shown"


def test_check_without_a_database(home: Path) -> None:
    """Where there is no database nothing is created, and the exit code is 5."""
    ended = check(home)
    assert (ended.code, ended.out) == (5, "")
    assert "there is no database at" in ended.error
    assert not home.exists()


# Rebuild


@pytest.mark.usefixtures("task")
def test_rebuild_repairs_the_rows(home: Path) -> None:
    """A rebuild puts rows in place that are the journal's fold again."""
    tamper(home, "DELETE FROM nodes", "UPDATE tasks SET created_at = 9")
    assert check(home).code == 1
    ended = agentd(home, "replay")
    assert (ended.code, ended.err) == (0, "")
    assert re.fullmatch(r"replayed 6 events in \d\.\d s; the projections are rebuilt\n", ended.out)
    assert check(home) == (0, OK, "")


def test_rebuild_under_a_daemon(shared: DaemonProcess) -> None:
    """Under a running daemon a rebuild is refused with its pid, and the check is recommended."""
    ended = agentd(shared.home, "replay")
    assert (ended.code, ended.out) == (4, "")
    assert f"pid {shared.pid} " in ended.error
    assert "--check does not" in ended.error


def test_rebuild_without_a_database(home: Path) -> None:
    """There is nothing to rebuild where there is no database, and none is created."""
    ended = agentd(home, "replay")
    assert (ended.code, ended.out) == (5, "")
    assert not home.exists()


@pytest.mark.usefixtures("task")
def test_a_terminal_gets_a_progress_bar(home: Path) -> None:
    """On a terminal a bar shows how far the replay is, and is gone at the end."""
    core = Core(SqliteStore.open(home / "agent_state.db", NOW))
    core.register(*map(spec, range(10, 2_010)))
    core.store.close()
    ended = on_a_terminal(home, "replay")
    assert ended.code == 0
    bar, _, rest = ended.out.rpartition("\r\x1b[K")
    assert re.search(r"replaying events \[#+\.*\] 2,000 of 2,007", bar)
    assert rest.startswith("replayed 2,007 events")


# --until


@pytest.mark.parametrize(
    ("seq", "expected"),
    [
        (REGISTERED, ["PENDING", "PENDING"]),
        (ACQUIRED, ["RUNNING", "PENDING"]),
        (COMPLETED, ["COMPLETED", "PENDING"]),
        (COMPLETED + 1000, ["COMPLETED", "PENDING"]),
    ],
)
def test_until_a_seq(home: Path, task: str, seq: int, expected: list[str]) -> None:
    """--until SEQ prints the task as it was after that event."""
    assert statuses(until(home, task, str(seq))) == expected


def test_until_of_a_beginning(home: Path, task: str) -> None:
    """The beginning of an id stands for it here too, though no daemon is asked."""
    assert until(home, task[:13], "1") == until(home, task, "1")
    assert until(home, "ffff", "1").error.startswith("agentd: no task's id begins with ffff")


@pytest.mark.parametrize(
    ("milliseconds", "expected"), [(0, "PENDING"), (999, "PENDING"), (1000, "RUNNING")]
)
def test_until_a_time(home: Path, task: str, milliseconds: int, expected: str) -> None:
    """--until TIME prints the task as it was at that moment."""
    assert statuses(until(home, task, rfc3339(NOW + milliseconds)))[0] == expected


@pytest.mark.parametrize("spelling", ["2026-01-31T13:00:02+01:00", "2026-01-31 12:00:02"])
def test_until_a_time_in_another_spelling(home: Path, task: str, spelling: str) -> None:
    """An offset counts, and a time without one is UTC."""
    assert statuses(until(home, task, spelling))[0] == "RUNNING"


def test_until_prints_what_task_status_says(shared: DaemonProcess) -> None:
    """At the end of the journal it is TaskStatus, byte for byte, also beside the daemon."""
    with shared.connect() as connection:
        task = register(connection, {"a": (), "b": ("a",)}, context={"n": 1})
        complete(connection, acquire(connection, task), {"done": [1.50, "ö"]})
    now = agentd(shared.home, "call", "TaskStatus", json.dumps({"task_id": task.id}))
    assert now.code == 0
    last = agentd(shared.home, "task", "events", task.id).out.splitlines()[-1].split()[0]
    assert until(shared.home, task.id, last) == now
    beyond = until(shared.home, task.id, "999999999")
    assert (beyond.code, beyond.out) == (0, now.out)
    words = f"agentd: the journal ends with seq {last}: this is the task as it is now"
    assert beyond.error == words


@pytest.mark.parametrize("when", ["0", "2026-01-31T11:59:59Z"])
def test_until_before_the_task(home: Path, task: str, when: str) -> None:
    """Before its registration there is no task, and the exit code is 1."""
    ended = until(home, task, when)
    assert (ended.code, ended.out) == (1, "")
    assert f"there was no task {task} then (task_not_found)" in ended.error


@pytest.mark.usefixtures("task")
def test_until_leaves_the_database_alone(home: Path) -> None:
    """Looking back writes nothing."""
    before = (home / "agent_state.db").read_bytes()
    until(home, uid(9), "1")
    assert (home / "agent_state.db").read_bytes() == before
