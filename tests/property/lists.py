"""Lists of tasks and of events, as the model of the contract says them: whole lists, then cut.

The rule this file keeps: like the model, it imports nothing of agentd.
"""

from datetime import datetime
from typing import Any
from unittest.mock import ANY

from tests.property.base_model import Refused
from tests.property.holding import found_by
from tests.property.model import Model
from tests.property.node_model import Object, counts


def list_tasks(model: Model, params: Object) -> Object:
    """What ListTasks answers, where its answer is small."""
    runnable, before = params.get("runnable", False), params.get("before")
    listed = [(task["seqs"][0], _summary(model, task)) for task in model.tasks.values()]
    listed = [entry for entry in listed if entry[1]["id"].startswith(params.get("prefix", ""))]
    listed = [entry for entry in listed if _fits(model.tasks[entry[1]["id"]], entry[1], params)]
    if runnable:
        listed = [entry for entry in listed if entry[1]["runnable"] and entry[0] > (before or 0)]
    else:
        listed = [entry for entry in reversed(listed) if before is None or entry[0] < before]
    page = listed[: params["limit"]]
    more = len(page) < len(listed)
    return {"tasks": [summary for _, summary in page], "next": page[-1][0] if more else None}


def task_events(model: Model, params: Object) -> Object:
    """What TaskEvents answers, where its answer is small. Raises `Refused`."""
    task_id, after, limit = params["task_id"], params.get("after"), params["limit"]
    if task_id not in model.tasks:
        raise Refused("task_not_found")
    task = model.tasks[task_id]
    shown = [
        {"seq": seq, **event, "by_client": seq in model.by_clients}
        for seq, event in zip(task["seqs"], task["events"], strict=True)
    ]
    if after is None:
        return {"events": shown[-limit:], "last_seq": shown[-1]["seq"], "more": False}
    behind = [event for event in shown if event["seq"] > after]
    page = behind[:limit]
    last: Any = page[-1]["seq"] if page else after
    return {"events": page, "last_seq": last, "more": len(page) < len(behind)}


def _fits(task: Object, summary: Object, params: Object) -> bool:
    until = params.get("until", 10**10)
    if isinstance(until, str):
        until = datetime.fromisoformat(until).timestamp()
    return (
        params.get("state") in (None, summary["state"])
        and params.get("parent_task_id") in (None, task["parent"])
        and params.get("label", {}).items() <= task["labels"].items()
        and params.get("goal_contains", "").lower() in task["goal"].lower()
        and params.get("since", -(10**10)) * 1000 <= task["at"] < until * 1000
    )


def watch_events(model: Model, params: Object) -> Object:
    """What WatchEvents answers of what a heartbeat is not, where its answer is small."""
    after, limit, kinds = params["after_seq"], params["limit"], params.get("kinds")
    every = [
        {"seq": seq, **event, "by_client": seq in model.by_clients}
        for task in model.tasks.values()
        if params.get("task_id") in (None, task["id"])
        for seq, event in zip(task["seqs"], task["events"], strict=True)
    ]
    if params.get("task_id") is None:
        every += [{"seq": s, **event, "by_client": False} for s, event in model.events_of_limits]
    behind = sorted((event for event in every if event["seq"] > after), key=lambda e: e["seq"])
    fitting = [
        event
        for event in behind
        if kinds is None or (event["action_type"] is not ANY and event["action_type"] in kinds)
    ]
    page = fitting[:limit]
    whole = len(page) == len(fitting)
    return {
        "events": page,
        "last_seq": max(after, model.event_count) if whole else page[-1]["seq"],
    }


def _summary(model: Model, task: Object) -> Object:
    return {
        "id": task["id"],
        "goal": task["goal"],
        "created_at": task["created_at"],
        "counts": counts([model.nodes[node_id] for node_id in task["nodes"]]),
        "runnable": any(map(model.is_for_anybody, task["nodes"])),
        "state": model.state(task),
        **found_by(task),
    }
