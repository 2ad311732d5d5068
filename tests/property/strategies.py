"""What the state machines draw: graphs with and without a flaw, requests, and moments to wait.

The rule this file keeps: nothing here knows the state. A request says "the third running node" or
"a lease that is over"; the machine looks up what that is when the request is its turn.
"""

from typing import Any, Literal, NamedTuple

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
    """A graph by places: `shape[i]` are the places before i that node i waits for.

    `settings` are what its nodes say in turn, `of_task` what the task says; `not_before` is in
    seconds from now. With `named` every second node has a name, and is meant by it.
    """

    shape: list[list[int]]
    backwards: bool
    flaw: Flaw
    anonymous: bool
    schema: object
    settings: list[dict[str, object]]
    of_task: dict[str, object]
    named: bool


class Ask(NamedTuple):
    """A request about some node; `which` picks it, and `lease` says what the sender believes."""

    method: str
    which: int
    lease: Lease
    owner: str
    payload: object
    more: dict[str, object]


SAID: dict[str, list[object]] = {
    "node_id": [True],
    "lease_secs": [1, 20],
    "retryable": [True, False],
    "retry_after_secs": [0, 0.5, 30],
    "kind": ["k", "timeout"],
    "reason": ["r"],
    "after_secs": [0, 1, 10.5],
    "failed": [True],
}
"""What a request may say besides, where its method takes it; `node_id`: one and no other."""

_retries = st.fixed_dictionaries(
    {"max_attempts": st.integers(1, 4)},
    optional={
        "backoff_secs": st.sampled_from([0, 0.5, 10]),
        "factor": st.sampled_from([1, 3]),
        "max_backoff_secs": st.sampled_from([0, 15]),
        "jitter": st.sampled_from([0, 1]),
        "on_expiry": st.booleans(),
    },
)
_defaults: dict[str, st.SearchStrategy[Any]] = {
    "retry": _retries,
    "lease_secs": st.sampled_from([1, 30]),
    "timeout_secs": st.sampled_from([1, 30]),
    "not_before": st.sampled_from([-1, 0, 1, 30.5]),
    "on_failure": st.sampled_from(["block", "continue"]),
}
_settings = st.fixed_dictionaries({}, optional={**_defaults, "priority": st.integers(-1, 1)})
many_settings = st.lists(st.just({}) | _settings, min_size=1, max_size=3)
of_tasks: st.SearchStrategy[dict[str, Any]] = st.just({}) | st.fixed_dictionaries(
    {},
    optional={
        "priority": st.integers(-1, 1),
        "node_defaults": st.fixed_dictionaries({}, optional=_defaults),
    },
)

FLAWS: list[Flaw] = ["cycle", "itself", "unknown", "duplicate", "taken"]
GOOD: list[Flaw] = [""] * 20
flaws = st.sampled_from(GOOD + FLAWS)


@st.composite
def dags(draw: st.DrawFn) -> Dag:
    """Mostly good graphs of up to seven nodes, registered front to back or back to front."""
    size = draw(st.integers(0, 7))
    places = [st.lists(st.integers(0, at - 1), max_size=3) if at else None for at in range(size)]
    shape = [[] if place is None else draw(place) for place in places]
    known = draw(st.booleans()), draw(flaws), draw(st.booleans()), draw(JSON)
    return Dag(shape, *known, draw(many_settings), draw(of_tasks), draw(st.booleans()))


METHODS = (
    *("AcquireNextNode", "CompleteNode", "HeartbeatNode", "CommitEvent", "FailNode"),
    *("ReleaseNode", "RetryNode"),
)
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
    st.dictionaries(st.sampled_from([*SAID]), st.integers(0, 5), max_size=2).map(
        lambda drawn: {name: SAID[name][at % len(SAID[name])] for name, at in drawn.items()}
    ),
)
waits = st.sampled_from([0, 1, 499, 1_000, 9_999, 10_000, 29_999, 30_000, 60_000])
lease_lengths = st.sampled_from([0, 1_000, 30_000])
prefix_lengths = st.sampled_from([0, 2, 3, 9, 33, 34, 35, 36])
event_limits = st.sampled_from([0, 3, 50])
