"""Extends what an agent holds: leases of nodes, and locks.

The rule this file keeps: nothing is extended but what is held in the agent's own name, and a lock
for no longer than whoever took it wanted.
"""

import contextlib
import time

from msgspec import UNSET

from agentd.api import RecordedEventView, ResourceLockView
from agentd.cli.event_owner import event_owner
from agentd.cli.hook import patience
from agentd.cli.hook.session import Session
from agentd.client import Client
from agentd.errors import RequestRefused

_PAGE = 1_000
_LATELY = 10_000
"""Places of the journal behind which acquisitions are looked for at first."""

_MOST_LOCKS = 100


def extend_all(session: Session, deadline: float) -> None:
    """Extend all leases and locks of a session's agent. Raises `DaemonUnreachable`.

    `deadline` is on the monotonic clock: what was acquired behind the place that was read until
    then is found the next time.
    """
    with Client(timeout=patience.ANSWER) as client:
        _find_acquired(client, session, deadline)
        if session.held:
            answers = client.heartbeat_nodes(session.held[-_PAGE:]).leases
            pairs = zip(session.held[-_PAGE:], answers, strict=False)
            session.held = [held for held, answer in pairs if answer.error is UNSET]
        for lock in client.list_resource_locks(owner=session.owner, limit=_MOST_LOCKS).locks:
            _extend_lock(client, lock)


def _find_acquired(client: Client, session: Session, deadline: float) -> None:
    """Add the leases that are not known yet, up to the end of the journal."""
    last = client.watch_events(limit=1).last_seq
    if session.seq is None or session.seq > last:  # another database than before
        session.seq = max(0, last - _LATELY)
    known = {lease for _task, _node, lease in session.held}
    while session.seq < last and time.monotonic() < deadline:
        page = client.watch_events(after_seq=session.seq, kinds=["ACQUIRE_NODE"], limit=_PAGE)
        for event in page.events:
            if event_owner(event) == session.owner:
                _add_held(client, session, event, known)
        if page.last_seq <= session.seq:
            return
        session.seq = page.last_seq


def _add_held(client: Client, session: Session, event: RecordedEventView, known: set[str]) -> None:
    """The event does not tell the lease; its node does, where it is held still."""
    task, node = event.task_id, event.node_id
    if task is None or node is None:
        return
    with contextlib.suppress(RequestRefused):
        found = client.node_status(task, node).node
        if found.lease_owner == session.owner and found.lease_id not in {None, *known}:
            session.held.append((task, node, str(found.lease_id)))
            known.add(str(found.lease_id))


def _extend_lock(client: Client, lock: ResourceLockView) -> None:
    """Once a third of its time is over, for as long as it was wanted."""
    ttl = max(1, lock.lease_expires_at - lock.updated_at)
    if lock.lease_expires_at - time.time() < ttl * 2 / 3:
        with contextlib.suppress(RequestRefused):
            client.heartbeat_resource_lock(lock.resource_key, lock.lease_id, ttl_secs=ttl)
