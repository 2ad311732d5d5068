"""`agentd task add TASK FILE|-`: more nodes for a task that is there, from JSON or YAML."""

import argparse
import shlex

from agentd.cli.ids import find_task_id
from agentd.cli.task import adding
from agentd.client import Client


def run(options: argparse.Namespace) -> int:
    """Add the nodes. Raises `BadDocument`, or `RequestRefused` with the names of the nodes."""
    additions = adding.read(options)
    if options.dry_run:
        return adding.show_plan(additions, as_json=options.json)
    with Client() as client:
        task_id = find_task_id(client, options.task)
        return adding.add(client, f"task add {shlex.quote(task_id)}", task_id, additions, options)
