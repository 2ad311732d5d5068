"""Who has the machine to himself in a soak."""

from __future__ import annotations

import fcntl
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.daemon_process import PATIENCE_SECONDS
from tests.faults.alone import in_the_room
from tests.wire.steps import eventually

if TYPE_CHECKING:
    from pathlib import Path


def is_taken(lock: Path) -> bool:
    """Whether somebody holds this lock alone."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_nobody_overtakes_who_wants_to_be_alone(tmp_path: Path) -> None:
    """He enters when all have left, and who comes later enters when he has."""
    entered: list[bool] = []

    def enter(*, alone: bool) -> None:
        with in_the_room(tmp_path, alone=alone):
            entered.append(alone)

    with ThreadPoolExecutor() as pool:
        with in_the_room(tmp_path, alone=False):
            enter(alone=False)  # others may be there at once
            first = pool.submit(enter, alone=True)
            assert eventually(lambda: is_taken(tmp_path / "door"), time.time() + PATIENCE_SECONDS)
            later = pool.submit(enter, alone=False)
            assert entered == [False]
        for each in (first, later):
            each.result(PATIENCE_SECONDS)
    assert entered == [False, True, False]
