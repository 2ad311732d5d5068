"""Tasks and nodes as people name them on a command line, looked up at the daemon.

The rule this file keeps: what a reference stands for is said in `agentd.references`; here the
daemon is asked, and never for an id in full.
"""

from collections.abc import Callable, Sequence

from agentd.cli.failures import Usage
from agentd.client import Client
from agentd.errors import BadSetting
from agentd.references import ask_for_task, parse_id, pick_node, pick_task

NO_LEASE = "none"
"""Stands for the lease of a node that nobody holds."""

TELLING_LENGTH = 18
"""Characters of an id that tell it from tasks that are not shown: all of its millisecond, and 12
bits of chance (RFC 9562, version 7). To ask for each whether others begin so would take longer.
"""


def find_task_id(client: Client, given: str) -> str:
    """The task that this id, or the beginning of one, stands for, among those of the daemon.

    Raises what `resolve_task_id` raises.
    """

    def find(begin: str, limit: int) -> list[tuple[str, str]]:
        page = client.list_tasks(prefix=begin, limit=limit)
        tasks = page.tasks
        while page.next is not None and len(tasks) < limit:  # it is shorter where goals are large
            left = limit - len(tasks)
            page = client.list_tasks(prefix=begin, limit=left, before=page.next)
            tasks += page.tasks
        return [(task.id, task.goal) for task in tasks]

    return resolve_task_id(given, find)


def resolve_task_id(given: str, find: Callable[[str, int], Sequence[tuple[str, str]]]) -> str:
    """The task that this id stands for, or the beginning of one; an id in full is not looked up.

    `@` is the newest task, `@2` the one before it. `find` finds the ids, and what to say of each,
    that begin with a text: so many at most, the newest first. Raises `TaskNotFound` where it stands
    for none, `Ambiguous` for several, `Usage` for no id.
    """
    try:
        asked = ask_for_task(given)
    except BadSetting as error:
        raise Usage(str(error)) from error
    return asked if isinstance(asked, str) else pick_task(given, asked, find(*asked))


def find_node_id(client: Client, task: str, given: str) -> str:
    """The node of a task that this id, the beginning or the end of one, or this name stands for.

    Raises `NodeNotFound` where it stands for none, `Ambiguous` for several.
    """
    (found,) = find_node_ids(client, task, [given])
    return found


def find_node_ids(client: Client, task: str, given: Sequence[str]) -> list[str]:
    """As `find_node_id` for each; the daemon is asked once, and not for ids in full."""
    whole = [parse_id(each) for each in given]
    nodes = client.task_status(task).nodes if None in whole else []
    return [found or pick_node(nodes, task, each) for found, each in zip(whole, given, strict=True)]


def parse_lease_id(given: str) -> str:
    """A lease in full: who holds it knows it. Raises `Usage` for anything less."""
    if (whole := parse_id(given)) is None:
        raise Usage(f"{given!r} is no lease: give the lease_id in full, as it was acquired")
    return whole
