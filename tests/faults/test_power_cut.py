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
from tests.faults.disk import Image, images
from tests.faults.disk_life import (
    DATABASE,
    MARK,
    Finding,
    Life,
    find,
    in_memory,
    lay,
    live,
    live_on,
)
from tests.faults.disk_recording import Recording
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
    for name, life, cut, image in cuts(lab, directory, lab.amount(500, 5_000)):
        found = find(directory / "image", image, life.history)
        lab.count(images=1, acknowledged_events=life.acknowledged(cut).events)
        missing = lost(name, life, cut, found)
        lab.count(lost=missing, corrupt=0)
        assert not missing, name
        assert not found.reported_lost, name


def test_a_second_power_cut(lab: Laboratory, directory: Path) -> None:
    """A start that is cut short, too, loses as little."""
    for name, life, cut, image in cuts(lab, directory, lab.amount(200, 1_000)):
        again = directory / "again"
        lay(again, image)
        start = Recording(again)
        with start.running(), closing(SqliteStore.open(again / DATABASE, NOW)):
            pass
        second = lab.random.randint(0, len(start))
        [(_, left)] = images(start.operations, [second], lab.random, found=image)
        found = find(directory / "image", left, life.history)
        missing = lost(f"{name}, then {second}", life, cut, found)
        lab.count(images=1, lost=missing, corrupt=0)
        assert not missing, f"{name}, then {second}"
        assert not found.reported_lost, f"{name}, then {second}"


def test_a_failed_sync_and_then_a_power_cut(lab: Laboratory, directory: Path) -> None:
    """What the start after a failed fsync shows and takes on is on the disk, like all before it."""
    for number in range(lab.amount(40, 400)):
        home = directory / str(number)
        home.mkdir()
        life = live_on(home, lab.random, STEPS, lab.random.randint(1, 60))
        shutil.rmtree(home)
        operations = life.recording.operations
        kinds = [operation.kind for operation in operations]
        if "failed sync" not in kinds:
            continue  # this life had fewer syncs than that
        lab.count(failed_syncs=1)
        failed = kinds.index("failed sync")
        moments = sorted(lab.random.randint(failed, len(operations)) for _ in range(5))
        for cut, image in images(operations, moments, lab.random):
            found = find(directory / "image", image, life.history)
            name = f"life {number}, cut {cut}, {failed} failed"
            missing = lost(name, life, cut, found)
            lab.count(images=1, lost=missing, corrupt=0)
            assert not missing, name


def test_a_power_cut_without_fsync_at_commit(
    lab: Laboratory, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With synchronous=NORMAL the same test loses what was acknowledged, or it tests nothing.

    The loss is reported where the high-water mark reached the disk and the commits did not.
    """
    prepare_writer = opening.prepare_writer

    def careless(connection: apsw.Connection) -> None:
        prepare_writer(connection)
        connection.pragma("synchronous", "normal")

    monkeypatch.setattr(opening, "prepare_writer", careless)
    losses = reports = 0
    for name, life, cut, image in cuts(lab, directory, lab.amount(200, 1_000)):
        found = find(directory / "image", image, life.history)
        losses += bool(lost(name, life, cut, found))
        reports += found.reported_lost
        events = 0 if found.moment is None else found.moment.events
        assert found.reported_lost == (marked(life, image) > events), name
    lab.count(images=lab.amount(200, 1_000), with_losses=losses, reported=reports)
    assert losses > 0
    assert reports > 0


def lost(name: str, life: Life, cut: int, found: Finding) -> int:
    """How many acknowledged events are gone. Raises `AssertionError` where it is corrupt."""
    assert found.moment is not None, f"{name}: {found.damage}"
    return max(0, life.acknowledged(cut).events - found.moment.events)


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
