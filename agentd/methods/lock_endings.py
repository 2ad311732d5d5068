"""How locks end by themselves: with the lease that they are bound to, or when their time is up."""

from collections.abc import Iterator, Sequence
from typing import Any, cast, get_args

from agentd import decide
from agentd.decide import Context, EndingLocks
from agentd.events import Ending
from agentd.journal import Recorded
from agentd.methods.method import Command
from agentd.projections import NODES, LockRow, NodeRow
from agentd.store import Reader

MOST_EXPIRED = 1_000
"""Locks whose time is over that one command tells of."""

Steps = Iterator[tuple[Command, Any]]

_ENDINGS = frozenset(get_args(Ending))


def end_locks_of_leases(
    reader: Reader, recorded: Sequence[Recorded], _context: Context
) -> Sequence[tuple[Command, Any]]:
    """The locks that are bound to a lease end when that does, however it ends."""
    steps = []
    for each in recorded:
        if type(each.event) in _ENDINGS:
            row: NodeRow = reader.get(NODES, (each.node_id,))
            if row.locks_held:
                steps.append((_END_LOCKS, cast("Ending", each.event).lease_id))
    return steps


def expire_first(reader: Reader, context: Context) -> Steps:
    """All locks whose time is over."""
    while reader.expired_locks(context.now, 1):
        yield EXPIRE_LOCKS, None


def _load_bound(reader: Reader, lease_id: str, _context: Context) -> EndingLocks:
    return _with_versions(reader, reader.locks_of_lease(lease_id))


def _load_expired(reader: Reader, _params: object, context: Context) -> EndingLocks:
    return _with_versions(reader, reader.expired_locks(context.now, MOST_EXPIRED))


def _with_versions(reader: Reader, locks: Sequence[LockRow]) -> EndingLocks:
    return EndingLocks(locks, {lock.stream: reader.head(lock.stream).version for lock in locks})


_END_LOCKS = Command(_load_bound, decide.end_locks)
EXPIRE_LOCKS = Command(_load_expired, decide.expire_locks)
"""The daemon's own commands; they stand in no client's list."""
