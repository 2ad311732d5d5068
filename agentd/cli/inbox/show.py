"""`agentd inbox`: gates, failed tasks, closed limits and spent budgets, and what to type."""

import argparse
import time

from agentd.cli.ids import TELLING_LENGTH
from agentd.cli.printing import print_data
from agentd.cli.remarks import say
from agentd.cli.screen import (
    console,
    is_terminal,
    plain_text,
    print_fields,
    print_line,
    print_whole,
)
from agentd.client import Client
from agentd.client.questions import find_out
from agentd.inbox import Waiting, ask_inbox
from agentd.label import SHORTEST_ID
from agentd.states import BLOCKED, FAILED, RUNNABLE, RUNNING
from agentd.times import format_duration

_COLOURS = {
    "gate": RUNNABLE.colour,
    "budget": RUNNING.colour,
    "failed": FAILED.colour,
    "limit": BLOCKED.colour,
}
_INDENT = " " * 8


def run(options: argparse.Namespace) -> int:
    """Print what waits for a person. Raises `DaemonUnreachable`."""
    with Client() as client:
        inbox = find_out(client, ask_inbox(options.since))
    for state in inbox.cut:
        say(f"there are so many tasks that not all that are {state} were looked for")
    found = inbox.waiting
    if options.json:
        print_data({"waiting": found})
    elif not is_terminal():
        for each in found:
            _print_fields(each)
    elif not found:
        print("nothing waits for you")
    else:
        _show(found)
    return 0


def _print_fields(each: Waiting) -> None:
    moments = (None if at is None else f"{at:.3f}" for at in (each.since, each.until))
    print_fields(
        *(each.kind, each.task_id, each.node_id, each.name, each.goal, *moments),
        each.text,
        each.command,
    )


def _show(found: list[Waiting]) -> None:
    screen = console()
    for each in found:
        kind = plain_text(f"{each.kind:<{len(_INDENT)}}", _COLOURS[each.kind])
        about = ": ".join(filter(None, (each.name or _node(each), each.goal)))
        print_line(screen, kind, plain_text(f"{about}  "), plain_text(_format_moments(each), "dim"))
        print_line(screen, _INDENT, plain_text(each.text))
        print_whole(screen, _INDENT + _shorten_command(each))
    if any(each.kind == "gate" for each in found):
        print_line(screen, "`agentd gate reject TASK NODE` says no")
    if any(each.kind == "failed" for each in found):
        print_line(screen, "`agentd task show TASK` says what failed")


def _shorten_command(each: Waiting) -> str:
    """The command with as much of the ids as tells them from others: it fits a line."""
    command, task, node = each.command, each.task_id or "", each.node_id or ""
    return command.replace(task, task[:TELLING_LENGTH], 1).replace(node, node[-SHORTEST_ID:])


def _node(each: Waiting) -> str | None:
    return each.node_id and each.node_id[-SHORTEST_ID:]


def _format_moments(each: Waiting) -> str:
    """When a gate was opened or a task registered, and how long it is there still."""
    if each.since is None:
        return ""
    now = time.time()
    ago = f"{format_duration(int(now - each.since))} ago"
    if each.kind != "gate":
        return f"registered {ago}"
    left = "" if each.until is None else f", {format_duration(int(each.until - now))} left"
    return f"{ago}{left}"
