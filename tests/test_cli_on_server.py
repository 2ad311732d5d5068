"""Verbs that work on a database itself, where it is on a server."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agentd.cli.database import ends, move
from agentd.daemon.lock import database_lock
from agentd.move import Moved
from agentd.store.postgres import PostgresStore
from agentd.store.sqlite import SqliteStore
from tests.command_line import Ended, agentd_here
from tests.core import NOW, Core
from tests.databases import overwrite, tamper
from tests.history import LAST, TASK, play
from tests.postgres_server import PostgresServer

HELD = f"2 tasks, events up to seq {LAST}"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home without a daemon."""
    path = tmp_path / "home"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def lived(database_url: str) -> str:
    """The URL of a database with a past."""
    with closing(PostgresStore.open(database_url)) as store:
        play(Core(store))
    return database_url


def run(home: Path, url: str, *words: str) -> Ended:
    """Run a verb on the database at `url`."""
    return agentd_here(home, *words, extra={"AGENTD_DATABASE_URL": url})


def without_password(url: str) -> str:
    """As it is shown."""
    before, _, after = url.partition("@")
    return f"{before.rpartition(':')[0]}@{after}"


def journal(url: str) -> list[tuple[int, str, bytes]]:
    """What every record is known by."""
    with closing(PostgresStore.open_existing(url)) as store, store.read() as reader:
        return [(each.seq, each.event_id, each.hash) for each in reader.journal()]


# Replay


def test_replay(home: Path, lived: str) -> None:
    """A rebuild, a check and a look back work as on a file, and need no lock."""
    assert run(home, lived, "replay").out.startswith(f"replayed {LAST} events in ")
    assert run(home, lived, "replay", "--check").out.startswith("replay check: ok")
    looked = run(home, lived, "replay", "--until", "5", "--task", TASK, "--json")
    assert len(json.loads(looked.out)["data"]["nodes"]) == 4


def test_rehearse(home: Path, lived: str) -> None:
    """What happened comes out again, and one task alone can be had."""
    for words in (("--since", "2026-01-01T00:00:00Z"), ("--task", TASK)):
        data = json.loads(run(home, lived, "rehearse", *words, "--json").out)["data"]
        assert data["was"]["completed"] == data["would"]["completed"] > 0


def test_replay_of_no_schema(home: Path, database_url: str) -> None:
    """A database that has nothing of agentd's is refused, with what to do."""
    ended = run(home, database_url, "replay", "--check")
    assert (ended.code, ended.error) == (
        5,
        "agentd: there is no schema of agentd's in the database: `agentd database init` makes one",
    )


def test_no_server(home: Path, postgres: PostgresServer) -> None:
    """A server that cannot be reached is told on one line, without a password."""
    url = "postgresql://me:secret@127.0.0.1:1/agentd"
    for words in (["replay"], ["replay", "--check"], ["backup", str(home / "x")]):
        ended = run(home, url, *words)
        assert ended.code == 1
        assert "the database server cannot be reached" in ended.error
        assert "request" not in ended.err  # none was sent to anybody
        assert "secret" not in ended.err
    assert postgres.pid


# Backup and restore


def test_backup_and_restore(
    home: Path, lived: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    """A backup of a server is a file of SQLite's, and fills another database on a server."""
    copy = tmp_path / "copy.db"
    done = run(home, lived, "backup", str(copy))
    assert done.out.splitlines()[0] == f"backup: {copy}"
    assert done.out.splitlines()[1].endswith(f", {HELD}; pages, hash chains and rows verified")
    assert [path.name for path in tmp_path.iterdir() if path != home] == ["copy.db"]
    with postgres.database() as target:
        restored = run(home, target, "restore", str(copy))
        assert restored.out.splitlines() == [
            f"restored: {without_password(target)}, from {copy}",
            f"{HELD}; pages, hash chains and rows verified",
        ]
        assert journal(target) == journal(lived)
        assert run(home, target, "replay", "--check").code == 0
        again = run(home, target, "restore", str(copy))
        assert again.out == f"nothing to restore: {without_password(target)} has it all\n"
        again = run(home, target, "restore", str(copy), "--json")
        assert json.loads(again.out)["data"] == {
            "path": without_password(target),
            "contents": {"tasks": 2, "last_seq": LAST},
            "kept": None,
        }
    assert list(home.iterdir()) == []


def test_a_backup_of_a_server_is_one_of_a_file(home: Path, lived: str, tmp_path: Path) -> None:
    """It is restored to a file as any."""
    run(home, lived, "backup", str(tmp_path / "copy.db"))
    restored = agentd_here(home, "restore", str(tmp_path / "copy.db"))
    assert restored.out.splitlines()[1] == f"{HELD}; pages, hash chains and rows verified"
    with closing(SqliteStore.open(home / "agent_state.db", NOW)) as store:
        assert len(Core(store).journal()) == LAST


def test_a_backup_replaces_nothing(home: Path, lived: str, tmp_path: Path) -> None:
    """A file that is there stays, unless it is said."""
    copy = tmp_path / "copy.db"
    copy.write_text("mine")
    ended = run(home, lived, "backup", str(copy))
    assert ended.error == (
        f"agentd: {copy} exists: choose another name, or add --force to replace it"
    )
    assert copy.read_text() == "mine"
    assert run(home, lived, "backup", str(copy), "--force").code == 0


def test_a_restore_replaces_nothing(home: Path, lived: str, tmp_path: Path) -> None:
    """A database on a server that has other events stays as it is."""
    with closing(SqliteStore.open(tmp_path / "other.db", NOW)) as store:
        core = Core(store)
        core.new_id.last = 7_000_000
        core.do("RegisterTask", goal="other", initial_nodes=[{}] * LAST)
    before = journal(lived)
    ended = run(home, lived, "restore", str(tmp_path / "other.db"))
    assert (ended.code, ended.error) == (
        5,
        "agentd: the target has another journal: name an empty database",
    )
    assert journal(lived) == before


def test_a_damaged_backup(home: Path, lived: str, postgres: PostgresServer, tmp_path: Path) -> None:
    """What is not whole is found out before anything reaches the server."""
    copy = tmp_path / "copy.db"
    run(home, lived, "backup", str(copy))
    tamper(copy, "UPDATE journal SET at = at + 1 WHERE seq = 9")
    with postgres.database() as target:
        ended = run(home, target, "restore", str(copy))
        assert (ended.code, "is corrupt: seq 9" in ended.error) == (5, True)
        with closing(PostgresStore.open(target)) as store:
            assert Core(store).journal() == []
        overwrite(copy, 0, b"nothing of SQLite's")
        assert run(home, target, "restore", str(copy)).code == 5


# Move


def test_move_and_back(home: Path, lived: str, tmp_path: Path, postgres: PostgresServer) -> None:
    """It says what was moved from where to where, and what is there already."""
    file = tmp_path / "here.db"
    environment = {"PGPASSWORD": postgres.password}
    server = without_password(lived)

    def moved(*words: str) -> Ended:
        return agentd_here(home, "database", "move", *words, extra=environment)

    assert moved(server, str(file)).out.splitlines() == [
        f"moved: {LAST} events, from {server} to {file}",
        f"{HELD}; hash chains and rows verified",
        "what was moved from is as it was: set AGENTD_DATABASE_URL, and start the daemons",
    ]
    assert moved(server, f"sqlite://{file}").out.splitlines() == [
        f"nothing to move: {file} has it all",
        HELD,
    ]
    ended = moved(str(file), server, "--json")
    assert json.loads(ended.out)["data"] == {
        "from": str(file),
        "to": server,
        "contents": {"tasks": 2, "last_seq": LAST},
        "moved": 0,
    }


def test_the_settings_password_moves_its_database(home: Path, lived: str, tmp_path: Path) -> None:
    """Who has a server in the env file names it without the password, which counts all the same."""
    (home / ".env").write_text(f"AGENTD_DATABASE_URL={lived}\n")
    (home / ".env").chmod(0o600)
    server = without_password(lived)
    for words in (server, str(tmp_path / "a.db")), (str(tmp_path / "a.db"), server):
        ended = agentd_here(home, "database", "move", *words)
        assert (ended.code, ended.err) == (0, "")


def test_what_cannot_be_moved(home: Path, lived: str, tmp_path: Path) -> None:
    """Each refusal says what was wrong and what to do, and makes nothing."""
    nothing, target = tmp_path / "nothing.db", tmp_path / "target.db"

    def refused(*words: str) -> str:
        ended = agentd_here(home, "database", "move", *words)
        assert ended.code in {2, 5}
        return ended.error.removeprefix("agentd: ")

    assert refused(str(nothing), str(target)) == (
        f"there is no database at {nothing}: say which one to move"
    )
    assert refused(lived, str(target)) == (
        "FROM has a password, which everybody on this machine sees in a command line: leave it "
        "out, and set PGPASSWORD, or keep it in ~/.pgpass or in AGENTD_DATABASE_URL"
    )
    assert refused(str(target), str(target)) == f"FROM and TO are both {target}: name two databases"
    assert refused("mysql://x/y", str(target)).startswith("FROM='mysql://x/y': expected sqlite://")
    assert refused(str(nothing), "postgresql://x").startswith("TO='postgresql://x': no database")
    assert [path for path in tmp_path.iterdir() if path != home] == []


def test_a_daemon_on_the_file(home: Path, tmp_path: Path) -> None:
    """A file that a daemon works on is not moved, nor is anything moved there."""
    mine, other = tmp_path / "mine.db", tmp_path / "other.db"
    for path in (mine, other):
        SqliteStore.open(path, NOW).close()
    with database_lock(mine):
        for words in ([mine, tmp_path / "new.db"], [other, mine]):
            ended = agentd_here(home, "database", "move", *map(str, words))
            assert (ended.code, "already running" in ended.error) == (4, True)
    assert not (tmp_path / "new.db").exists()


def test_a_daemon_that_comes_during_a_move(
    home: Path,
    lived: str,
    tmp_path: Path,
    postgres: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it has recorded is not there, and that is said."""

    def fill(*given: Any) -> Moved:
        moved = ends.fill(*given)
        with closing(PostgresStore.open(lived)) as store:
            core = Core(store)
            core.new_id.last = 7_000_000
            core.do("RegisterTask", goal="late", initial_nodes=[{}])
        return moved

    monkeypatch.setattr(move, "fill", fill)
    words = "database", "move", without_password(lived), str(tmp_path / "here.db")
    ended = agentd_here(home, *words, extra={"PGPASSWORD": postgres.password})
    assert (ended.code, f"those behind seq {LAST} were not moved" in ended.error) == (1, True)


def test_a_daemon_on_the_server(
    home: Path, lived: str, tmp_path: Path, postgres: PostgresServer
) -> None:
    """What a daemon works on is not moved, nor is anything moved there; a tool is none."""
    environment = {"PGPASSWORD": postgres.password}
    server = without_password(lived)
    words = "database", "move", server, str(tmp_path / "here.db")
    with closing(PostgresStore.open(lived)):
        ended = agentd_here(home, *words, extra=environment)
        assert ended.code == 4
        assert ended.error == (
            "agentd: daemons work on the database on the server: stop them, and repeat; they are "
            "at 127.0.0.1"
        )
    with closing(PostgresStore.open_existing(lived)):
        assert agentd_here(home, *words, extra=environment).code == 0
