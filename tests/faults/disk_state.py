"""What is in a database, held against what the clients were told.

The rule this file keeps: a database is right when it is sound in itself (integrity_check, replay)
and equals, in everything a client can ask, one moment of the history. Anything between two moments,
and anything of two of them, is wrong.
"""

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import apsw

from agentd import replay
from agentd.store.sqlite import SqliteStore
from tests.core import Core
from tests.faults.disk_workload import LEASE_MS, Acknowledged

_NOTED = (
    "SELECT event_id, payload FROM journal "
    "WHERE kind IN ('EventCommitted', 'NodeCompleted', 'NodeFailed') ORDER BY seq"
)


def seen(core: Core, path: Path, before: Acknowledged, moment: int) -> Acknowledged:
    """What a client is shown now, of the tasks that were known before."""
    with _looking(path) as connection:
        noted = _noted(connection)
    return Acknowledged(
        moment,
        core.now,
        core.do("Metrics")["database"],
        {task_id: core.do("TaskStatus", task_id=task_id) for task_id in before.tasks},
        tuple(noted),
    )


def moment_of(store: SqliteStore, path: Path, history: Sequence[Acknowledged]) -> Acknowledged:
    """The last moment of the history at which the database was as it is now.

    Raises `AssertionError` where there is none, or the database is not sound.
    """
    with _looking(path) as connection:
        integrity = connection.pragma("integrity_check")
        assert integrity == "ok", integrity
        differences = list(replay.check(store, lambda _seq: None))
        assert not differences, differences
        events = connection.execute("SELECT count(*) FROM journal").get
        noted = _noted(connection)
    moments = [known for known in history if known.events == events]
    assert moments, f"no commit ended with {events} events"
    _compare(store, noted, moments[-1])
    return moments[-1]


def _looking(path: Path) -> AbstractContextManager[apsw.Connection]:
    return closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY))


def _noted(connection: apsw.Connection) -> list[tuple[str, Any]]:
    return [(event_id, json.loads(text)) for event_id, text in connection.execute(_NOTED)]


def _compare(store: SqliteStore, noted: list[tuple[str, Any]], known: Acknowledged) -> None:
    core = Core(store, lease_ms=LEASE_MS)
    core.now = known.now
    database = core.do("Metrics")["database"]
    assert database == known.database, f"{database} where {known.database} was answered"
    assert noted == list(known.noted), f"{len(noted)} notes where {len(known.noted)} were made"
    for task_id, expected in known.tasks.items():
        status = core.do("TaskStatus", task_id=task_id)
        assert status == expected, f"{status} where {expected} was answered"
