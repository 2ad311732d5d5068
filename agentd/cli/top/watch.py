"""`agentd top`: look at tasks, nodes and all else as it goes, and steer with keys.

The rule this file keeps: it is for a person at a terminal; a program is told what to use.
"""

import argparse
import os
import sys

from agentd import config
from agentd.cli.extras import require_extra
from agentd.cli.failures import Usage
from agentd.cli.ids import find_task_id
from agentd.cli.user import user_name
from agentd.client import Client
from agentd.errors import Failure

_NO_TERMINAL = (
    "agentd top is for a terminal, and here is none: `agentd task list` lists the tasks, "
    "`agentd task show TASK` shows one, and `agentd events --follow` prints what happens"
)


def run(options: argparse.Namespace) -> int:
    """Show until it is ended. Raises `Usage`, `Failure`, `TaskNotFound`, `DaemonUnreachable`."""
    # Textual draws on the third of them: with `2> FILE` nothing would be seen.
    if not all(file and file.isatty() for file in (sys.stdin, sys.stdout, sys.stderr)):
        raise Usage(_NO_TERMINAL)
    if os.environ.get("TERM") in (None, "", "dumb"):
        raise Usage(
            f"TERM is {os.environ.get('TERM')!r}: agentd top moves the cursor, which such a "
            "terminal cannot; `agentd task list` and `agentd events --follow` print lines"
        )
    require_extra("agentd top", "top", ("textual",))
    with Client() as client:
        task = find_task_id(client, options.task) if options.task is not None else None
        if task is None:
            client.health()  # who cannot be reached is told at once
        else:
            client.task_status(task, fields=["counts"])
    from agentd.top.app import Top

    app = Top(task, config.load().home, user_name())
    app.run()
    if isinstance(app.failure, Failure):
        raise app.failure
    if app.failure is not None:
        raise Failure(str(app.failure))
    return app.return_code or 0
