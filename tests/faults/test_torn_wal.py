"""A WAL that is cut off or flipped: a clean prefix of what was committed, and the loss is said."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from agentd.store import sqlite
from agentd.store.sqlite import SqliteStore
from tests.command_line import agentd
from tests.core import NOW
from tests.daemon_process import DaemonProcess
from tests.faults.disk import Image
from tests.faults.disk_life import DATABASE, find, in_memory, lay
from tests.faults.disk_workload import Acknowledged, Workload
from tests.faults.laboratory import Laboratory

COPIED, STEPS = 12, 7
"""Batches before the WAL was last copied into the database and begun anew, and after it."""

WAL = f"{DATABASE}-wal"


@pytest.fixture
def directory() -> Iterator[Path]:
    with in_memory() as path:
        yield path


class Kill(NamedTuple):
    """What a killed daemon leaves, and what it had answered."""

    image: Image
    history: list[Acknowledged]

    def with_wal(self, wal: bytes) -> Image:
        """The same files with another WAL."""
        return {**self.image, WAL: wal}


def killed(
    directory: Path, random: Random, monkeypatch: pytest.MonkeyPatch, steps: int = STEPS
) -> Kill:
    """The files of a daemon at work, with its last `steps` in the WAL, old frames behind them."""
    directory.mkdir()
    with closing(SqliteStore.open(directory / DATABASE, NOW)) as store:
        work = Workload(store, random, lambda: 0)
        for _ in range(COPIED):
            write(work)
        with monkeypatch.context() as patch:
            patch.setattr(sqlite, "CHECKPOINT_PAGES", 1)
            store.checkpoint()
        for _ in range(steps):
            write(work)
        files = sorted(directory.iterdir())
        return Kill({file.name: file.read_bytes() for file in files}, work.history)


def write(work: Workload) -> None:
    """Let steps pass until one has recorded something."""
    before = work.history[-1].events
    while work.history[-1].events == before:
        work.step()


def check(lab: Laboratory, directory: Path, kill: Kill, wal: bytes) -> bool:
    """Start on that WAL; returns whether acknowledged events were lost, and so reported."""
    found = find(directory, kill.with_wal(wal), kill.history)
    assert found.moment is not None, found.damage
    lost = found.moment.events < kill.history[-1].events
    assert found.reported_lost == lost
    assert (directory / f"{DATABASE}.lost").exists() == lost
    lab.count(WALs=1, with_losses=lost, reported=found.reported_lost, corrupt=0)
    return lost


def test_a_wal_that_is_cut_off(
    lab: Laboratory, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off at every 512 bytes it opens as it was at one commit; whole, nothing is lost."""
    for number in range(lab.amount(1, 10)):
        kill = killed(directory / str(number), lab.random, monkeypatch)
        wal = kill.image[WAL]
        cuts = [0, 32, *range(512, len(wal), 512)]
        losses = [check(lab, directory / "image", kill, wal[:cut]) for cut in (*cuts, len(wal))]
        assert losses == sorted(losses, reverse=True), "more of the WAL, and more is lost"
        assert losses[0]
        assert not losses[-1]


def test_a_flipped_bit_in_the_wal(
    lab: Laboratory, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever bit is flipped, it opens as it was at one commit, and says what is missing."""
    kill = killed(directory / "killed", lab.random, monkeypatch)
    for _ in range(lab.amount(200, 1_000)):
        wal = bytearray(kill.image[WAL])
        wal[lab.random.randrange(len(wal))] ^= 1 << lab.random.randrange(8)
        check(lab, directory / "image", kill, bytes(wal))


def test_a_wal_that_is_copied_already(
    lab: Laboratory, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a WAL that was copied into the database whole nothing is missed, whatever is cut off."""
    for number in range(lab.amount(3, 30)):
        kill = killed(directory / str(number), lab.random, monkeypatch, steps=0)
        wal = kill.image[WAL]
        for cut in lab.random.sample(range(len(wal)), 40):
            assert not check(lab, directory / "image", kill, wal[:cut])


def test_a_loss_is_told(
    lab: Laboratory, home: Path, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start says that recorded events are missing, and serves; `agentd doctor` goes on so."""
    kill = killed(directory / "killed", lab.random, monkeypatch)
    lay(home, kill.with_wal(b""))
    home.chmod(0o700)
    with DaemonProcess(home) as daemon:
        last = kill.history[-1].events
        assert f"no longer has event {last}" in daemon.stderr()
        doctor = agentd(home, "doctor")
        assert doctor.code == 1
        assert f"acknowledged events up to seq {last} were lost" in doctor.out
        assert daemon.stop() == 0
