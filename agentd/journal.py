"""How events become records: numbered, stamped and chained, so that a changed or missing one shows.

The rule this file keeps: a record's `hash` covers every column of it and the hash before it in the
same task (BLAKE2b, RFC 7693, 32 bytes). The canonical bytes are

    previous hash ‖ JSON [seq, event_id, task_id, version, node_id, kind, schema, at] ‖ data
    and, where there is a payload: newline ‖ payload

where `data` is the event's own fields as a JSON object and `payload` the user's bytes as they came
in. An array and an object end themselves, so no two records share their canonical bytes.
"""

from collections.abc import Callable, Iterable
from hashlib import blake2b

import msgspec
from msgspec import Struct

from agentd.errors import JournalDamaged
from agentd.events import EVENTS, Event

HASH_SIZE = 32
"""Bytes."""

_DECODERS = {(kind.__name__, kind.schema): msgspec.json.Decoder(kind) for kind in EVENTS}
_encode = msgspec.json.Encoder().encode


class Draft(Struct, frozen=True):
    """An event that is decided and not recorded yet.

    `task_id` says which task it is about where that is not the one of the command's state. An event
    that was recorded elsewhere keeps its `event_id`.
    """

    event: Event
    node_id: str | None = None
    payload: bytes | None = None
    task_id: str | None = None
    event_id: str | None = None


class Head(Struct, frozen=True):
    """The end of one task's stream: how many events it has, and the hash of the last one."""

    version: int
    hash: bytes


GENESIS = Head(0, bytes(HASH_SIZE))
"""The head of a task that has no events yet."""


class Recorded(Struct, frozen=True):
    """One row of the journal.

    `seq` is the place in the total order, `version` the place in the task's own stream, both from
    1; `at` is Unix milliseconds; `data` is `event` as stored.
    """

    seq: int
    event_id: str
    task_id: str
    version: int
    node_id: str | None
    kind: str
    schema: int
    at: int
    data: bytes
    payload: bytes | None
    hash: bytes
    event: Event


def record(
    head: Head, seq: int, task_id: str, drafts: Iterable[Draft], at: int, new_id: Callable[[], str]
) -> list[Recorded]:
    """The drafts as records that follow `head` in their task and start at `seq` in the journal."""
    recorded: list[Recorded] = []
    version, previous = head.version, head.hash
    for place, draft in enumerate(drafts, seq):
        version += 1
        event, payload = draft.event, draft.payload
        data, kind = _encode(event), type(event).__name__
        event_id = draft.event_id or new_id()
        header = (place, event_id, task_id, version, draft.node_id, kind, event.schema, at)
        previous = _chain_hash(previous, header, data, payload)
        recorded.append(Recorded(*header, data, payload, previous, event))
    return recorded


def chain_hash(previous: bytes, recorded: Recorded) -> bytes:
    """The hash that `recorded` must carry when it follows `previous`."""
    r = recorded
    header = (r.seq, r.event_id, r.task_id, r.version, r.node_id, r.kind, r.schema, r.at)
    return _chain_hash(previous, header, r.data, r.payload)


def _chain_hash(
    previous: bytes, header: tuple[object, ...], data: bytes, payload: bytes | None
) -> bytes:
    end = b"" if payload is None else b"\n" + payload
    canonical = b"".join((previous, _encode(header), data, end))
    return blake2b(canonical, digest_size=HASH_SIZE).digest()


def decode(kind: str, schema: int, data: bytes) -> Event:
    """The event behind a journal row. Raises `JournalDamaged` when this program cannot read it."""
    decoder = _DECODERS.get((kind, schema))
    if decoder is None:
        raise JournalDamaged(
            f"this agentd cannot read {kind} events of schema {schema}; is it older?"
        )
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise JournalDamaged(f"a {kind} event does not decode: {error}") from error
