"""A look at a database leaves no trace, whatever state its files are in."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agentd.store.sqlite.opening import refuse_unusable
from agentd.store.sqlite.untouched import open_untouched
from agentd.store.sqlite.viewing import View
from tests.daemon_process import REPOSITORY
from tests.databases import at_work, crash, create, traces

WHOLE, WITHOUT_WAL = 4 * 21, 3 * 21
"""Records with the task that is in the WAL only, and without it."""

WALS: dict[str, tuple[Callable[[bytes], bytes | None], int]] = {
    "as it was left": (lambda wal: wal, WHOLE),
    "gone": (lambda _wal: None, WITHOUT_WAL),
    "empty": (lambda _wal: b"", WITHOUT_WAL),
    "less than a header": (lambda wal: wal[:31], WITHOUT_WAL),
    "no more than a header": (lambda wal: wal[:32], WITHOUT_WAL),
    "cut off": (lambda wal: wal[:-1], WITHOUT_WAL),
    "with a damaged header": (lambda wal: wal[:20] + b"\xff" + wal[21:], WITHOUT_WAL),
    "not a WAL": (lambda _wal: b"x" * 5000, WITHOUT_WAL),
}


@pytest.fixture
def crashed(tmp_path: Path) -> Path:
    """A database whose daemon was killed: its last task is in the WAL only."""
    path = tmp_path / "agent_state.db"
    create(path)
    crash(path)
    return path


def records(path: Path) -> int:
    """How many records a look sees."""
    with open_untouched(path) as connection:
        found = connection.execute("SELECT count(*) FROM journal").get
        assert isinstance(found, int)
        return found


def seen_by_another_process(path: Path) -> int:
    """How many records it sees."""
    code = "import sys; from tests.test_untouched import *; print(records(Path(sys.argv[1])))"
    command = [sys.executable, "-c", code, str(path)]
    return int(subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True).stdout)


@pytest.mark.parametrize("index", [True, False], ids=["with an index", "without one"])
@pytest.mark.parametrize("wal", WALS)
def test_every_state_of_the_wal(crashed: Path, wal: str, *, index: bool) -> None:
    """What the WAL holds is seen; no byte changes, nothing appears; and it takes no time."""
    change, expected = WALS[wal]
    file = crashed.with_name(crashed.name + "-wal")
    changed = change(file.read_bytes())
    if changed is None:
        file.unlink()
    else:
        file.write_bytes(changed)
    if not index:
        crashed.with_name(crashed.name + "-shm").unlink()
    before = traces(crashed.parent)
    began = time.monotonic()
    refuse_unusable(crashed)
    assert records(crashed) == expected
    assert time.monotonic() - began < 5  # SQLite tries for 10 s where it is asked the wrong way
    assert traces(crashed.parent) == before


def test_a_directory_that_cannot_be_written_to(crashed: Path) -> None:
    """Nothing has to be written, so nothing has to be writable."""
    for file in (*crashed.parent.iterdir(), crashed.parent):
        file.chmod(0o500 if file.is_dir() else 0o400)
    assert records(crashed) == WHOLE
    crashed.parent.chmod(0o700)


def test_beside_a_store_that_is_at_work(tmp_path: Path) -> None:
    """A look from another process sees what was committed last."""
    path = tmp_path / "agent_state.db"
    with at_work(path, 2) as core:
        assert seen_by_another_process(path) == 2 * 21
        core.register()
        assert seen_by_another_process(path) == 2 * 21 + 1


def test_a_check_of_a_database_leaves_no_trace(crashed: Path) -> None:
    """Pages and rows can be checked without a trace."""
    before = traces(crashed.parent)
    view = View(crashed)
    assert view.integrity(lambda: None) == []
    with view.read() as reader, view.shadow():
        assert reader.last_seq() == WHOLE
    assert traces(crashed.parent) == before
