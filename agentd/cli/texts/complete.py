"""`agentd complete`: what could stand in the place of a word, for the scripts of `completion`.

The rule this file keeps: it is asked at a press of TAB, so it is quick, and quiet whatever happens.
A shell puts a candidate into the command line as it stands, so there is none that it would read as
more than a word: a node of another name is offered by its id, a limit not at all.
"""

import argparse
import os
import re
import sys
from collections.abc import Iterator
from itertools import islice

from agentd.cli.ids import find_task_id
from agentd.cli.screen import is_terminal
from agentd.client import Client
from agentd.errors import Failure, RequestRefused
from agentd.references import node_name
from agentd.text import printable

_MOST = 1000
_LONGEST = 60
"""Characters of what is said about a candidate."""

_PATIENCE_SECONDS = 1.0
_TASK = re.compile(r"[0-9a-fA-F][0-9a-fA-F-]{3,35}|@\d*", re.ASCII)
_SAFE_SIGNS = set("._-+,/")


def run(options: argparse.Namespace) -> int:
    """Print a line for each candidate: the word, and what is said about it behind a tab."""
    os.environ["AGENTD_AUTOSTART"] = "0"  # nobody asked for a daemon
    try:
        with Client(timeout=_PATIENCE_SECONDS) as client:
            found = [*islice(_candidates(client, options), _MOST)]
    except (Failure, RequestRefused, OSError):
        return 0
    between = "  " if is_terminal() else "\t"
    for word, about in found:
        told = printable(about[:_LONGEST])
        line = f"{word}{between}{told}" if told else word
        sys.stdout.buffer.write(line.encode(errors="backslashreplace") + b"\n")
    return 0


def _candidates(client: Client, options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    match options.what:
        case "tasks":
            for task in client.list_tasks(limit=_MOST).tasks:
                yield task.id, task.goal
        case "nodes":
            yield from _nodes(client, options.line)
        case "limits":
            for limit in client.list_limits(limit=_MOST).limits:
                if _is_safe(limit.name):
                    yield limit.name, f"{limit.running:,} running, {limit.waiting:,} waiting"
        case _:
            offered = {label for each in client.list_workers().workers for label in each.labels}
            yield from ((label, "") for label in sorted(offered) if _is_safe(label))


def _nodes(client: Client, line: str) -> Iterator[tuple[str, str]]:
    """Those of the first word of the line that may be a task."""
    given = next((word for word in line.split() if _TASK.fullmatch(word)), None)
    if given is None:
        return
    task = find_task_id(client, given)
    for node in client.task_status(task, fields=["nodes"], limit=_MOST).nodes:
        name = node_name(node)
        if name is not None and _is_safe(name):
            yield name, node.status
        else:
            yield node.id, f"{node.status} {name or ''}".rstrip()


def _is_safe(word: str) -> bool:
    """Is it one word for every shell, and nothing more?"""
    return word[:1].isalnum() and all(each.isalnum() or each in _SAFE_SIGNS for each in word)
