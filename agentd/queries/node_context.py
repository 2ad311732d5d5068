"""What the worker that acquired a node needs to know.

The rule this file keeps: it is bounded. The oldest events are left out first; a dependency's result
that is one too many is left out with its size, and had with NodeStatus.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec import Raw
from msgspec.structs import replace

from agentd.api import MOST_SHOWN, ContextScope, DependencyView, NodeContext
from agentd.errors import JournalDamaged
from agentd.events import NodeAcquired, NodeAdded, NodeFailed
from agentd.journal import Recorded
from agentd.projections import NODES, NodeRow
from agentd.projections.rank import rank_of
from agentd.queries.attempts import ended_attempts, endings
from agentd.queries.checkpoints import newest_checkpoint
from agentd.queries.events import event_journal
from agentd.queries.nodes import (
    dependencies_of,
    dependencies_seq_before,
    node_row,
    node_settings,
    node_view,
    settings_seq_before,
)
from agentd.queries.tasks import task_row, task_view
from agentd.queries.values import result_in, to_json
from agentd.store import Reader
from agentd.store.protocols.journal import LARGEST_SEQ

RESULT_BYTES = 16 * 1024 * 1024
"""Bytes of the results of all dependencies together."""

_LARGEST_RESULT = 1024 * 1024
"""Bytes: no result is larger, a request being one line of that."""

_AROUND = 256
"""Bytes of an event besides its payload, about."""


class ContextBounds(NamedTuple):
    """Whose events a context shows, how many, and how many bytes of their payloads.

    Without a bound of the bytes there is none of the results either: so contexts were once.
    """

    scope: ContextScope
    events: int
    bytes: int | None


def node_context(reader: Reader, acquired: Recorded, bounds: ContextBounds) -> NodeContext:
    """What the worker that acquired the node needs to know, as it was then."""
    task_id, node_id = acquired.task_id, acquired.node_id or ""
    task, row = task_row(reader, task_id), node_row(reader, task_id, node_id)
    # The row as it was then, whatever has become of the node since.
    then = NODES.reduce(row, acquired, (node_id,))
    event = acquired.event
    if task is None or not isinstance(then, NodeRow) or not isinstance(event, NodeAcquired):
        raise JournalDamaged(f"record {acquired.seq} acquired a node that has no row")
    if row is not None and row.settings_seq is not None and row.settings_seq > acquired.seq:
        then = replace(then, settings_seq=settings_seq_before(reader, row, acquired.seq))
        then = replace(then, rank=rank_of(node_settings(reader, then).priority))
    if row is not None and (row.dependencies_seq or 0) > acquired.seq:
        then = replace(then, dependencies_seq=dependencies_seq_before(reader, row, acquired.seq))
    view = node_view(reader, then, event.usage)
    view.attempt = event.attempt
    return NodeContext(
        task_view(reader, task),
        view,
        list(_dependency_views(reader, view.dependencies, bounds, acquired.seq)),
        bounds.events,
        event_journal(_events(reader, then, view.dependencies, acquired.version, bounds)),
        ended_attempts(reader, row, MOST_SHOWN, acquired.seq) if row and row.last_end_seq else [],
        newest_checkpoint(reader, then, acquired.seq) if then.checkpoint_seq else None,
    )


def context_size(reader: Reader, node_id: str, bounds: ContextBounds) -> int:
    """About how many bytes the node's context would have now."""
    row: NodeRow | None = reader.get(NODES, (node_id,))
    task = None if row is None else task_row(reader, row.task_id)
    if row is None or task is None:
        raise JournalDamaged(f"node {node_id} has no row")
    added = reader.record_at(row.added_seq)
    dependencies = dependencies_of(reader, row, added)
    ended = [each for each in dependencies if _end_seq(reader, each, LARGEST_SEQ) is not None]
    results = sum(
        len(view.result_payload) for view in _dependency_views(reader, ended, bounds, LARGEST_SEQ)
    )
    version = reader.head(row.task_id).version
    events = _events(reader, row, dependencies, version, bounds)
    parts = added, reader.record_at(task.registered_seq), *events
    seq = row.checkpoint_seq
    checkpoint = 0 if seq is None else reader.payload_size(seq)
    return results + checkpoint + sum(len(part.payload or b"") + _AROUND for part in parts)


def _events(
    reader: Reader, row: NodeRow, dependencies: Sequence[str], until: int, bounds: ContextBounds
) -> list[Recorded]:
    """The newest events then, oldest first, as many as there may be."""
    if bounds.scope == "none":
        return []
    if bounds.scope == "task":
        tail = reader.tail(row.task_id, bounds.events, until)
    else:
        about = [row.node_id, *dependencies]
        tail = reader.tail_of_nodes(row.task_id, about, bounds.events, until)
    return tail if bounds.bytes is None else _cut(tail, bounds.bytes)


def _cut(tail: list[Recorded], left: int) -> list[Recorded]:
    """The newest of them whose payloads have so many bytes together."""
    for place in range(len(tail) - 1, -1, -1):
        left -= len(tail[place].payload or b"")
        if left < 0:
            return tail[place + 1 :]
    return tail


def _dependency_views(
    reader: Reader, dependencies: Sequence[str], bounds: ContextBounds, before: int
) -> Iterator[DependencyView]:
    """The ends that they had before that seq: what failed may have been tried again since."""
    total = 0
    for node_id in dependencies:
        seq = _end_seq(reader, node_id, before)
        if seq is None:
            raise JournalDamaged(f"dependency {node_id} of a runnable node has no result")
        if bounds.bytes is not None and total > RESULT_BYTES - _LARGEST_RESULT:
            size = _result_size(reader, seq)
            if total + size > RESULT_BYTES:
                left_out = {"left_out": True, "bytes": size, "node_id": node_id}
                yield _dependency_view(node_id, reader.record_at(seq), to_json(left_out))
                continue
        ended = reader.record_at(seq)
        result = result_in(ended)
        total += len(result)
        yield _dependency_view(node_id, ended, result)


def _result_size(reader: Reader, seq: int) -> int:
    """Bytes of a result; that of a node which had ended when it was imported is read for it."""
    return reader.payload_size(seq) or len(result_in(reader.record_at(seq)))


def _dependency_view(node_id: str, ended: Recorded, result: Raw) -> DependencyView:
    event = ended.event
    if isinstance(event, NodeFailed) or (isinstance(event, NodeAdded) and event.status == "FAILED"):
        return DependencyView(node_id, result, "FAILED")
    return DependencyView(node_id, result)


def _end_seq(reader: Reader, node_id: str, before: int) -> int | None:
    """Where the node's newest end before that seq is recorded."""
    row: NodeRow | None = reader.get(NODES, (node_id,))
    if row is None:
        return None
    if row.result_seq is not None and row.result_seq < before:
        return row.result_seq
    ended = (each.seq for each in endings(reader, row) if each.seq < before)
    return next(ended, _ended_before_all(reader, row))


def _ended_before_all(reader: Reader, row: NodeRow) -> int | None:
    """Where the end is recorded that the node had when its task was forked, or imported."""
    event = reader.record_at(row.added_seq).event
    if not isinstance(event, NodeAdded) or event.status == "PENDING":
        return None
    return row.added_seq if event.result_seq is None else event.result_seq
