"""ForkTask: a new task that begins as another was.

The rule this file keeps: what had ended there has ended here by the very record that ended it
there, and all else begins anew.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar

from msgspec import Struct

from agentd.api import ForkTaskParams
from agentd.decide.context import Context
from agentd.decide.state import NamedNode, require_known
from agentd.decide.usage import is_reached
from agentd.errors import TaskNotFound
from agentd.events import (
    Amounts,
    ForkedFrom,
    NodeAdded,
    NodeSettings,
    Status,
    TaskRegistered,
)
from agentd.journal import Draft
from agentd.projections import NodeRow


class OriginNode(Struct, frozen=True):
    """A node of the task that is forked, and all that goes along.

    `satisfies`: those that depend on it do not wait for it.
    """

    row: NodeRow
    dependencies: Sequence[str]
    settings: NodeSettings | None
    payload: bytes | None
    satisfies: bool


class Origin(Struct, frozen=True):
    """The task that is forked as it was after the record at `seq`, and its nodes in their order."""

    seq: int
    registered: TaskRegistered
    context: bytes | None
    budget: Amounts | None
    nodes: Sequence[OriginNode]


class ForkState(Struct, frozen=True):
    """The state ForkTask decides on: the id of the new task, and what it is made of, if that is.

    `rerun` are the nodes that were named.
    """

    task_id: str
    origin: Origin | None
    rerun: Sequence[NamedNode] = ()
    version: ClassVar[int] = 0
    result_seq: ClassVar[int] = 0


def fork_task(state: ForkState, params: ForkTaskParams, context: Context) -> list[Draft]:
    """The new task, and its nodes in the order of those that they are made from."""
    origin = state.origin
    if origin is None:
        raise TaskNotFound.of(params.task_id)
    named = [require_known(each.row, params.task_id, each.name) for each in state.rerun]
    again = {row.node_id for row in named}
    if params.failed:
        again |= {node.row.node_id for node in origin.nodes if node.row.status == "FAILED"}
    again = _with_dependents(again, origin.nodes)
    drafts = list(_add_nodes(origin.nodes, again, context.new_id))
    ended = [draft.event.status for draft in drafts if isinstance(draft.event, NodeAdded)]
    registered = TaskRegistered(
        origin.registered.goal if params.goal is None else params.goal,
        len(drafts),
        node_defaults=origin.registered.node_defaults,
        labels=origin.registered.labels,
        budget=origin.budget,
        spent=is_reached(origin.budget, {}),
        forked_from=ForkedFrom(params.task_id, origin.seq),
        completed=ended.count("COMPLETED"),
        failed=ended.count("FAILED"),
        traceparent=params.traceparent,
    )
    return [Draft(registered, payload=origin.context), *drafts]


def _with_dependents(chosen: set[str], nodes: Sequence[OriginNode]) -> set[str]:
    """These, and all that depend on them, through others too."""
    if not chosen:
        return chosen
    behind: dict[str, list[str]] = {}
    for node in nodes:
        for dependency in node.dependencies:
            behind.setdefault(dependency, []).append(node.row.node_id)
    waiting = list(chosen)
    while waiting:
        new = [each for each in behind.get(waiting.pop(), ()) if each not in chosen]
        chosen.update(new)
        waiting += new
    return chosen


def _add_nodes(
    nodes: Sequence[OriginNode], again: set[str], new_id: Callable[[], str]
) -> Iterator[Draft]:
    """The nodes as they begin here; those that are to run `again` have not ended."""
    ids: Mapping[str, str] = {node.row.node_id: new_id() for node in nodes}
    satisfying = {
        node.row.node_id for node in nodes if node.satisfies and node.row.node_id not in again
    }
    for position, node in enumerate(nodes):
        row, needed = node.row, node.dependencies
        has_ended = row.result_seq is not None and row.node_id not in again
        status: Status = row.status if has_ended else "PENDING"
        event = NodeAdded(
            position,
            tuple(ids[each] for each in needed),
            sum(each not in satisfying for each in needed),
            status,
            row.name,
            node.settings,
            result_seq=row.result_seq if has_ended else None,
        )
        yield Draft(event, ids[row.node_id], node.payload)
