"""Is a copy worth keeping?

The rule this file keeps: what is called a backup, or put in a database's place, was read from its
first page to its last: SQLite finds the file whole, every hash chain holds, and the rows are the
fold of the journal.
"""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from msgspec import Struct

from agentd import replay
from agentd.backup.draft import cannot_write, draft_of
from agentd.errors import DatabaseRefused, JournalDamaged
from agentd.progress import Progress, begin
from agentd.projections import TOTALS, TotalsRow
from agentd.projections.totals import EMPTY_TOTALS, SCOPE
from agentd.store.sqlite.copying import migrate_copy
from agentd.store.sqlite.migrate import LATEST
from agentd.store.sqlite.viewing import View


class Contents(Struct, frozen=True):
    """What a database holds. `last_seq` is the seq of its last event, 0 where it has none."""

    tasks: int
    last_seq: int


def verify(path: Path, name: Path, progress: Progress) -> Contents:
    """What the database at `path` holds, once it is known to be whole.

    Nobody is at work on it. `name` is what it is called in the `DatabaseRefused` that is raised
    when it is not whole.
    """
    view = View(path, name)
    pulse = partial(progress, "checking pages", 0, 0)
    pulse()
    found = view.integrity(pulse)
    if not found and view.schema() != LATEST:
        return _verify_newer(path, name, progress)
    found = found or list(_differences(view, progress))
    if found:
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        raise DatabaseRefused(f"{name} is corrupt: {found[0]}{more}; use another copy")
    return _contents(view)


def _verify_newer(path: Path, name: Path, progress: Progress) -> Contents:
    """As `verify`, of a copy with this program's schema: it reads no older one."""
    with draft_of(path) as newer:
        try:
            shutil.copyfile(path, newer.path)
        except OSError as error:
            raise cannot_write(newer.path, error) from error
        migrate_copy(newer.path, at=0)
        return verify(newer.path, name, progress)


def _differences(view: View, progress: Progress) -> Iterator[str]:
    found = replay.check(view, begin(progress, "checking events", _contents(view).last_seq))
    try:
        yield from map(str, found)
    except JournalDamaged as error:
        yield str(error)


def _contents(view: View) -> Contents:
    with view.read() as reader:
        totals: TotalsRow = reader.get(TOTALS, (SCOPE,)) or EMPTY_TOTALS
        return Contents(totals.tasks, reader.last_seq())
