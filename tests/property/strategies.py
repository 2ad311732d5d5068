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
    more: dict[str, object]
    usage: Object
    offers: list[str]

    @property
    def trace(self) -> Object:
        """The span in which a plan is made or changed, if there is one."""
        return {"traceparent": TRACES[self.which % len(TRACES)]} if self.lease == "over" else {}


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
    "requires": st.sampled_from([["gpu"], ["big", "gpu", "big"], [], []]),
    "limits": st.sampled_from([["l1"], ["l1"], ["l2", "l1"], ["l2", "l2"], []]),
}
LOCK_KEYS = (
    *("dir:/r", "dir:/r/s", "file:/r/a", "file:/r/?", "file:/r/**/c", "dir:r", "file:r/a"),
    "branch main",
)
LOCK_MODES = ("exclusive", "exclusive", "shared")
_lock_keys = st.sampled_from(LOCK_KEYS)
_locks = st.lists(
    _lock_keys | st.builds(lambda key: {"key": key, "mode": "shared"}, _lock_keys), max_size=3
)
_of_nodes = {**_defaults, "priority": st.integers(-1, 1), "locks": _locks}
_settings = st.fixed_dictionaries({}, optional=_of_nodes)
_gates = st.fixed_dictionaries(
    {
        "gate": st.fixed_dictionaries(
            {"ask": st.sampled_from(["", "Ship it?"])},
            optional={
                "timeout_secs": st.sampled_from([0, 0.5, 30]),
                "on_timeout": st.sampled_from(["approve", "reject"]),
            },
        )
    },
    optional={
        "not_before": st.sampled_from([0, 1, 30.5]),
        "on_failure": st.sampled_from(["block", "continue"]),
        "priority": st.integers(-1, 1),
    },
)
many_settings = st.lists(st.just({}) | _settings | _gates, min_size=1, max_size=3)
TRACES = [f"00-{at:032x}-{at:016x}-01" for at in (1, 2, 3)]
"""Spans that plans are made in."""

of_tasks: st.SearchStrategy[dict[str, Any]] = st.just({}) | st.fixed_dictionaries(
    {},
    optional={
        "priority": st.integers(-1, 1),
        "node_defaults": st.fixed_dictionaries({}, optional=_defaults),
        "traceparent": st.sampled_from(TRACES),
    },
)

FLAWS: list[Flaw] = ["cycle", "itself", "unknown", "duplicate", "taken"]
GOOD: list[Flaw] = [""] * 20
flaws = st.sampled_from(GOOD + FLAWS)

AMOUNTS = [0, 1, 2, 0.1, 0.5, 2.5]
amounts = st.dictionaries(st.sampled_from(["usd", "tokens"]), st.sampled_from(AMOUNTS))
BUDGETS = [*[None] * 6, {}, {"usd": 0}, {"usd": 2.5}, {"usd": 2, "tokens": 1}]
labels = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["x", "y"]))
holds = st.builds(
    Holds,
    st.sampled_from([None, None, None, 0, 0, 1, 2]),
    st.sampled_from(BUDGETS),
    st.sampled_from([*[False] * 6, True]),
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
    known = draw(st.booleans()), draw(flaws), draw(st.booleans()), draw(JSON)
    told = draw(many_settings), draw(of_tasks), draw(st.booleans()), draw(holds)
    return Dag(shape, *known, *told)


ALL_LABELS = ["big", "x", "gpu"]
OFFERS: list[list[str]] = [[], ["gpu"], ["gpu", "big"], ALL_LABELS, ALL_LABELS]
offers = st.sampled_from(OFFERS)

LIMIT_CHANGES: list[Object] = [
    *({"max_running": most} for most in (None, None, 0, 1, 2, 3)),
    *({"max_running": None, "rate": {"count": n, "per_secs": 30}} for n in (1, 2, 3)),
    *({"max_running": 2, "rate": {"count": 1, "per_secs": secs}} for secs in (1, 2.5)),
]
"""What SetLimit says, besides the name."""

crowds = st.sampled_from(
    [[], [["l1"], ["l2", "l1"], ["l2"]], [["l1"]] * 3 + [["l2", "l3"]] * 3, [["l2"], ["l1"]] * 2]
)
"""The limits of nodes that say nothing else."""

many_changes = st.lists(st.sampled_from(LIMIT_CHANGES), min_size=1, max_size=3)

CLOSINGS: list[Object] = [
    *({"for_secs": secs, "reason": "quota"} for secs in (0, 1, 30)),
    *({"for_secs": secs} for secs in (0, 0.5, 10)),
    *({"until": secs} for secs in (-1, 0, 30.5)),
]
"""What CloseLimit says, besides the name; `until` is in seconds from now."""

UPDATES: list[Object] = [
    *({"priority": priority} for priority in (-1, 0, 2)),
    {"retry": {"max_attempts": 3, "backoff_secs": 0}},
    {"retry": {"max_attempts": 2, "on_expiry": False}, "lease_secs": 1},
    *({"not_before": secs} for secs in (-1, 0, 1, 30)),
    {"timeout_secs": 1, "priority": 1},
    {"lease_secs": 30, "not_before": 10.5},
    *({"requires": labels} for labels in ([], ["gpu"], ["big", "big"])),
    *({"limits": names} for names in ([], ["l1"], ["l2", "l1"])),
    {"requires": [], "limits": ["l3", "l1"]},
]
"""What UpdateNode says; `not_before` is in seconds from now."""

METHODS = (
    *("AcquireNextNode", "CompleteNode", "HeartbeatNode", "CommitEvent", "FailNode"),
    *("ReleaseNode", "RetryNode"),
)
MORE = ("AcquireNodes", "heartbeats")
OF_TASKS = ("CancelTask", "PauseTask", "ResumeTask", "SetBudget", "time_out_task", "time_out_gates")
OF_LIMITS = ("SetLimit", "CloseLimit")
OF_LOCKS = ("AcquireResourceLock", "HeartbeatResourceLock", "ReleaseResourceLock")
RARER = (
    "settle_due",
    "expire_locks",
    *OF_LOCKS,
    *OF_LOCKS,
    *OF_TASKS,
    *OF_LIMITS,
    *OF_LIMITS,
    *["UpdateNode"] * 3,
    *["DecideGate"] * 4,
)
BELIEFS: list[Lease] = ["over", "over", "unknown", "none"]
CURRENT: list[Lease] = ["current"] * 6

which = st.integers(0, 19)
leases = st.sampled_from(CURRENT + BELIEFS)
owners = st.sampled_from(["w1", "w2", "ö"])
asks = st.builds(
    Ask,
    st.sampled_from([*METHODS, *METHODS, "AcquireNextNode", "CompleteNode", *MORE, *RARER]),
    which,
    leases,
    owners,
    JSON,
    st.dictionaries(st.sampled_from([*SAID]), st.integers(0, 5), max_size=2).map(
        lambda drawn: {name: SAID[name][at % len(SAID[name])] for name, at in drawn.items()}
    ),
    st.just({}) | amounts,
    offers,
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
