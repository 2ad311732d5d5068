"""What the earlier agentd, written in Rust, has left in its database: taken over.

The rule this package keeps: before anything is recorded, all of the file has been read and is what
that agentd writes; after it, all of it has been found again here. The file is only read.
"""

from agentd.decide import Context
from agentd.earlier.planning import Plan, make_plan
from agentd.earlier.taking import take
from agentd.earlier.verifying import verify
from agentd.errors import NotKept, StorageFull
from agentd.progress import Progress, begin
from agentd.store import ServedStore
from agentd.store.sqlite.earlier import EarlierFile


def take_over(
    file: EarlierFile, store: ServedStore, plan: Plan, context: Context, progress: Progress
) -> None:
    """Bring what the plan found, and find all of `file` again; the plan is of the context's moment.

    Raises `StorageError` where the store fails: what arrived until then stays. Raises
    `JournalDamaged` where what arrived, or what had arrived before, is not as it is in the file.
    """
    advance = begin(progress, "taking over nodes and events", plan.nodes + plan.events)
    try:
        take(file, store, plan, context, advance)
    except StorageFull as error:
        raise StorageFull(
            f"{error.why}; what was taken over until then stays: free some space and repeat it, "
            "and the rest comes"
        ) from error
    except NotKept as error:  # ids, JSON and what stands in records are kept by every store
        raise NotKept(
            f"{error.why}, and {file.path} has one in a lock or the owner of a lease; what was "
            "taken over until then stays: take it over into a file (unset AGENTD_DATABASE_URL)"
        ) from error
    advance = begin(progress, "checking events", file.counts["event_journal"])
    with store.read() as here:
        verify(file, here, plan.locks, context.now, advance)


__all__ = ["Plan", "make_plan", "take_over"]
