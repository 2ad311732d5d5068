"""Moving: all of a database arrives in another one, of the same engine or the other, or nothing."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from agentd import move as moving
from agentd.answers import Answered
from agentd.backup.filling import fill_file, fill_server
from agentd.errors import DatabaseRefused, JournalDamaged, StorageError
from agentd.journal import Recorded
from agentd.move import Moved
from agentd.projections import PROJECTIONS
from agentd.store import Reader, Store
from agentd.store.postgres import PostgresStore
from agentd.store.postgres.connecting import connect_tool
from agentd.store.sqlite import SqliteStore
from agentd.store.sqlite.viewing import View
from tests.core import LEASE_MS, NOW, Core
from tests.daemon_process import REPOSITORY
from tests.databases import tamper, traces
from tests.history import LAST, play
from tests.postgres_server import PostgresServer

REQUEST = "123e4567-e89b-42d3-a456-426614174000"

End = Path | str
"""A file, or the URL of a database on a server."""


class Contents(Struct, frozen=True):
    """All that a database holds."""

    journal: list[Recorded]
    rows: dict[str, list[Struct]]
    answered: list[Answered]


def contents_of(reader: Reader) -> Contents:
    """What it shows."""
    rows = {projection.name: list(reader.rows(projection)) for projection in PROJECTIONS}
    return Contents(list(reader.journal()), rows, list(reader.answered_requests()))


def silent(_what: str, _done: int, _total: int) -> None:
    """Nobody watches the progress."""


def opened(end: End) -> Store:
    """A store of the database, made where there is none."""
    return SqliteStore.open(end, NOW) if isinstance(end, Path) else PostgresStore.open(end)


@contextmanager
def reading(end: End) -> Iterator[Reader]:
    """A look at a whole database."""
    if isinstance(end, Path):
        with View(end).read() as reader:
            yield reader
    else:
        with closing(PostgresStore.open_existing(end)) as store, store.read() as reader:
            yield reader


def fill(end: End, source: End, progress: Callable[[str, int, int], None] = silent) -> Moved:
    """Move the source there."""
    with reading(source) as reader:
        if isinstance(end, Path):
            return fill_file(end, reader, NOW, progress)
        return fill_server(end, reader, progress)


def live(end: End) -> None:
    """Let every kind of event happen there, and a request that can be repeated."""
    with closing(opened(end)) as store:
        core = Core(store)
        play(core)
        core.do("RegisterTask", goal="again", initial_nodes=[{}], request_id=REQUEST)


MakeEnd = Callable[[], End]


@pytest.fixture
def a_file(tmp_path: Path) -> MakeEnd:
    """Paths of no file yet."""
    numbers = iter(range(9))
    return lambda: tmp_path / f"{next(numbers)}.db"


@pytest.fixture
def on_server(postgres: PostgresServer) -> Iterator[MakeEnd]:
    """URLs of empty databases."""
    made: list[str] = []

    def make() -> str:
        made.append(postgres.fresh_database())
        return made[-1]

    yield make
    for url in made:
        postgres.drop_database(url)


BOTH_WAYS = ["to a server", "from a server"]


@pytest.fixture(params=BOTH_WAYS)
def ends(request: pytest.FixtureRequest, a_file: MakeEnd, on_server: MakeEnd) -> tuple[End, End]:
    """A database with a past, and where it is to be moved."""
    source, target = {
        "to a server": (a_file, on_server),
        "from a server": (on_server, a_file),
        "between servers": (on_server, on_server),
        "between files": (a_file, a_file),
    }[request.param]
    lived = source()
    live(lived)
    return lived, target()


@pytest.mark.parametrize("ends", [*BOTH_WAYS, "between servers", "between files"], indirect=True)
def test_all_arrives_as_it_was(ends: tuple[End, End]) -> None:
    """Places, ids and hashes of events, rows, and answered requests are the source's."""
    source, target = ends
    moved = fill(target, source)
    with reading(source) as before, reading(target) as after:
        assert contents_of(after) == contents_of(before)
        assert moved == Moved(3, before.last_seq(), before.last_seq())


def test_work_goes_on_there(ends: tuple[End, End]) -> None:
    """What was held is held, a repeat gets its first answer, and new events follow the last."""
    source, target = ends
    fill(target, source)
    with closing(opened(target)) as store:
        core = Core(store)
        core.new_id.last = 2_000_000_000
        core.now += 10 * LEASE_MS
        again = core.do("RegisterTask", goal="again", initial_nodes=[{}], request_id=REQUEST)
        before = len(core.journal())
        core.hold(again["task_id"])
        assert len(core.journal()) == core.journal()[-1].seq > before > LAST


def test_the_source_is_only_read(ends: tuple[End, End]) -> None:
    """A file that was moved is the file that it was, and nothing appears beside it."""
    source, target = ends
    if isinstance(source, Path):
        before = traces(source.parent)
        fill(target, source)
        assert {k: v for k, v in traces(source.parent).items() if k in before} == before
    else:
        with reading(source) as reader:
            before_rows = contents_of(reader)
        fill(target, source)
        with reading(source) as reader:
            assert contents_of(reader) == before_rows


def test_nothing_but_the_database_is_left(a_file: MakeEnd, on_server: MakeEnd) -> None:
    """A file that was filled stands alone."""
    source, target = on_server(), a_file()
    live(source)
    fill(target, source)
    assert isinstance(target, Path)
    assert list(target.parent.iterdir()) == [target]


def test_an_empty_database(a_file: MakeEnd, on_server: MakeEnd) -> None:
    """A database without events is moved as any."""
    source, target = a_file(), on_server()
    opened(source).close()
    assert fill(target, source) == Moved(0, 0, 0)
    with closing(opened(target)) as store:
        play(Core(store))


def test_a_move_that_is_repeated(ends: tuple[End, End]) -> None:
    """What is all there is not moved again, and what the target did since stays."""
    source, target = ends
    fill(target, source)
    with closing(opened(target)) as store:
        core = Core(store)
        core.new_id.last = 2_000_000_000
        core.do("RegisterTask", goal="later", initial_nodes=[{}])
        journal = core.journal()
    moved = fill(target, source)
    with reading(target) as reader:
        assert (moved.brought, list(reader.journal())) == (0, journal)


# Cut off


@pytest.fixture
def in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four records are added at a time."""
    monkeypatch.setattr(moving, "_MOST_RECORDS", 4)


class Killed(BaseException):
    """As sudden as a signal, for who tells of progress."""


def kill_at(what: str, done: int) -> Callable[[str, int, int], None]:
    """Progress that ends the move when it is as far as that."""

    def progress(doing: str, now: int, _total: int) -> None:
        if (doing, now) == (what, done):
            raise Killed

    return progress


@pytest.mark.usefixtures("in_pieces")
@pytest.mark.parametrize(
    "where", [("copying events", 4), ("checking events", 0), ("copying answered requests", 0)]
)
def test_a_move_goes_on_where_it_was_cut_off(ends: tuple[End, End], where: tuple[str, int]) -> None:
    """What has arrived is not moved again."""
    source, target = ends
    with pytest.raises(Killed):
        fill(target, source, kill_at(*where))
    told: list[tuple[str, int, int]] = []
    moved = fill(target, source, lambda *progress: told.append(progress))
    with reading(source) as before, reading(target) as after:
        last = before.last_seq()
        assert contents_of(after) == contents_of(before)
    there = 4 if where[0] == "copying events" else last
    assert moved == Moved(3, last, last - there)
    copied = [done for what, done, _ in told if what == "copying events"]
    assert copied == [0, *(min(done, last) for done in range(there + 4, last + 4, 4))]


_CHILD = """
import os, signal, sys
from pathlib import Path
from agentd import move as moving
from tests import test_move
moving._MOST_RECORDS = 4
source, target = (Path(each) if each.startswith("/") else each for each in sys.argv[1:])
def progress(what, done, _total):
    if (what, done) == ("copying events", 8):
        os.kill(os.getpid(), signal.SIGKILL)
test_move.fill(target, source, progress)
"""


def test_a_move_that_is_killed(ends: tuple[End, End]) -> None:
    """SIGKILL in its middle costs what has not arrived yet, and no more."""
    source, target = ends
    ended = subprocess.run(
        [sys.executable, "-c", _CHILD, str(source), str(target)], check=False, cwd=REPOSITORY
    )
    assert ended.returncode == -signal.SIGKILL
    moved = fill(target, source)
    with reading(source) as before, reading(target) as after:
        assert contents_of(after) == contents_of(before)
        assert moved.brought == before.last_seq() - 8


@pytest.mark.usefixtures("in_pieces")
def test_no_daemon_works_on_a_part(a_file: MakeEnd, on_server: MakeEnd) -> None:
    """While not all is there, the server's database is refused, and a file has another name."""
    source, server, file = a_file(), str(on_server()), a_file()
    live(source)
    PostgresStore.open(server).close()
    at_work = PostgresStore(server, connect_to=connect_tool)  # as a daemon that came later
    for target in (server, file):
        with pytest.raises(Killed):
            fill(target, source, kill_at("copying events", 8))
    assert isinstance(file, Path)
    assert not file.exists()
    with closing(at_work):
        for open_again in (PostgresStore.open, PostgresStore.open_existing):
            with pytest.raises(DatabaseRefused, match="being filled from another one"):
                open_again(server)
        with pytest.raises(StorageError, match="nothing of this request"), at_work.write():
            pass


# Refused


def test_a_target_with_something_else(ends: tuple[End, End]) -> None:
    """A target with another journal is left as it is."""
    source, target = ends
    with closing(opened(target)) as store:
        core = Core(store)
        core.new_id.last = 5_000_000
        core.do("RegisterTask", goal="mine", initial_nodes=[{}])
        journal = core.journal()
    with pytest.raises(DatabaseRefused, match="has another journal: name an empty database"):
        fill(target, source)
    with reading(target) as reader:
        assert list(reader.journal()) == journal


@pytest.mark.usefixtures("in_pieces")
def test_a_target_that_was_begun_with_something_else(
    ends: tuple[End, End], a_file: MakeEnd
) -> None:
    """Nobody's journal is continued with another's."""
    source, target = ends
    other = a_file()
    with closing(opened(other)) as store:
        core = Core(store)
        core.new_id.last = 5_000_000
        core.do("RegisterTask", goal="other", initial_nodes=[{}] * 9)
    with pytest.raises(Killed):
        fill(target, other, kill_at("copying events", 4))
    with pytest.raises(DatabaseRefused, match="was begun with another journal"):
        fill(target, source)


def test_a_source_that_went_on(ends: tuple[End, End]) -> None:
    """A target that is in use is not added to."""
    source, target = ends
    fill(target, source)
    with closing(opened(source)) as store:
        core = Core(store)
        core.new_id.last = 3_000_000_000
        core.do("RegisterTask", goal="later", initial_nodes=[{}])
    with pytest.raises(DatabaseRefused, match="has gone on to"):
        fill(target, source)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE journal SET at = at + 1 WHERE seq = 9", "the source is damaged"),
        ("UPDATE journal SET data = x'00' WHERE seq = 9", "the source is damaged"),
        ("UPDATE nodes SET position = 7 WHERE position = 1", "what arrived does not fit"),
        ("DELETE FROM journal WHERE seq = 9", "the source is damaged"),
    ],
)
def test_a_source_that_is_not_whole(
    a_file: MakeEnd, on_server: MakeEnd, sql: str, told: str
) -> None:
    """What breaks a hash chain, or rows that the journal does not give, make no database."""
    source, target = a_file(), str(on_server())
    live(source)
    assert isinstance(source, Path)
    tamper(source, sql)
    with pytest.raises(JournalDamaged, match=told):
        fill(target, source)
    with pytest.raises(DatabaseRefused, match="not whole"):
        PostgresStore.open_existing(target)


def test_a_text_that_the_server_cannot_keep(a_file: MakeEnd, on_server: MakeEnd) -> None:
    """What one engine keeps and the other does not is refused by name."""
    source, target = a_file(), on_server()
    with closing(opened(source)) as store:
        core = Core(store)
        task_id = core.do("RegisterTask", goal="g", initial_nodes=[{}])["task_id"]
        core.do("AcquireNextNode", task_id=task_id, lease_owner="a\0b")
    with pytest.raises(StorageError, match=r"U\+0000"):
        fill(target, source)


def test_many_large_records(ends: tuple[End, End], monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory holds few of them at a time."""
    source, target = ends
    monkeypatch.setattr(moving, "_MOST_BYTES", 1)
    told: list[Any] = []
    moved = fill(target, source, lambda what, done, _: told.append((what, done)))
    assert [("copying events", seq + 1) for seq in range(moved.last_seq)] == told[
        1 : moved.last_seq + 1
    ]
