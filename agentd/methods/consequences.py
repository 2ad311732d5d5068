"""What follows by itself, in the same transaction, from what was recorded.

The rule this file keeps: a consequence is a command like any other, which loads, decides and is
recorded; its events are `FOLLOWING`, so no request is answered with them.
"""

from collections.abc import Callable, Sequence
from typing import Any

from agentd.decide import Context
from agentd.events import EventCommitted, LeaseExtended, NodeAcquired
from agentd.journal import Recorded
from agentd.methods.gates import open_ready_gates
from agentd.methods.lock_endings import end_locks_of_leases
from agentd.methods.method import Command
from agentd.store import Reader

Steps = Sequence[tuple[Command, Any]]

CONSEQUENCES: tuple[Callable[[Reader, Sequence[Recorded], Context], Steps], ...] = (
    open_ready_gates,
    end_locks_of_leases,
)
"""Each is shown what one command recorded, once it is folded, and says what is to be done then."""


_LEADS_TO_NOTHING = frozenset({NodeAcquired, LeaseExtended, EventCommitted})
"""What most records tell: whoever works begins, goes on and takes notes."""


def follow(reader: Reader, recorded: Sequence[Recorded], context: Context) -> Steps:
    """The commands that carry out what follows, one after the other."""
    if len(recorded) == 1 and type(recorded[0].event) in _LEADS_TO_NOTHING:
        return ()
    return [step for each in CONSEQUENCES for step in each(reader, recorded, context)]
