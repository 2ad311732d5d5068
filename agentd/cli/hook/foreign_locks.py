"""Locks of somebody else that name a file.

The rule this file keeps: an agent is never kept from what is its own. Its own is what it holds
under its name, for the node that it works on, or through the MCP server that its program runs.
"""

import glob
import os
import time
from collections.abc import Iterator, Sequence

from agentd.api import ResourceLockView
from agentd.cli.hook import patience
from agentd.cli.quoting import quoted
from agentd.client import Client
from agentd.lock_keys import overlap
from agentd.processes import is_sibling
from agentd.text import printable
from agentd.times import format_duration, format_moment

_KINDS = ("file:/", "dir:/")
_MOST_PAGES = 5
_PAGE = 1_000
_LONGEST = 100
"""Characters of what somebody else wrote, that a reason repeats."""


def refusal(owner: str, paths: Sequence[str]) -> str | None:
    """Why these absolute paths may not be changed by this owner now; None where they may.

    Raises `DaemonUnreachable`.
    """
    keys = {f"file:{glob.escape(path)}": path for path in paths}
    with Client(timeout=patience.ANSWER) as client:
        for lock in _locks_of_files(client):
            for key, path in keys.items():
                if overlap(key, lock.resource_key) and not _is_own(lock, owner):
                    return _reason(path, lock, owner)
    return None


def _locks_of_files(client: Client) -> Iterator[ResourceLockView]:
    for kind in _KINDS:
        place: str | None = None
        for _ in range(_MOST_PAGES):
            page = client.list_resource_locks(prefix=kind, limit=_PAGE, after=place)
            yield from page.locks
            if (place := page.next) is None:
                break


def _is_own(lock: ResourceLockView, owner: str) -> bool:
    """Whether it is this agent's: a worker's other nodes are those of other commands of it."""
    if lock.owner == owner:
        node = os.environ.get("AGENTD_NODE_ID")
        return not node or lock.node_id in (None, node)
    process = lock.owner.rpartition("/")[2]
    return process.isdecimal() and is_sibling(int(process))


def _reason(path: str, lock: ResourceLockView, owner: str) -> str:
    left = format_duration(lock.lease_expires_at - int(time.time()))
    return (
        f"{quoted(path, _LONGEST)} is locked by {quoted(lock.owner, _LONGEST)}, "
        f"as {quoted(lock.resource_key, _LONGEST)}, "
        f"until {format_moment(lock.lease_expires_at)} ({left} left, and longer if it is "
        "extended). Leave it as it is, and do something else first; or wait for it with `agentd "
        "lock acquire KEY --wait 10m`. `agentd lock list` shows who holds what; you are "
        f"{printable(owner)}."
    )
