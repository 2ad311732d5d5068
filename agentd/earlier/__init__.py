"""What the earlier agentd, written in Rust, has left in its database: taken over.

The rule this package keeps: before anything is recorded, all of the file has been read and is what
that agentd writes; after it, all of it has been found again here. The file is only read.
"""

from agentd.decide import Context
from agentd.earlier.planning import Plan, make_plan
from agentd.earlier.taking import take
from agentd.earlier.verifying import verify
from agentd.progress import Progress, begin
from agentd.store import ServedStore
from agentd.store.sqlite.earlier import EarlierFile


def take_over(
    file: EarlierFile, store: ServedStore, plan: Plan, context: Context, progress: Progress
) -> None:
    """Bring what the plan found, and find all of `file` again; the plan is of the context's moment.

    Raises `StorageError` where the store fails, `JournalDamaged` where what arrived, or what had
    arrived before, is not as it is in the file.
    """
    advance = begin(progress, "taking over nodes and events", plan.nodes + plan.events)
    take(file, store, plan, context, advance)
    advance = begin(progress, "checking events", file.counts["event_journal"])
    with store.read() as here:
        verify(file, here, plan.locks, context.now, advance)


__all__ = ["Plan", "make_plan", "take_over"]
