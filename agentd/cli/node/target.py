"""Which node a verb is about, and the lease that it is held under.

The rule this file keeps: ids in full cost no request, whoever wrote them in whatever case.
"""

import argparse
from typing import NamedTuple

from agentd.cli import ids
from agentd.client import Client


class TargetNode(NamedTuple):
    """A node of a task, by their ids."""

    task_id: str
    node_id: str


def find_target(client: Client, options: argparse.Namespace) -> TargetNode:
    """The node meant. Raises `TaskNotFound`, `NodeNotFound`, `Ambiguous`, `Usage`."""
    task = ids.find_task_id(client, options.task)
    return TargetNode(task, ids.find_node_id(client, task, options.node))
