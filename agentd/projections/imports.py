"""The `imports` table: which task was made of which source, so that a repeat finds it.

The rule this file keeps: a row has the digest of the source, so that it stays narrow, whatever that
is called. It stays whatever becomes of the task.
"""

from hashlib import blake2b

from msgspec import Struct

from agentd.events import TaskRegistered
from agentd.journal import Recorded
from agentd.projections.base import Key, Projection, Tables

_DIGEST_BYTES = 20


class ImportRow(Struct, frozen=True):
    """The task that was imported from the source with this digest."""

    source: str
    task_id: str


def digest_of(source: str) -> str:
    """What stands for the source."""
    return blake2b(source.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def keys(recorded: Recorded, _tables: Tables) -> tuple[Key, ...]:
    """A registration concerns the source that its task was imported from."""
    event = recorded.event
    if not isinstance(event, TaskRegistered) or event.imported_from is None:
        return ()
    return ((digest_of(event.imported_from),),)


def reduce(row: ImportRow | None, recorded: Recorded, key: Key) -> ImportRow:
    """The first one stays."""
    return ImportRow(key[0], recorded.task_id) if row is None else row


IMPORTS = Projection(
    name="imports",
    row=ImportRow,
    key=("source",),
    fixed=("source", "task_id"),
    kinds=(TaskRegistered,),
    keys=keys,
    reduce=reduce,
)
