"""How events become records: numbered, stamped, and chained so that any change shows."""

from typing import Any

import msgspec
import pytest
from msgspec import Raw
from msgspec.structs import replace

from agentd.errors import JournalDamaged
from agentd.events import (
    EVENTS,
    EventCommitted,
    ForkedFrom,
    NodeAcquired,
    NodeAdded,
    NodeSettings,
    Rate,
    Retry,
)
from agentd.journal import GENESIS, HASH_SIZE, Draft, Head, Recorded, chain_hash, decode, record
from tests.core import NOW, Ids, uid

TASK = uid(1)
NOTE = Draft(EventCommitted("NOTE"), uid(2), b'{"a":1}')


def one(draft: Draft = NOTE, head: Head = GENESIS) -> Recorded:
    """The draft as the next record of a stream; everything else is always the same."""
    [recorded] = record(head, 7, TASK, [draft], NOW, Ids())
    return recorded


def chain(length: int) -> list[Recorded]:
    """A whole stream."""
    drafts = [Draft(EventCommitted(str(n)), uid(2), b"%d" % n) for n in range(length)]
    return record(GENESIS, 1, TASK, drafts, NOW, Ids())


def broken_at(records: list[Recorded]) -> list[int]:
    """The places whose hash is not the one that the record before it asks for."""
    previous, broken = GENESIS.hash, []
    for recorded in records:
        if chain_hash(previous, recorded) != recorded.hash:
            broken.append(recorded.seq)
        previous = recorded.hash
    return broken


# Recording


def test_a_draft_is_recorded_with_its_place_and_moment() -> None:
    """A record has its places in both orders, its names, its moment, and the bytes as stored."""
    recorded = one(head=Head(3, b"h" * HASH_SIZE))
    assert recorded == Recorded(
        seq=7,
        event_id=uid(1_000_001),
        task_id=TASK,
        version=4,
        node_id=uid(2),
        kind="EventCommitted",
        schema=1,
        at=NOW,
        data=b'{"action_type":"NOTE"}',
        payload=b'{"a":1}',
        hash=recorded.hash,
        event=EventCommitted("NOTE"),
    )


def test_records_follow_each_other() -> None:
    """Several drafts take the next places, one after the other."""
    assert [(r.seq, r.version, r.event_id) for r in chain(3)] == [
        (1, 1, uid(1_000_001)),
        (2, 2, uid(1_000_002)),
        (3, 3, uid(1_000_003)),
    ]


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_every_kind_of_event_is_read_as_it_was_written(kind: type[Any]) -> None:
    """What a record's `data` holds decodes to the very event."""
    settings = NodeSettings(
        *(-7, Retry(3, 0.5, on_expiry=False), 1_000, 1 << 53, 5, "continue", ("ö",), ())
    )
    examples: dict[str, Any] = {
        "dependencies": (uid(3), uid(4)),
        "status": "FAILED",
        "warnings": ("ö",),
        "settings": settings,
        "node_defaults": settings,
        "how": "expired",
        "forked_from": ForkedFrom(uid(6), 7),
        "decision": "reject",
        "result": Raw(b'{"\xc3\xb6" : 1.50}'),
        **dict.fromkeys(("counts", "satisfies", "satisfied", "moves", "checkpoint"), True),
    }
    examples |= {"labels": {"ö": "ü"}, "budget": {"ö": 1}, "usage": {"ö": 0.5}}
    examples |= {"paused": True, "spent": True, "descendants": (uid(5),)}
    numbers = {
        "waiting_on": 2,
        "position": 9,
        "node_count": 0,
        **dict.fromkeys(
            ("lease_expires_at", "deadline_at", "not_before", "previous", "expires_at"), 1 << 53
        ),
        **dict.fromkeys(("attempt", "lease_ms", "number", "place", "result_seq"), 7),
        **dict.fromkeys(("gate_timeout_at", "completed", "failed", "satisfied_already"), 8),
        **dict.fromkeys(("created_at", "updated_at", "acquired_at", "noted_at"), -(1 << 45)),
        "timeout_at": 1,
        "until": 1 << 53,
        "max_running": 0,
    }
    if kind is NodeAcquired:
        examples |= {"limits": ("ö", "ü"), "labels": ("ö",)}
    examples |= {"rate": Rate(3, 1_000), "mode": "shared"}
    fields = kind.__struct_fields__
    event = kind(**{name: {**examples, **numbers}.get(name, f"ö {name}") for name in fields})
    recorded = one(Draft(event))
    assert decode(recorded.kind, recorded.schema, recorded.data) == event


def test_kinds_are_named_once() -> None:
    """No two kinds of event have the same name and schema."""
    assert len({(kind.__name__, kind.schema) for kind in EVENTS}) == len(EVENTS)


# Damage


@pytest.mark.parametrize(("kind", "schema"), [("NodePaused", 1), ("NodeAdded", 2), ("Event", 1)])
def test_an_unknown_kind_is_damage(kind: str, schema: int) -> None:
    """An event that this program does not know is named with its schema."""
    with pytest.raises(JournalDamaged, match=f"{kind} events of schema {schema}"):
        decode(kind, schema, b"{}")


@pytest.mark.parametrize("data", [b"", b"null", b"{}", b'{"action_type":1}', b"\xff", b'{"a'])
def test_an_event_that_does_not_decode_is_damage(data: bytes) -> None:
    """Bytes that are not the kind's fields are named as that kind's."""
    with pytest.raises(JournalDamaged, match="EventCommitted event does not decode"):
        decode("EventCommitted", 1, data)


def test_bytes_behind_an_event_are_damage() -> None:
    """Nothing may follow the event's fields: those bytes would belong to the payload."""
    with pytest.raises(JournalDamaged):
        decode("EventCommitted", 1, b'{"action_type":"NOTE"}1')


# The hash chain


def test_the_chain_of_a_stream_is_whole() -> None:
    """Every record's hash follows from the record and the hash before it."""
    assert broken_at(chain(5)) == []


def test_the_hash_is_blake2b_of_the_canonical_bytes() -> None:
    """The hash is what the description of the journal says, computed here by hand."""
    from hashlib import blake2b

    head = Head(3, b"h" * 32)
    header = [7, uid(1_000_001), TASK, 4, uid(2), "EventCommitted", 1, NOW]
    data, payload = b'{"action_type":"NOTE"}', b'{"a":1}'
    canonical = head.hash + msgspec.json.encode(header) + data + b"\n" + payload
    assert one(head=head).hash == blake2b(canonical, digest_size=32).digest()


CHANGES: list[dict[str, Any]] = [
    {"seq": 3},
    {"event_id": uid(3)},
    {"task_id": uid(3)},
    {"version": 3},
    {"node_id": uid(3)},
    {"node_id": None},
    {"kind": "NodeFailed"},
    {"schema": 2},
    {"at": NOW + 1},
    {"data": b'{"action_type":"NOTe"}'},
    {"payload": b'{"a":2}'},
    {"payload": b'{"a": 1}'},
    {"payload": None},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_changed_column_changes_the_hash(change: dict[str, Any]) -> None:
    """Whichever column of a record is changed, its hash is another."""
    recorded = chain(2)[1]
    original = one(NOTE)
    assert chain_hash(GENESIS.hash, replace(original, **change)) != original.hash
    assert chain_hash(GENESIS.hash, recorded) != recorded.hash


def test_every_column_is_tried() -> None:
    """No column is left out above, but the hash itself and `event`, which is `data` decoded."""
    tried = {name for change in CHANGES for name in change}
    assert tried == set(Recorded.__struct_fields__) - {"hash", "event"}


def test_a_payload_of_no_bytes_is_not_no_payload() -> None:
    """A payload that is emptied shows, and so does one that comes where there was none."""
    without = one(Draft(EventCommitted("NOTE")))
    assert chain_hash(GENESIS.hash, replace(without, payload=b"")) != without.hash


def test_a_missing_record_breaks_the_chain() -> None:
    """A record that is taken out shows at the one behind it."""
    records = chain(4)
    assert broken_at(records[:1] + records[2:]) == [3]


def test_a_record_in_another_place_breaks_the_chain() -> None:
    """Two records that are exchanged show."""
    first, second, third = chain(3)
    assert broken_at([first, third, second])


def test_a_changed_hash_breaks_the_chain() -> None:
    """A hash that is changed shows, there and behind it."""
    first, second, third = chain(3)
    assert broken_at([first, replace(second, hash=bytes(HASH_SIZE)), third]) == [2, 3]


@pytest.mark.parametrize(
    ("one_event", "other_event"),
    [
        ((NodeAdded(1, (), 1, "PENDING"), None), (NodeAdded(11, (), 1, "PENDING"), None)),
        ((EventCommitted("a"), b'"b"'), (EventCommitted('a"b'), b'""')),
        ((EventCommitted(""), b"12"), (EventCommitted(""), b"1")),
    ],
)
def test_canonical_bytes_are_unambiguous(
    one_event: tuple[Any, bytes | None], other_event: tuple[Any, bytes | None]
) -> None:
    """Bytes that move from one column to the next make another hash."""
    hashes = {
        one(Draft(event, uid(2), payload)).hash for event, payload in (one_event, other_event)
    }
    assert len(hashes) == 2


def test_numbers_that_stand_side_by_side_are_kept_apart() -> None:
    """Place 1 with version 12 is not place 11 with version 2."""
    [near] = record(Head(11, GENESIS.hash), 1, TASK, [NOTE], NOW, Ids())
    [far] = record(Head(1, GENESIS.hash), 11, TASK, [NOTE], NOW, Ids())
    assert (near.version, far.version) == (12, 2)
    assert near.hash != far.hash
