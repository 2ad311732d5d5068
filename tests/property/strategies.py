"""What the state machines draw: graphs with and without a flaw, requests, and moments to wait.

The rule this file keeps: nothing here knows the state. A request says "the third running node" or
"a lease that is over"; the machine looks up what that is when the request is its turn.
"""

from typing import Literal, NamedTuple

from hypothesis import strategies as st

Lease = Literal["current", "over", "unknown", "none"]
Flaw = Literal["", "cycle", "itself", "unknown", "duplicate", "taken"]

JSON: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


class Dag(NamedTuple):
    """A graph by places: `shape[i]` are the places before i that node i waits for."""

    shape: list[list[int]]
    backwards: bool
    flaw: Flaw
    anonymous: bool
    schema: object


class Ask(NamedTuple):
    """A request about some node; `which` picks it, and `lease` says what the sender believes."""

    method: str
    which: int
    lease: Lease
    owner: str
    payload: object


FLAWS: list[Flaw] = ["cycle", "itself", "unknown", "duplicate", "taken"]
GOOD: list[Flaw] = [""] * 20
flaws = st.sampled_from(GOOD + FLAWS)


@st.composite
def dags(draw: st.DrawFn) -> Dag:
    """Mostly good graphs of up to seven nodes, registered front to back or back to front."""
    size = draw(st.integers(0, 7))
    places = [st.lists(st.integers(0, at - 1), max_size=3) if at else None for at in range(size)]
    shape = [[] if place is None else draw(place) for place in places]
    return Dag(shape, draw(st.booleans()), draw(flaws), draw(st.booleans()), draw(JSON))


METHODS = ("AcquireNextNode", "CompleteNode", "HeartbeatNode", "CommitEvent", "FailNode")
BELIEFS: list[Lease] = ["over", "over", "unknown", "none"]
CURRENT: list[Lease] = ["current"] * 6

which = st.integers(0, 19)
leases = st.sampled_from(CURRENT + BELIEFS)
owners = st.sampled_from(["w1", "w2", "ö"])
asks = st.builds(
    Ask,
    st.sampled_from([*METHODS, "AcquireNextNode", "CompleteNode", "settle_due"]),
    which,
    leases,
    owners,
    JSON,
)
waits = st.sampled_from([0, 1, 499, 1_000, 9_999, 10_000, 29_999, 30_000, 60_000])
lease_lengths = st.sampled_from([0, 1_000, 30_000])
prefix_lengths = st.sampled_from([0, 2, 3, 9, 33, 34, 35, 36])
event_limits = st.sampled_from([0, 3, 50])
