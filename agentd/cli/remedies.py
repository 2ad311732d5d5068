"""What a person types next against what keeps a node from being handed out.

The rule this file keeps: a command can be copied as it stands, words in capitals apart; none is
shown that would not be what was meant then.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence

from agentd.api import Cause, CauseKind, NodeView

_COMMANDS: Mapping[CauseKind, Sequence[str]] = {
    "paused": ("agentd task resume {task}",),
    "dependency_failed": ("agentd node retry {task} {before}",),
    "dependency": ("agentd node why {task} {before}",),
    "gate": (
        "agentd gate show {task} {node}",
        "agentd gate approve {task} {node}",
        "agentd gate reject {task} {node}",
    ),
    "not_before": ("agentd node set {task} {node} --not-before 0",),
    "budget_spent": ("agentd task budget {task} UNIT=AMOUNT",),
    "limit_closed": ("agentd limit open {limit}",),
    "limit_full": ("agentd limit list",),
    "rate": ("agentd limit list",),
    "locked": ("agentd lock list",),
}


def remedies(cause: Cause, task: str, node: str) -> Iterator[str]:
    """The commands against a cause that holds this node."""
    if cause.kind == "no_worker":
        yield from worker_commands(task, cause.labels or ())
    for form in _COMMANDS.get(cause.kind, ()):
        command = form.format(
            task=task,
            node=shlex.quote(node),
            before=shlex.quote(_name_of(cause)),
            limit=shlex.quote(cause.limit or ""),
        )
        if command.isprintable():
            yield command


def taking_away(node: NodeView) -> str:
    """What takes a node that is held from its holder."""
    holder = node.lease_owner or ""
    named = shlex.quote(holder) if holder.isprintable() else "OWNER"
    return f"agentd node release {node.task_id} {node.id} --held-by {named}"


def worker_commands(task: str, labels: Sequence[str] = ()) -> Iterator[str]:
    """Where a worker is wanted who offers these labels.

    Those of the workers that there are show which label is misspelled, or that there is none.
    """
    yield "agentd workers"
    offers = "".join(f" --label {shlex.quote(label)}" for label in labels)
    if offers.isprintable():
        yield f"agentd work --task {task}{offers} -- COMMAND"


def _name_of(cause: Cause) -> str:
    """The node that a cause names, as it is typed."""
    return cause.name if cause.name and cause.name.isprintable() else cause.node_id or ""
