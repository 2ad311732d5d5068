"""`agentd node explain TASK NODE`: why a node is not handed out, and what would help."""

import argparse
import shlex
from collections.abc import Iterator, Mapping, Sequence

from agentd.api import Cause, CauseKind, ExplainNodeResult
from agentd.cli.node.target import TargetNode, find_target
from agentd.cli.printing import print_data
from agentd.cli.screen import console, is_terminal, print_fields, print_whole
from agentd.client import Client

_COMMANDS: Mapping[CauseKind, Sequence[str]] = {
    "paused": ("agentd task resume {task}",),
    "dependency_failed": ("agentd node retry {task} {node}",),
    "dependency": ("agentd node explain {task} {node}",),
    "limit_closed": ("agentd limit open {limit}",),
    "limit_full": ("agentd limit list",),
    "rate": ("agentd limit list",),
    "no_worker": ("agentd workers", "agentd work --task {task}{labels} -- COMMAND"),
}
"""What a person types next against a cause; labels of others show which one is misspelled."""


def run(options: argparse.Namespace) -> int:
    """Print every cause. Raises `TaskNotFound`, `NodeNotFound`, `Ambiguous`."""
    with Client() as client:
        target = find_target(client, options)
        found = client.explain_node(*target)
    if options.json:
        print_data(found)
    elif is_terminal():
        _show(found, target)
    else:
        for cause in found.reasons:
            print_fields(cause.kind, cause.text)
    return 0


def _show(found: ExplainNodeResult, target: TargetNode) -> None:
    screen = console()
    print_whole(screen, f"status    {found.status}{', runnable' if found.runnable else ''}")
    for cause in found.reasons:
        print_whole(screen, f"because   {cause.text}")
    if found.next is not None:
        print_whole(screen, f"next      {found.next}")
    for command in _commands(found.reasons[0], target) if found.reasons else ():
        print_whole(screen, f"then      {command}")


def _commands(cause: Cause, target: TargetNode) -> Iterator[str]:
    """Those of `_COMMANDS`, filled in; none that would not be what was meant when it is copied."""
    labels = cause.labels or []
    for form in _COMMANDS.get(cause.kind, ()):
        command = form.format(
            task=target.task_id,
            node=cause.node_id,
            limit=shlex.quote(cause.limit or ""),
            labels="".join(f" --label {shlex.quote(label)}" for label in labels),
        )
        if command.isprintable():
            yield command
