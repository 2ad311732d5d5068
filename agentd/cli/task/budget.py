"""`agentd task budget TASK [UNIT=AMOUNT ...]`: what a task has used, and how much it may."""

import argparse

from agentd.api import TaskStatusResult
from agentd.cli.failures import Usage
from agentd.cli.ids import find_task_id
from agentd.cli.printing import print_data
from agentd.cli.screen import (
    console,
    is_terminal,
    plain_text,
    print_fields,
    print_line,
    print_table,
)
from agentd.client import Client


def run(options: argparse.Namespace) -> int:
    """Set the budget where one is given, and show it. Raises `TaskIsCancelled`, `Ambiguous`."""
    if options.none and options.amounts:
        raise Usage("--none takes the budget away: give amounts, or --none")
    with Client() as client:
        task = find_task_id(client, options.task)
        if options.none or options.amounts:
            client.set_budget(task, dict(options.amounts) or None)
        found = client.task_status(task, fields=["usage"])
    if options.json:
        print_data(found)
    elif is_terminal():
        _show(found)
    else:
        for unit, used, most in amounts(found):
            print_fields(unit, used, most)
    return 0


def amounts(found: TaskStatusResult) -> list[tuple[str, int | float, int | float | None]]:
    """Each unit, how much of it is used, and how much may be, where that is said."""
    budget = found.budget or {}
    units = sorted({*found.usage, *budget})
    return [(unit, found.usage.get(unit, 0), budget.get(unit)) for unit in units]


def _show(found: TaskStatusResult) -> None:
    screen = console()
    rows = [
        (
            plain_text(unit),
            plain_text(used),
            plain_text("-" if most is None else most),
            plain_text("used up" if most is not None and used >= most else "", "red"),
        )
        for unit, used, most in amounts(found)
    ]
    if rows:
        print_table(screen, ("UNIT", "USED", "BUDGET", ""), rows, flexible=0)
    else:
        print_line(screen, "no budget, and no usage was told")
