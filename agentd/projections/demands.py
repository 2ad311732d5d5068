"""The `demands` table: what it takes to work on a node, once for all nodes that take the same.

The rule this file keeps: a node's row has the digest of what it demands, so that it stays narrow
whatever that is. What demands nothing has no row.
"""

from functools import lru_cache
from hashlib import blake2b

import msgspec
from msgspec import Struct

from agentd.events import NodeAdded, NodeSettings, NodeUpdated
from agentd.journal import Recorded
from agentd.projections.base import Key, Projection, Rows, Tables

NO_DEMAND = ""

_DIGEST_BYTES = 12

_decode = msgspec.json.Decoder(tuple[str, ...]).decode


class DemandRow(Struct, frozen=True):
    """The labels that a worker must offer, and the limits that each name a slot is taken of.

    Both are JSON arrays, in the order of their text.
    """

    demand: str
    requires: str
    limits: str


class Demand(Struct, frozen=True):
    """The same, to be worked with."""

    requires: frozenset[str] = frozenset()
    limits: tuple[str, ...] = ()


_NOTHING = Demand()


def demand_of(settings: NodeSettings) -> str:
    """The digest of what a node with these settings demands; empty for nothing."""
    if not settings.requires and not settings.limits:
        return NO_DEMAND
    return _row_of(settings.requires or (), settings.limits or ()).demand


@lru_cache
def _row_of(requires: tuple[str, ...], limits: tuple[str, ...]) -> DemandRow:
    texts = [msgspec.json.encode(sorted(set(names))) for names in (requires, limits)]
    digest = blake2b(b"".join(texts), digest_size=_DIGEST_BYTES).hexdigest()
    return DemandRow(digest, texts[0].decode(), texts[1].decode())


def find_demand(rows: Rows, demand: str) -> Demand:
    """What is behind the digest."""
    if demand == NO_DEMAND:
        return _NOTHING
    row: DemandRow = rows.get(DEMANDS, (demand,))
    return demand_in(row)


def limits_of(rows: Rows, demand: str) -> tuple[str, ...]:
    """The limits that it names."""
    return find_demand(rows, demand).limits


@lru_cache(1_024)
def demand_in(row: DemandRow) -> Demand:
    """What the row says."""
    return Demand(frozenset(_decode(row.requires)), _decode(row.limits))


def keys(recorded: Recorded, _tables: Tables) -> tuple[Key, ...]:
    """Settings concern what they demand, if they demand anything."""
    event = recorded.event
    if not isinstance(event, NodeAdded | NodeUpdated) or event.settings is None:
        return ()
    demand = demand_of(event.settings)
    return () if demand == NO_DEMAND else ((demand,),)


def reduce(row: DemandRow | None, recorded: Recorded, _key: Key) -> DemandRow | None:
    """A demand never changes."""
    event = recorded.event
    if row is not None or not isinstance(event, NodeAdded | NodeUpdated) or not event.settings:
        return row
    return _row_of(event.settings.requires or (), event.settings.limits or ())


DEMANDS = Projection(
    name="demands",
    row=DemandRow,
    key=("demand",),
    fixed=("demand", "requires", "limits"),
    kinds=(NodeAdded, NodeUpdated),
    keys=keys,
    reduce=reduce,
)
