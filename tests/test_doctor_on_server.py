"""`agentd doctor` of a database on a server that is at work."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from agentd.doctor.finding import FAILED, OK, WARNING
from agentd.doctor.on_server import clock
from agentd.store.postgres import PostgresStore
from tests.core import Core
from tests.doctor import examined, told
from tests.history import LAST, play

URL = "AGENTD_DATABASE_URL"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home without a daemon."""
    path = tmp_path / "home"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def at_work(database_url: str) -> Iterator[PostgresStore]:
    """A daemon's store, with a past."""
    with closing(PostgresStore.open(database_url)) as store:
        play(Core(store))
        yield store


@pytest.mark.usefixtures("at_work")
def test_all_is_well(home: Path, database_url: str) -> None:
    """It says who is connected, whose clock counts, and that the whole journal was looked at."""
    found = examined(home, **{URL: database_url})
    daemons, *last = [(each.what, each.finding) for each in found if each.status == OK][-3:]
    assert re.fullmatch(r"[23] connections of daemons, from 1 address", daemons[1])
    assert last == [
        ("clock", "the server's, which decides, and this machine's are the same within a second"),
        (
            "events",
            (
                f"{LAST} events, the last at 2026-01-31T12:05:01+00:00; hash chains whole, rows as "
                "they say"
            ),
        ),
    ]
    failed = {each.what for each in found if each.status == FAILED}
    assert failed <= {"durability"}  # the tests' server is fast, and forgets


def test_nothing_yet(home: Path, database_url: str) -> None:
    """A database that no daemon has used is told as such."""
    PostgresStore.open(database_url).close()
    assert told(home, "daemons", **{URL: database_url}) == ["none is connected"]
    assert told(home, "events", **{URL: database_url}) == ["none yet"]


@pytest.mark.parametrize(
    ("ahead_ms", "said"),
    [
        (999, "the server's, which decides, and this machine's are the same within a second"),
        (-3_600_000, "this machine's is 3,600 s ahead of the server's"),
        (2_500, "this machine's is 2 s behind the server's"),
    ],
)
def test_clocks_that_differ(ahead_ms: int, said: str) -> None:
    """A clock that is wrong here is told, and changes nothing."""
    assert clock(ahead_ms).startswith(said)


@pytest.mark.usefixtures("at_work")
def test_what_was_changed_there(home: Path, database_url: str) -> None:
    """A row, or a record, that is not as it was is found."""
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE agentd.nodes SET position = 7 WHERE position = 3")
        connection.execute("ALTER TABLE agentd.journal DISABLE TRIGGER USER")
        connection.execute("UPDATE agentd.journal SET at = at + 1 WHERE seq = 9")
    found = [each for each in examined(home, **{URL: database_url}) if each.what == "events"]
    assert [each.status for each in found] == [FAILED] * len(found)
    assert found[0].finding.startswith("seq 9 (task ")
    assert "agentd restore" in found[0].advice


def test_no_server(home: Path) -> None:
    """What cannot be asked is not checked, and the server's own finding says why."""
    url = "postgresql://me:hush@127.0.0.1:1/agentd"
    found = examined(home, **{URL: url})
    assert "hush" not in f"{found}"
    assert [(each.what, each.status) for each in found][-3:] == [
        ("server", FAILED),
        ("daemons", WARNING),
        ("events", WARNING),
    ]


def test_no_schema(home: Path, database_url: str) -> None:
    """Without a schema there are no events to be looked at."""
    [found] = [each for each in examined(home, **{URL: database_url}) if each.what == "events"]
    assert (found.status, found.advice) == (WARNING, "see what is said of server and schema")
