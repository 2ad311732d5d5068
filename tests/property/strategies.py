"""What the state machines draw: graphs with and without a flaw, requests, and moments to wait.

The rule this file keeps: nothing here knows the state. A request says "the third running node" or
"a lease that is over"; the machine looks up what that is when the request is its turn.
"""

from typing import Any, Literal, NamedTuple

from hypothesis import strategies as st

Lease = Literal["current", "over", "unknown", "none"]
Flaw = Literal["", "cycle", "itself", "unknown", "duplicate", "taken"]

Object = dict[str, Any]

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
    holds: "Holds"


class Holds(NamedTuple):
    """What a new task is held by, and found by; `parent` picks one that is there, or none."""

    parent: int | None
    budget: Object | None
    paused: bool
    timeout_secs: float | None
    dedupe_key: str | None
    labels: Object


class Ask(NamedTuple):
    """A request about some node; `which` picks it, and `lease` says what the sender believes."""

    method: str
    which: int
    lease: Lease
    owner: str
    payload: object
    usage: Object


FLAWS: list[Flaw] = ["cycle", "itself", "unknown", "duplicate", "taken"]
GOOD: list[Flaw] = [""] * 20
flaws = st.sampled_from(GOOD + FLAWS)

AMOUNTS = [0, 1, 2, 0.1, 0.5, 2.5]
amounts = st.dictionaries(st.sampled_from(["usd", "tokens"]), st.sampled_from(AMOUNTS))
labels = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["x", "y"]))
holds = st.builds(
    Holds,
    st.sampled_from([None, None, None, 0, 0, 1, 2]),
    st.none() | st.none() | amounts,
    st.sampled_from([False, False, False, True]),
    st.sampled_from([None, None, 0, 0.5, 30]),
    st.sampled_from([None, None, "k1", "k2"]),
    labels,
)


@st.composite
def dags(draw: st.DrawFn) -> Dag:
    """Mostly good graphs of up to seven nodes, registered front to back or back to front."""
    size = draw(st.integers(0, 7))
    places = [st.lists(st.integers(0, at - 1), max_size=3) if at else None for at in range(size)]
    shape = [[] if place is None else draw(place) for place in places]
    good = draw(st.booleans()), draw(flaws), draw(st.booleans()), draw(JSON)
    return Dag(shape, *good, draw(holds))


METHODS = ("AcquireNextNode", "CompleteNode", "HeartbeatNode", "CommitEvent", "FailNode")
OF_TASKS = ("CancelTask", "PauseTask", "ResumeTask", "SetBudget", "time_out_task")
RARER = ("roll_back_expired", *OF_TASKS)
BELIEFS: list[Lease] = ["over", "over", "unknown", "none"]
CURRENT: list[Lease] = ["current"] * 6

which = st.integers(0, 19)
leases = st.sampled_from(CURRENT + BELIEFS)
owners = st.sampled_from(["w1", "w2", "ö"])
asks = st.builds(
    Ask,
    st.sampled_from([*METHODS, *METHODS, "AcquireNextNode", "CompleteNode", *RARER]),
    which,
    leases,
    owners,
    JSON,
    st.just({}) | amounts,
)
filters = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(["ACTIVE", "PAUSED", "COMPLETED", "FAILED", "CANCELLED"]),
        "label": labels,
        "goal_contains": st.sampled_from(["GOAL", "1", "x"]),
        "since": st.sampled_from([0, 1_769_860_800.124]),
        "until": st.sampled_from(["2026-01-31T12:00:01Z", 2_000_000_000]),
    },
)
waits = st.sampled_from([0, 1, 499, 1_000, 9_999, 10_000, 29_999, 30_000, 60_000])
lease_lengths = st.sampled_from([0, 1_000, 30_000])
prefix_lengths = st.sampled_from([0, 2, 3, 9, 33, 34, 35, 36])
event_limits = st.sampled_from([0, 3, 50])
