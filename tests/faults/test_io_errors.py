"""The disk fails or fills up at every write, sync and truncation of a life, once or for good."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import apsw
import pytest

from agentd.errors import Failure, StorageError, StorageFull, SyncFailed
from agentd.store import sqlite
from agentd.store.sqlite import SqliteStore
from tests import daemon_process
from tests.command_line import agentd
from tests.core import NOW, Core
from tests.daemon_process import DaemonProcess, Refused
from tests.faults.disk_failure import ALL, FailingDisk, Fault
from tests.faults.disk_life import DATABASE, in_memory
from tests.faults.disk_recording import Recording
from tests.faults.disk_state import moment_of
from tests.faults.disk_workload import Acknowledged, Workload
from tests.faults.laboratory import Laboratory
from tests.faults.vfs import witnessed
from tests.wire.steps import acquire, node_of, register, totals

STEPS = 6
PATIENCE = 3
"""Steps with refusals after which a broken disk is repaired, and steps without after that."""

WAL = f"{DATABASE}-wal"
DISK_FAILED = 6
"""The daemon's exit code."""


@pytest.fixture
def directory() -> Iterator[Path]:
    with in_memory() as path:
        yield path


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The WAL is copied, begun anew and truncated every few commits."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 6)
    monkeypatch.setattr(sqlite, "TRUNCATE_BYTES", 36_000)


class Life:
    """The same life for the same seed, until the disk fails."""

    def __init__(self, home: Path, seed: int, disk: FailingDisk) -> None:
        self.path = home / DATABASE
        self.disk = disk
        self.store = SqliteStore.open(self.path, NOW)
        self.work = Workload(self.store, Random(seed), lambda: 0)

    def step(self) -> list[StorageError]:
        """A batch and what follows it in the daemon; returns the refusals that blame the disk."""
        refusals = self.work.step()
        try:
            self.store.checkpoint()
        except StorageError as refusal:
            refusals.append(refusal)
        return refusals

    def check(self) -> None:
        """Whoever reads is answered what was acknowledged, and nothing else."""
        moment_of(self.store, self.path, self.work.history[-1:])


def whole_life(home: Path, seed: int) -> Life:
    """The life on a disk that never fails."""
    disk = FailingDisk()
    with witnessed(disk):
        life = Life(home, seed, disk)
        disk.seen.clear()
        for _ in range(STEPS):
            assert not life.step()
        life.check()
        life.store.close()
    for name in (DATABASE, WAL):
        assert all(disk.seen[kind, name] for kind in ("write", "sync", "truncate")), disk.seen
    return life


def faults(disk: FailingDisk) -> Iterator[Fault]:
    """Every way in which the disk of that life can fail."""
    writes = sum(number for (kind, _name), number in disk.seen.items() if kind == "write")
    for full, points in ((False, disk.seen.total()), (True, writes)):
        for point in range(1, points + 1):
            for sticky in (False, True):
                yield Fault(point, full, sticky)


def suffer(life: Life, fault: Fault) -> None:
    """Live through the fault until the store works again, or will not write any more."""
    life.disk.begin(fault)
    broken = good = 0
    while good < PATIENCE and life.store.failure is None:
        refusals = life.step()
        broken += bool(refusals)
        if broken == 1 and refusals:
            assert type(refusals[0]) is refusal_of(life.disk, fault), refusals
            life.check()
        if broken == PATIENCE:
            life.disk.repair()
        assert broken <= PATIENCE, f"the disk works, and the store does not: {refusals}"
        good = good + 1 if life.disk.failed and not refusals else 0


def refusal_of(disk: FailingDisk, fault: Fault) -> type[StorageError]:
    """What the first who is refused has to be told."""
    assert disk.failed is not None
    if fault.full:
        return StorageFull
    return SyncFailed if disk.failed.kind == "sync" else StorageError


def stop(life: Life, whole: Life) -> list[Acknowledged]:
    """End a store whose fsync failed; returns the moments at which the next start may be.

    Where it was the first to fail, its batch is there whole, as without the fault, or not at all.
    """
    assert life.disk.failed is not None
    known = len(life.work.history) - 1
    whole_batch = whole.work.history[known:][:1] if life.disk.failed.kind == "sync" else []
    refusals = life.work.step()
    assert {type(refusal) for refusal in refusals} == {SyncFailed}, refusals
    life.check()
    life.disk.repair()
    return [life.work.history[-1], *whole_batch]


def close(store: SqliteStore) -> None:
    """End it. SQLite forgives the errors of the last copy, but APSW raises those of a shim."""
    with suppress(apsw.Error):
        store.close()


def start(path: Path, moments: list[Acknowledged]) -> None:
    """The next start: at one of the moments, nothing lost, and all of it out of the WAL."""
    with closing(SqliteStore.open(path, NOW)) as store:
        alone = Path(shutil.copy(path, path.with_name("alone.db")))
        assert store.lost is None
        Core(store).register()
    with closing(SqliteStore.open(alone, NOW)) as store:
        moment_of(store, alone, moments)


def test_every_point(lab: Laboratory, directory: Path) -> None:
    """A clean refusal, reads go on, nothing is lost, and it works again once the disk does.

    After a failed fsync nothing more is written until the next start.
    """
    for seed in range(lab.amount(1, 20)):
        whole = whole_life(new_home(directory), seed)
        for fault in faults(whole.disk):
            disk = FailingDisk()
            with witnessed(disk):
                life = Life(new_home(directory), seed, disk)
                suffer(life, fault)
                stopped = life.store.failure is not None
                moments = stop(life, whole) if stopped else life.work.history[-1:]
                close(life.store)
            start(life.path, moments)
            lab.count(points=1, stopped=stopped, lost=0)


def new_home(directory: Path) -> Path:
    """A home with an empty database: to make one takes longer than the life in it."""
    empty, new = directory / "empty", directory / "home"
    if not empty.exists():
        empty.mkdir()
        SqliteStore.open(empty / DATABASE, NOW).close()
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(empty, new)
    return new


@pytest.mark.parametrize("before", [0, 3], ids=["a_new_home", "after_a_kill"])
def test_every_point_from_start_to_end(lab: Laboratory, directory: Path, before: int) -> None:
    """Starts, checkpoints, reads and stops fail as cleanly, and the next start finds everything."""
    disk = FailingDisk(ALL)
    whole = from_start_to_end(directory / "whole", before, disk)
    points = range(1, disk.seen.total() + 1)
    for point in sorted(lab.random.sample(points, lab.amount(25, len(points)))):
        for sticky in (False, True):
            disk = FailingDisk(ALL)
            disk.begin(Fault(point, full=False, sticky=sticky))
            work = from_start_to_end(directory / f"{point} {sticky}", before, disk)
            assert disk.failed is not None
            known = len(work.history) - 1
            synced = disk.failed.kind in ("sync", "sync directory")
            moments = [work.history[-1], *(whole.history[known:][:1] if synced else [])]
            start(directory / f"{point} {sticky}" / DATABASE, moments)
            lab.count(points=1, lost=0)


def from_start_to_end(home: Path, before: int, disk: FailingDisk) -> Workload:
    """So many steps and a kill, then a start, some steps and a stop on that disk."""
    path = home / DATABASE
    work = killed(home, before)
    with Recording(home, disk).running():
        try:
            work.go_on(SqliteStore.open(path, NOW))
        except Failure:
            return work
        for _ in range(STEPS):
            work.step()
            with suppress(StorageError):
                work.store.checkpoint()
            with suppress(StorageError):
                work.core.do("Metrics")
            if work.store.failure is not None:  # after which the daemon stops
                break
        close(work.store)
    return work


def killed(home: Path, steps: int) -> Workload:
    """So many steps, and in `home` the files as a kill would leave them."""
    running = home.with_name(f"{home.name} before")
    running.mkdir()
    home.mkdir()
    work = Workload(SqliteStore.open(running / DATABASE, NOW), Random(0), lambda: 0)
    for _ in range(steps):
        work.step()
    for file in running.iterdir() if steps else ():
        shutil.copy(file, home)
    work.store.close()
    return work


def test_a_failed_fsync_ends_the_daemon(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says that the outcome is unknown, exits with 6, and the next start serves what is kept."""
    broken = home.with_name("broken")
    serve = [sys.executable, "-m", "tests.faults.failing_daemon", str(broken)]
    monkeypatch.setattr(daemon_process, "SERVE", serve)
    with DaemonProcess(home) as daemon:
        with daemon.connect() as client:
            task = register(client)
            lease_id = acquire(client, task)["lease_id"]
            broken.touch()
            with pytest.raises(
                Refused, match="whether this request is recorded is unknown"
            ) as refused:
                client.call("RegisterTask", goal="perhaps")
            assert refused.value.kind == "storage_error"
        assert daemon.wait() == DISK_FAILED
        assert "the disk failed to keep what was written" in daemon.stderr()
        assert daemon.database.with_name(WAL).stat().st_size > 0
        broken.unlink()
        daemon.start()
        with daemon.connect() as client:
            assert node_of(client, task)["lease_id"] == lease_id
            assert totals(client)[0] in (1, 2)
        assert daemon.stop() == 0
    assert agentd(home, "replay", "--check").code == 0
