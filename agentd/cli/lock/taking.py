"""Taking a lock: under which terms, and how a person learns what it is waited for.

The rule this file keeps: inside of a command of `agentd work` a lock belongs to the lease of the
node, so that it ends when that does; unless the command line says how long it lasts, or for whom.
"""

import argparse
import os
import time

from agentd.cli.failures import Usage
from agentd.cli.ids import find_node_id, find_task_id
from agentd.cli.remarks import say
from agentd.client import Client, Lock
from agentd.client.base_lock import LockFields
from agentd.errors import LockHeld
from agentd.times import format_seconds

_OF_NODE = ("AGENTD_TASK_ID", "AGENTD_NODE_ID", "AGENTD_LEASE_ID")
"""What `agentd work` sets for its commands."""


def lock_fields(client: Client, options: argparse.Namespace, owner: str) -> LockFields:
    """The terms of the command line. Raises `TaskNotFound`, `NodeNotFound`, `Ambiguous`, `Usage`.

    `owner` is who has the lock where the command line names nobody.
    """
    if options.node is not None and options.task is None:
        raise Usage("--node is a node of a task: give --task, too")
    fields: LockFields = {
        "owner": options.owner or owner,
        "mode": "shared" if options.shared else "exclusive",
        "ttl_secs": options.ttl,
    }
    node = [os.environ.get(name) for name in _OF_NODE]
    if options.task is not None:
        fields["task_id"] = task = find_task_id(client, options.task)
        if options.node is not None:
            fields["node_id"] = find_node_id(client, task, options.node)
    elif options.ttl is None and all(node):
        fields["task_id"], fields["node_id"], fields["node_lease_id"] = node
    return fields


class Taking:
    """Takes one lock after the other; all of them together are waited for so many seconds."""

    def __init__(self, client: Client, fields: LockFields, wait_secs: float) -> None:
        self._client = client
        self._fields = fields
        self._wait_secs = wait_secs
        self._deadline = time.monotonic() + wait_secs

    def take(self, key: str) -> Lock:
        """The lock, which is held. Raises `LockHeld`, and what the daemon refuses."""
        lock = self._client.lock(key, **self._fields)
        try:
            lock.acquire()
        except LockHeld as held:
            if not self._wait_secs:
                raise
            left = max(self._deadline - time.monotonic(), 0.0)
            say(f"{held}: waiting, {format_seconds(self._wait_secs)} at most")
            waiting: LockFields = {**self._fields, "wait_secs": left}
            lock = self._client.lock(key, **waiting)
            lock.acquire()
        return lock
