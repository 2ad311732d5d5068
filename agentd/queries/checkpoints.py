"""What holders left for the next ones: a chain through the journal, from the newest backwards."""

from agentd.api import Checkpoint, rfc3339
from agentd.errors import JournalDamaged
from agentd.events import EventCommitted
from agentd.journal import Recorded
from agentd.projections import NodeRow
from agentd.queries.values import payload_of
from agentd.store import Reader
from agentd.store.protocols.journal import LARGEST_SEQ


def newest_checkpoint(reader: Reader, row: NodeRow, before: int = LARGEST_SEQ) -> Checkpoint | None:
    """The node's newest checkpoint that was set before that seq."""
    seq = row.checkpoint_seq
    while seq is not None:
        recorded = reader.record_at(seq)
        event = _checkpoint_in(recorded)
        if seq < before:
            return Checkpoint(payload_of(recorded), event.attempt, rfc3339(recorded.at))
        seq = event.previous
    return None


def _checkpoint_in(recorded: Recorded) -> EventCommitted:
    event = recorded.event
    if not isinstance(event, EventCommitted) or not event.checkpoint:
        raise JournalDamaged(f"record {recorded.seq} is no checkpoint of a node")
    return event
