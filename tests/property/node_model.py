"""One node in the model of the contract: how it begins, how its attempts end, how it looks.

The rule this file keeps: like the model, it imports nothing of agentd.
"""

from typing import Any
from unittest.mock import ANY

Object = dict[str, Any]

SETTINGS = ("retry", "lease_secs", "timeout_secs", "on_failure")
DEMANDS = ("requires", "limits")
HIDDEN = (
    *("ends", "said", "last_lease", "counted", "strikes", "lease_ms", "deadline", "history"),
    *("checkpoint", "planned"),
    *("is_open", "opened", "until", "decided"),
)
NO_LEASE = dict.fromkeys(("lease_id", "lease_owner", "ends", "deadline", "lease_ms"))
MOST_TOLD = 20
ENDED = ("COMPLETED", "FAILED")
STATUSES = ("PENDING", "RUNNING", "COMPLETED", "FAILED")


def new_node(node_id: str, task_id: str, spec: Object, params: Object, now: int) -> Object:
    """A node as it is registered, `dependencies` being ids; `params` are those of its task."""
    of_gate = _gate(spec["gate"]) if "gate" in spec else {}
    said = spec if of_gate else {**params.get("node_defaults", {}), **spec}
    moment = said.get("not_before")
    return {
        "id": node_id,
        "task_id": task_id,
        "status": "PENDING",
        "dependencies": spec["dependencies"],
        "payload_schema": spec.get("payload_schema", {}),
        "result_payload": None,
        "acquired_at": None,
        "updated_at": now,
        "usage": {},
        **NO_LEASE,
        "name": spec.get("name"),
        "priority": spec.get("priority", params.get("priority", 0)),
        "attempt": 0,
        "not_before": None if moment is None or moment * 1000 <= now else round(moment * 1000),
        **{name: said[name] for name in SETTINGS if name in said},
        **{name: list(dict.fromkeys(said[name])) for name in DEMANDS if name in said},
        **({"locks": _locks(spec["locks"])} if "locks" in spec else {}),
        "said": None,
        "last_lease": None,
        "counted": 0,
        "strikes": 0,
        "history": [],
        "checkpoint": None,
        "planned": None if moment is None else round(moment * 1000),
        **of_gate,
    }


def _locks(said: list[Any]) -> list[Any]:
    """Each key once, the exclusive ones by their key alone."""
    modes: dict[str, str] = {}
    for each in said:
        key, mode = (each, "exclusive") if isinstance(each, str) else (each["key"], each["mode"])
        modes[key] = "exclusive" if "exclusive" in (mode, modes.get(key)) else "shared"
    return [k if mode == "exclusive" else {"key": k, "mode": mode} for k, mode in modes.items()]


def _gate(asked: Object) -> Object:
    """What only a gate has."""
    state = {"is_open": False, "opened": None, "until": None, "decided": None}
    return {"gate": {"on_timeout": "reject", **asked}, **state}


def change_node(node: Object, said: Object, now: int) -> None:
    """Other settings for a node that is PENDING; what counted goes on counting."""
    node.update({name: said[name] for name in ("priority", *SETTINGS) if name in said})
    node.update({name: list(dict.fromkeys(said[name])) for name in DEMANDS if name in said})
    if "not_before" in said:
        moment = round(said["not_before"] * 1000)
        node["not_before"] = moment if moment > now else None
        node["planned"] = moment
    node["updated_at"] = now


def begin_anew(node: Object, *, ended: bool, now: int) -> Object:
    """The node as it begins in a fork: with the end that it had, or as it was registered."""
    moment = node["planned"]
    return {
        **{name: value for name, value in node.items() if name != "traceparent"},
        **NO_LEASE,
        "status": node["status"] if ended else "PENDING",
        "result_payload": node["result_payload"] if ended else None,
        "acquired_at": None,
        "updated_at": now,
        "usage": {},
        "attempt": 0,
        "not_before": None if moment is None or moment <= now else moment,
        "said": None,
        "last_lease": None,
        "counted": 0,
        "strikes": 0,
        "history": [],
        "checkpoint": None,
        **(_gate(node["gate"]) if "gate" in node else {}),
    }


def node_view(node: Object, now: int) -> Object:
    """What clients see of it. A moment that has come may have been noted, or not yet."""
    view = {name: value for name, value in node.items() if name not in HIDDEN}
    times = {"acquired_at": node["acquired_at"], "updated_at": node["updated_at"]}
    times["lease_expires_at"] = node["ends"]
    for name, at in times.items():
        view[name] = at // 1000 if isinstance(at, int) else at
    moment = node["not_before"]
    if moment is not None:
        view["not_before"] = moment / 1000 if moment > now else ANY
    return view


def is_satisfied(node: Object) -> bool:
    """Whether its dependents wait for it no longer."""
    runs_on = node.get("on_failure") == "continue"
    return node["status"] == "COMPLETED" or (node["status"] == "FAILED" and runs_on)


def place(node: Object) -> tuple[int, int]:
    """The order of handing out, before age."""
    return -node["priority"], max(node["strikes"] - 2, 0)


def has_attempts_left(node: Object) -> bool:
    """Whether it may be tried again after the attempt that it is in, which counts."""
    most = node["retry"].get("max_attempts", 1) if "retry" in node else 1
    return bool(node["counted"] + 1 < most)


def pause(node: Object) -> int:
    """Milliseconds after the attempt that was counted last; chance is as even as can be."""
    retry = node["retry"]
    seconds = retry.get("backoff_secs", 1) * retry.get("factor", 2) ** (node["counted"] - 1)
    return int(min(seconds, retry.get("max_backoff_secs", 300)) * 1000)


def end_attempt(
    node: Object, how: str, status: str, now: int, kind: Any = None, error: Any = None
) -> None:
    """The lease is over; what the attempt came to is history."""
    node["history"].append(
        {
            "attempt": node["attempt"],
            "owner": node["lease_owner"],
            "ended_at": now / 1000,
            "how": how,
            "kind": kind,
            "error": error,
        }
    )
    node["counted"] += how in ("failed", "timed_out")
    node["strikes"] = node["strikes"] + 1 if how == "expired" and status == "PENDING" else 0
    node.update(last_lease=node["lease_id"], **NO_LEASE)
    node.update(status=status, acquired_at=ANY, updated_at=now)


def told(node: Object) -> list[Object]:
    """How its newest attempts ended, oldest first."""
    return list(node["history"][-MOST_TOLD:])


def counts(nodes: Any) -> dict[str, int]:
    """How many of the nodes are in which status, where any is."""
    statuses = [node["status"] for node in nodes]
    return {status: statuses.count(status) for status in STATUSES if status in statuses}
