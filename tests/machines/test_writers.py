"""Several that write to one database, as the daemons of several machines do.

What is right is told by the journal's rows and by what each writer was told, see `trial`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.machines.trial import Trial

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.laboratory import Laboratory
    from tests.postgres_server import PostgresServer


@pytest.mark.parametrize("count", [2, 4])
def test_writers_of_one_process(
    lab: Laboratory, database_url: str, tmp_path: Path, count: int
) -> None:
    """No node has two holders, no limit and no lock too many, and nothing is lost or unseen."""
    trial = Trial(database_url, tmp_path, lab.seed)
    assert trial.by_threads(count, lab.amount(600, 20_000) // count) == []
    lab.count(events=trial.events)


@pytest.mark.parametrize("count", [2, 4])
def test_writers_that_are_processes(
    lab: Laboratory, database_url: str, tmp_path: Path, count: int
) -> None:
    """The same holds for processes, that share nothing but the database."""
    trial = Trial(database_url, tmp_path, lab.seed)
    assert trial.by_processes(count, lab.amount(600, 20_000) // count) == []
    lab.count(events=trial.events)


FOUND = {
    "Lockless": {"two holders at once", "a follower never saw"},
    "DrawnWithoutLock": {"a follower never saw", "the journal says"},
    "DrawnBeforeLock": {"a follower never saw"},
}
"""By store that is broken on purpose, what has to be found of it, each at least once."""


MOST_TRIALS = 20
"""Until all was found. Who decides at once is chance: one in some fifty finds too little."""


@pytest.mark.parametrize("store", FOUND)
def test_a_store_that_is_broken_is_found_out(
    lab: Laboratory, postgres: PostgresServer, tmp_path: Path, store: str
) -> None:
    """Without the lock, or with places that are drawn another way, the same trial does not pass."""
    missing = set(FOUND[store])
    for number in range(MOST_TRIALS):
        folder = tmp_path / str(number)
        folder.mkdir()
        with postgres.database() as url:
            wrong = Trial(url, folder, f"{lab.seed} {number}", store).by_threads(4, 150)
        lab.count(found=len(wrong), trials=1)
        missing -= {what for what in missing if any(what in line for line in wrong)}
        if not missing:
            return
    pytest.fail(f"{MOST_TRIALS} trials have not found {missing}")
