"""How rows, records and answered requests are written: a statement a table, however many rows.

The rule this file keeps: what is written goes over as JSON, one text a table, and the server makes
rows of it. One statement for all tables saves most of what a statement costs, here and there.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from agentd.answers import Answered
from agentd.journal import Recorded
from agentd.projections import PROJECTIONS, Key, Projection
from agentd.store.postgres.changes import SLOTS, Version
from agentd.store.sql.statements import JOURNAL_COLUMNS, RECORD_COLUMNS, columns, on_conflict
from agentd.store.sql.tables.requests import COLUMNS

CHANNEL = "agentd"
"""Where all daemons hear that something was recorded."""

_encode = msgspec.json.Encoder().encode


class Write(NamedTuple):
    """A statement with a single thing bound, `{}` in its text, and that thing."""

    sql: str
    bound: str


def _put(projection: Projection) -> str:
    return (
        f"INSERT INTO {projection.name} ({columns(projection)}) SELECT {columns(projection)} "
        f"FROM json_populate_recordset(NULL::{projection.name}, {{}}) {on_conflict(projection)}"
    )


def _remove(projection: Projection) -> str:
    table = projection.name
    same = " AND ".join(f"gone.{name} = {table}.{name}" for name in projection.key)
    return (
        f"DELETE FROM {table} USING json_populate_recordset(NULL::{table}, {{}}) AS gone "
        f"WHERE {same}"
    )


_PUTS = {p.name: _put(p) for p in PROJECTIONS}
_REMOVALS = {p.name: _remove(p) for p in PROJECTIONS}
_KEYS = {p.name: p.key for p in PROJECTIONS}


def put_rows(name: str, rows: Sequence[Struct]) -> Write:
    """Write these rows of the projection of that name."""
    return Write(_PUTS[name], _encode(rows).decode())


def remove_rows(name: str, keys: Iterable[Key]) -> Write:
    """Remove the rows with these keys."""
    gone = [dict(zip(_KEYS[name], key, strict=True)) for key in keys]
    return Write(_REMOVALS[name], _encode(gone).decode())


_APPEND = (
    f"INSERT INTO journal ({JOURNAL_COLUMNS}) SELECT seq, event_id, task_id, version, node_id, "
    "kind, schema, at, decode(data, 'base64'), decode(payload, 'base64'), decode(hash, 'base64') "
    "FROM json_to_recordset({}) AS r (seq bigint, event_id text, task_id text, version bigint, "
    "node_id text, kind text, schema bigint, at bigint, data text, payload text, hash text)"
)


def append(records: Sequence[Recorded]) -> Write:
    """Add these records to the journal. Bytes go over as base64, as msgspec writes them."""
    rows = [{name: getattr(record, name) for name in RECORD_COLUMNS} for record in records]
    return Write(_APPEND, _encode(rows).decode())


_REMEMBER = (
    f"INSERT INTO requests ({COLUMNS}) SELECT request_id, decode(digest, 'base64'), seq, "
    "event_limit, at, found, first_seq, context_bytes "
    "FROM json_to_recordset({}) AS r (request_id text, digest text, seq bigint, "
    "event_limit bigint, at bigint, found boolean, first_seq bigint, context_bytes bigint)"
)


def remember(answered: Iterable[Answered]) -> Write:
    """Remember these requests."""
    return Write(_REMEMBER, _encode(list(answered)).decode())


_END = "UPDATE journal_end SET seq = $1, at = $2, slots = $3"
_TELL = f"SELECT pg_notify('{CHANNEL}', '')"
_FILL = (
    "INSERT INTO changes (slot, place, after, seq, piece) VALUES {} "
    "ON CONFLICT (slot) DO UPDATE SET place = excluded.place, after = excluded.after, "
    "seq = excluded.seq, piece = excluded.piece"
)


def _fill(end: "NewEnd", bound: list[Any]) -> str:
    """Leave the pieces in the slots that are next; what is bound comes behind the rest."""
    values = []
    for place, piece in enumerate(end.pieces, end.before.slots + 1):
        first = len(bound) + 1
        values.append(f"({', '.join(f'${number}' for number in range(first, first + 5))})")
        bound += [place % SLOTS, place, end.before.seq, end.seq, piece]
    return _FILL.format(", ".join(values))


class NewEnd(NamedTuple):
    """The journal's new last seq and moment, and what is left in slots for the other daemons."""

    seq: int
    at: int
    before: Version
    pieces: Sequence[bytes]

    @property
    def version(self) -> Version:
        """Of the rows, once this is committed."""
        return Version(self.seq, self.before.slots + len(self.pieces), self.before.folds)


def together(writes: Sequence[Write], end: NewEnd | None) -> tuple[str, list[Any]]:
    """All of them as one statement, with what is bound; the others are told, if there is an end."""
    bound: list[Any] = []
    parts: list[str] = []
    if end is not None:
        bound += [end.seq, end.at, end.version.slots]
        parts.append(_END)
        if end.pieces:
            parts.append(_fill(end, bound))
    for write in writes:
        bound.append(write.bound)
        parts.append(write.sql.format(f"${len(bound)}"))
    named = ", ".join(f"w{number} AS ({part})" for number, part in enumerate(parts))
    last = "SELECT 1" if end is None else _TELL
    return f"WITH {named} {last}", bound
