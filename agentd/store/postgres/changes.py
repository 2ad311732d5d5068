"""What a transaction changed, for the memory of the other daemons.

The rule this file keeps: a daemon that finds that others wrote need not forget what it knows. Each
of them leaves the rows that it wrote in a ring of slots, in the same transaction; whoever writes
next takes what was added since, if it follows without a hole upon what he knows, and forgets all
otherwise. So the ring is a help and no truth: it is not logged, and empty after a crash.

A slot fits twice into a page, and no value of it is moved elsewhere: so an update finds room where
the slot is, and leaves nothing behind that has to be cleaned up later.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import astuple

from agentd.errors import JournalDamaged
from agentd.events import TOLD
from agentd.journal import Head, Recorded
from agentd.projections import EDGES, LOCKS, NODES, PROJECTIONS, QUEUE, Key
from agentd.store.sql.cache import Cache, is_small
from agentd.store.sql.statements import values_of
from agentd.store.sql.tables.journal import decode_record

SLOTS = 512
_PIECE = 3_900
"""Bytes of a slot: so that two fit into a page, the slot as it is and as it will be next."""

_MOST_PIECES = 32
"""A transaction that changed more leaves nothing: to read it would cost more than to forget."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class Version(NamedTuple):
    """Of the rows: the journal's last seq, how often slots were filled, and rows folded anew."""

    seq: int
    slots: int
    folds: int


def encode_changes(
    cache: Cache, touched: Iterable[tuple[str, Key]], recorded: Sequence[Recorded]
) -> list[bytes]:
    """What changed, in pieces; none where it is too much."""
    heads = {each.task_id: (each.version, each.hash) for each in recorded}
    told = [values_of(each) for each in recorded if isinstance(each.event, TOLD) and is_small(each)]
    hidden = [
        each.task_id for each in recorded if isinstance(each.event, TOLD) and not is_small(each)
    ]
    rows = []
    for name, key in touched:
        row = cache.rows[name].get(key)
        rows.append((_NUMBERS[name], key, None if row is None else astuple(row)))
    encoded = _encode((heads, told, hidden, rows))
    pieces = [encoded[at : at + _PIECE] for at in range(0, len(encoded), _PIECE)]
    return pieces if len(pieces) <= _MOST_PIECES else []


def take_changes(
    cache: Cache, known: Version, end: Version, found: Sequence[tuple[Any, ...]]
) -> bool:
    """Bring what is remembered up to the journal's `end`; False where that cannot be.

    `found` are the slots that were filled since, in their order: (place, after, seq, piece).
    """
    if [row[0] for row in found] != list(range(known.slots + 1, end.slots + 1)):
        return False
    messages: list[tuple[int, int, list[bytes]]] = []
    for _place, after, seq, piece in found:
        if messages and messages[-1][:2] == (after, seq):
            messages[-1][2].append(piece)
        else:
            messages.append((after, seq, [piece]))
    reached = known.seq
    for after, seq, _pieces in messages:
        if after != reached:
            return False
        reached = seq
    if reached != end.seq:
        return False
    try:
        for _after, _seq, pieces in messages:
            _apply(cache, *_decode(b"".join(pieces)))
    except JournalDamaged:  # an event that this agentd does not know, as it may be a newer one's
        return False
    return True


def _apply(cache: Cache, heads: Any, told: Any, hidden: Any, rows: Any) -> None:
    for task_id, (version, digest) in heads.items():
        cache.heads[task_id] = Head(version, digest)
    for columns in told:
        recorded = decode_record(tuple(columns))
        cache.tails.append([recorded])
        cache.add_record(recorded)
    for task_id in hidden:
        cache.tails.forget(task_id)
    for number, names, values in rows:
        projection, key = PROJECTIONS[number], tuple(names)
        row = None if values is None else projection.row(*values)
        cache.rows[projection.name][key] = row
        note = _NOTES.get(projection.name)
        if note is not None:
            note(cache, key, row)


_NUMBERS = {projection.name: number for number, projection in enumerate(PROJECTIONS)}
_NOTES: dict[str, Callable[[Cache, Key, Any], object]] = {
    NODES.name: lambda cache, _key, row: cache.note_node(row),
    EDGES.name: lambda cache, key, _row: cache.dependents.pop(key[0], None),
    QUEUE.name: lambda cache, key, row: cache.note_stretch(key, row),
    LOCKS.name: lambda cache, _key, row: cache.note_lock(row),
}
