"""`agentd lock list`: who holds what, and until when."""

import argparse
import time
from typing import Any

from agentd.api import ListResourceLocksResult, ResourceLockView
from agentd.cli.ids import find_task_id
from agentd.cli.printing import print_data
from agentd.cli.screen import console, is_terminal, plain_text, print_fields, print_table
from agentd.client import Client
from agentd.client.lock_paths import absolute_key
from agentd.times import format_duration, format_moment


def run(options: argparse.Namespace) -> int:
    """Print the locks. Raises `TaskNotFound`, `Ambiguous`, `DaemonUnreachable`."""
    with Client() as client:
        task = None if options.task is None else find_task_id(client, options.task)
        prefix = None if options.prefix is None else absolute_prefix(options.prefix)
        locks = _all_locks(client, task_id=task, owner=options.owner, prefix=prefix, at=options.at)
    if options.json:
        print_data(ListResourceLocksResult(locks, None))
    elif not is_terminal():
        for each in locks:
            _print_fields(each)
    elif not locks:
        print("no such lock is held" if options.at is None else "no such lock was held then")
    else:
        now = None if options.at is not None else int(time.time())
        rows = [[plain_text(cell) for cell in _cells(each, now)] for each in locks]
        end = "UNTIL" if now is None else "LEFT"
        print_table(console(), ("KEY", "MODE", "OWNER", end), rows, flexible=0)
    return 0


def absolute_prefix(prefix: str) -> str:
    """The beginning of a key, with an absolute path where it has begun with one."""
    kind, colon, path = prefix.partition(":")
    if not path or kind not in ("file", "dir"):
        return prefix
    end = "/" if path.endswith("/") and path.strip("/") else ""
    return absolute_key(f"{kind}{colon}{path}") + end


def _all_locks(client: Client, **wanted: Any) -> list[ResourceLockView]:
    found: list[ResourceLockView] = []
    after: str | None = None
    while True:
        page = client.list_resource_locks(**wanted, after=after)
        found += page.locks
        if (after := page.next) is None:
            return found


def _print_fields(lock: ResourceLockView) -> None:
    print_fields(
        lock.resource_key,
        lock.mode,
        lock.owner,
        lock.lease_id,
        lock.acquired_at,
        lock.lease_expires_at,
        lock.task_id,
        lock.node_id,
        lock.provider,
    )


def _cells(lock: ResourceLockView, now: int | None) -> tuple[str, str, str, str]:
    """Without `now` they are those of the past."""
    ends = lock.lease_expires_at
    until = format_moment(ends) if now is None else format_duration(ends - now)
    return lock.resource_key, lock.mode, lock.owner, until
