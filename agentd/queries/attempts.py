"""How the attempts of a node ended: a chain through the journal, from the newest backwards."""

from collections.abc import Iterator
from typing import cast

from msgspec import Raw

from agentd.api import NULL, AttemptView, error_or_size
from agentd.api.attempts import HowEnded
from agentd.events import (
    Ending,
    LeaseExpired,
    LeaseRevoked,
    NodeCompleted,
    NodeFailed,
    NodeReleased,
)
from agentd.journal import Recorded
from agentd.projections import NodeRow
from agentd.store import Reader
from agentd.store.protocols.journal import LARGEST_SEQ


def ended_attempts(
    reader: Reader, row: NodeRow, limit: int, before: int = LARGEST_SEQ
) -> list[AttemptView]:
    """The newest `limit` of those that ended before that seq, oldest first."""
    newest = row.attempt if row.lease_id is None else row.attempt - 1
    found: list[AttemptView] = []
    for number, recorded in enumerate(endings(reader, row)):
        if len(found) == limit:
            break
        if recorded.seq < before:
            found.append(_attempt_view(recorded, newest - number))
    return found[::-1]


def endings(reader: Reader, row: NodeRow) -> Iterator[Recorded]:
    """What ended the node's attempts, the newest first; of old, no further than it was noted."""
    seq = row.last_end_seq
    while seq is not None:
        recorded = reader.record_at(seq)
        yield recorded
        seq = cast("Ending", recorded.event).previous


def _attempt_view(recorded: Recorded, number: int) -> AttemptView:
    event = cast("Ending", recorded.event)
    how, kind, error = _how_it_ended(event, recorded.payload)
    return AttemptView(number, event.lease_owner, recorded.at / 1000, how, kind, error)


def _how_it_ended(event: Ending, payload: bytes | None) -> tuple[HowEnded, str | None, Raw]:
    match event:
        case NodeFailed(how="expired"):  # its payload tells of all attempts, and this is one
            return "expired", None, Raw(NULL)
        case NodeFailed():
            return event.how, event.kind, error_or_size(payload)
        case NodeReleased():
            return "released", None, error_or_size(payload)
        case NodeCompleted():
            return "completed", None, Raw(NULL)
        case LeaseExpired():
            return "expired", None, Raw(NULL)
        case LeaseRevoked():
            return "revoked", None, Raw(NULL)
