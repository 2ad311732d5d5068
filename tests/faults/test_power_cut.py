"""A power cut at any moment: what was acknowledged is there, and the database is whole."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from agentd.store import sqlite
from agentd.store.sqlite import SqliteStore, opening
from tests.core import NOW
from tests.faults.disk import Image, Recording, images
from tests.faults.disk_life import DATABASE, MARK, Life, find, in_memory, lay, live
from tests.faults.laboratory import Laboratory

IMAGES_PER_LIFE = 100
STEPS = 100


@pytest.fixture
def directory() -> Iterator[Path]:
    with in_memory() as path:
        yield path


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The WAL is copied, begun anew and truncated every few commits."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 12)
    monkeypatch.setattr(sqlite, "TRUNCATE_BYTES", 120_000)


def cuts(
    lab: Laboratory, directory: Path, number: int, *, lie: str = ""
) -> Iterator[tuple[str, Life, int, Image]]:
    """So many cuts: what names it, the life it ended, its moment, and what it left.

    The disk does nothing when it is asked to sync the file of the name `lie`.
    """
    for begun in range(0, number, IMAGES_PER_LIFE):
        home = directory / "home"
        home.mkdir()
        life = live(home, lab.random, STEPS)
        shutil.rmtree(home)
        operations = life.recording.without_syncs(lie)
        size = min(IMAGES_PER_LIFE, number - begun)
        moments = sorted(lab.random.randint(0, len(operations)) for _ in range(size))
        for cut, image in images(operations, moments, lab.random):
            name = f"life {begun // IMAGES_PER_LIFE}, cut {cut} of {len(operations)}"
            yield name, life, cut, image


def test_a_power_cut(lab: Laboratory, directory: Path) -> None:
    """0 acknowledged writes lost, 0 databases corrupt, each as it was at one commit."""
    for name, life, cut, image in cuts(lab, directory, lab.amount(1_000, 5_000)):
        found = find(directory / "image", image, life.history)
        assert found.moment is not None, f"{name}: {found.damage}"
        assert found.moment.events >= life.acknowledged(cut).events, name
        assert not found.reported_lost, name
        lab.count(images=1, acknowledged_events=life.acknowledged(cut).events, lost=0)


def test_a_second_power_cut(lab: Laboratory, directory: Path) -> None:
    """A start that is cut short, too, loses as little."""
    for name, life, cut, image in cuts(lab, directory, lab.amount(200, 1_000)):
        again = directory / "again"
        lay(again, image)
        start = Recording()
        with start.running(), closing(SqliteStore.open(again / DATABASE, NOW)):
            pass
        second = lab.random.randint(0, len(start))
        [(_, left)] = images(start.operations, [second], lab.random, found=image)
        found = find(directory / "image", left, life.history)
        assert found.moment is not None, f"{name}, then {second}: {found.damage}"
        assert found.moment.events >= life.acknowledged(cut).events, f"{name}, then {second}"
        assert not found.reported_lost, name
        lab.count(images=1, lost=0)


def test_a_power_cut_without_fsync_at_commit(
    lab: Laboratory, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With synchronous=NORMAL the same test loses what was acknowledged, or it tests nothing.

    The loss is reported where the high-water mark reached the disk and the commits did not.
    """
    prepare = opening.prepare

    def careless(connection: apsw.Connection) -> None:
        prepare(connection)
        connection.pragma("synchronous", "normal")

    monkeypatch.setattr(opening, "prepare", careless)
    total = reported = 0
    for name, life, cut, image in cuts(lab, directory, lab.amount(200, 1_000)):
        found = find(directory / "image", image, life.history)
        assert found.moment is not None, f"{name}: {found.damage}"
        assert found.reported_lost == (marked(life, image) > found.moment.events), name
        lost = found.moment.events < life.acknowledged(cut).events
        lab.count(images=1, lost=lost, reported=found.reported_lost)
        total += lost
        reported += found.reported_lost
    assert total > 0
    assert reported > 0


def marked(life: Life, image: Image) -> int:
    """How many events the journal has to have, as the mark says that is found on the disk."""
    mark = image.get(MARK)
    written = {
        op.data for op in life.recording.operations if op.kind == "write" and op.path.endswith(MARK)
    }
    return int(mark.split()[0]) if mark is not None and mark in written else 0


def test_a_disk_that_lies(lab: Laboratory, directory: Path) -> None:
    """Where the database's own syncs do nothing, the same test finds it corrupt."""
    corrupt = 0
    for _name, life, _cut, image in cuts(lab, directory, lab.amount(100, 500), lie=DATABASE):
        found = find(directory / "image", image, life.history)
        corrupt += found.moment is None
        lab.count(images=1, corrupt=found.moment is None)
    assert corrupt > 0
