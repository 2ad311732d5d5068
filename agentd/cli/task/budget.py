"""`agentd task budget TASK UNIT=AMOUNT ...`: how much a task may use; `task cost` shows that."""

import argparse

from agentd.cli.failures import Usage
from agentd.cli.ids import find_task_id
from agentd.cli.printing import print_data
from agentd.cli.screen import is_terminal
from agentd.cli.task.cost import amounts, print_amounts, say_untold, show_amounts
from agentd.client import Client


def run(options: argparse.Namespace) -> int:
    """Set the budget, and show it. Raises `TaskIsCancelled`, `Ambiguous`, `Usage`."""
    if options.none is bool(options.amounts):
        raise Usage(
            "give the whole budget as UNIT=AMOUNT, or --none for none; "
            "`agentd task cost TASK` shows the one it has"
        )
    with Client() as client:
        task = find_task_id(client, options.task)
        client.set_budget(task, dict(options.amounts) or None)
        found = client.task_status(task, fields=["usage"])
    say_untold(found)
    if options.json:
        print_data(found)
    elif is_terminal():
        show_amounts(amounts(found))
    else:
        print_amounts(amounts(found))
    return 0
