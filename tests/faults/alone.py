"""Experiments of one run that go side by side, and those that have the machine to themselves.

The rule this file keeps: who wants to be alone waits at the door until the room is empty, and while
he waits nobody else comes in.
"""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def in_the_room(folder: Path, *, alone: bool) -> Iterator[None]:
    """Be in it among others, or alone; `folder` is one for all processes of the run."""
    with (folder / "door").open("w") as door, (folder / "room").open("w") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield
