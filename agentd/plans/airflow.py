"""A DAG of Apache Airflow, serialised: the JSON that it keeps in its table `serialized_dag`.

The rule this file keeps: a task is a node with the task as its payload; who is downstream waits. A
trigger rule that holds where everything before has completed is taken as waiting for all, and noted
where it says more; a task whose rule holds only where something failed is left out. Mapped tasks
are a fault: how many they are is known only in a run.
"""

from collections.abc import Mapping
from typing import Any

from agentd.documents.faults import DocumentText
from agentd.plans.builder import Builder
from agentd.plans.instead import CLOCK, LIMIT, NO_TIMEOUT, WATCH, WORKER
from agentd.plans.left_out import reach_through
from agentd.plans.part import Part, fields_in, null_left_out, text_in
from agentd.plans.plan import Plan
from agentd.plans.settings import number, priority, retry, timeout

_RETRY_DELAY = 300
"""Seconds, where a task has none: Airflow's default."""

_LONGEST_LIMIT = 256
"""Characters of a limit's name, as of a pool's."""

_AFTER_FAILURE = ("all_failed", "one_failed", "all_skipped")
_CALLBACKS = (
    *("has_on_execute_callback", "has_on_failure_callback", "has_on_retry_callback"),
    *("has_on_skipped_callback", "has_on_success_callback"),
)
_ALL_HAVE_RUN = ("all_success", "none_skipped")
"""Trigger rules that never hold behind a task that is skipped."""

_ROOT_NOTES = {
    "timetable": CLOCK,
    "schedule_interval": CLOCK,
    "dagrun_timeout": NO_TIMEOUT,
    "max_active_tasks": LIMIT,
    "_max_active_tasks": LIMIT,
    "has_on_failure_callback": WATCH,
    "has_on_success_callback": WATCH,
}
_TASK_NOTES = {
    "depends_on_past": "an earlier run is not looked at",
    "wait_for_downstream": "an earlier run is not looked at",
    "is_setup": "it is a node like the others",
    "is_teardown": "it runs here only where all before it has completed",
    "queue": WORKER,
    "pool_slots": "it takes one slot of its limit",
    "has_retry_policy": "it is tried again whatever went wrong",
    "sla": "nobody is told that it is late",
    "subdag": "the DAG that it has is one node",
    "max_active_tis_per_dag": LIMIT,
    "max_active_tis_per_dagrun": LIMIT,
    **dict.fromkeys(_CALLBACKS, WATCH),
}
_CHOOSERS = ("Branch", "ShortCircuit", "LatestOnly")
"""How the types of operators begin that skip some of what is downstream; a mark may precede it."""

_NO_CLOCK = "NullTimetable"
_OWN_WEIGHT = "absolute"

_DEFAULTED = (
    *("retries", "retry_delay", "max_retry_delay", "retry_exponential_backoff"),
    *("execution_timeout", "trigger_rule", "pool", "priority_weight"),
)
_NOT_IN_PAYLOAD = {"task_id", "downstream_task_ids", "_downstream_task_ids"}
_NOT_IN_CONTEXT = {"tasks", "task_group", "_task_group"}

_Task = tuple[str, Part, dict[str, Part]]
"""Its id, where it stands, and its fields."""


def read_airflow(source: str, written: DocumentText) -> Plan:
    """The plan of a DAG. Raises `BadDocument`."""
    builder = Builder("airflow", source, written)
    root = null_left_out(builder.root.fields("an object with `dag`"))
    if "dag" not in root and "data" in root:  # a row of the table
        root = null_left_out(root["data"].fields("an object with `dag`"))
    if "dag" not in root:
        told = "expected what `SerializedDAG.to_dict(dag)` makes"
        builder.root.fault(f"`dag` is missing: {told}")
        return builder.plan("", {})
    dag = null_left_out(root["dag"].fields())
    at_no_time = {"timetable"} if _NO_CLOCK in _kind_of(dag.get("timetable")) else set()
    builder.note_each({n: each for n, each in dag.items() if n not in at_no_time}, _ROOT_NOTES)
    if "tasks" not in dag:
        root["dag"].fault("`tasks` is missing")
    for name in ("task_group", "_task_group"):
        if name in dag:
            _refuse_mapped_groups(dag[name])
    tasks = _tasks(builder, dag["tasks"], _defaults(root)) if "tasks" in dag else []
    needs = _upstream(tasks)
    for key, part, task in tasks:
        if key in builder.left_out:
            continue
        strict = (text_in(task, "trigger_rule") or "all_success") in _ALL_HAVE_RUN
        own = needs.get(key, []) if strict else reach_through(key, needs, builder.left_out)
        _add(builder, key, part, task, own)
    dag_id = text_in(dag, "dag_id", "_dag_id")
    described = text_in(dag, "description", "_description")
    context = {name: part.raw for name, part in dag.items() if name not in _NOT_IN_CONTEXT}
    return builder.plan(described or dag_id or "", context, own_id=dag_id)


def _plain(part: Part) -> Part:
    """A value without the type that Airflow writes around it."""
    if part.kind != "an object":
        return part
    fields = part.fields()
    return fields["__var"] if {"__type", "__var"} <= fields.keys() else part


def _kind_of(part: Part | None) -> str:
    """The type that Airflow writes around a value."""
    fields = part.fields() if part is not None and part.kind == "an object" else {}
    return text_in(fields, "__type") or ""


def _defaults(root: Mapping[str, Part]) -> dict[str, Part]:
    """What Airflow 3 writes once for all tasks that say nothing else, as far as it is read here."""
    given = fields_in(root, "client_defaults")
    defaults = fields_in(given, "tasks")
    return {name: part for name, part in defaults.items() if name in _DEFAULTED}


def _tasks(builder: Builder, tasks: Part, defaults: Mapping[str, Part]) -> list[_Task]:
    found = []
    for each in tasks.items("a list of tasks"):
        own = null_left_out(_plain(each).fields("a task, an object with `task_id`"))
        task = {**defaults, **own}
        key = text_in(task, "task_id")
        if key is None:
            each.fault("`task_id` is missing")
            continue
        rule = text_in(task, "trigger_rule") or "all_success"
        if "_is_mapped" in task and task["_is_mapped"].kind == "true":
            told = "it is mapped: how many tasks it is becomes known in a run"
            each.fault(f"{key!r} cannot be imported: {told}")
        if rule in _AFTER_FAILURE:
            why = f"its trigger rule `{rule}` holds only where something failed or was skipped"
            builder.note(task["trigger_rule"], f"the task {key} is left out: {why}")
            builder.left_out[key] = why
        found.append((key, each, task))
    return found


def _refuse_mapped_groups(group: Part) -> None:
    """Keep as a fault each group of tasks that is there as often as a run says."""
    groups = [group]
    while groups:
        fields = null_left_out(groups.pop().fields("a task group"))
        if "is_mapped" in fields and fields["is_mapped"].kind == "true":
            name = text_in(fields, "_group_id", "group_id") or ""
            told = "it is mapped: how often it is there becomes known in a run"
            fields["is_mapped"].fault(f"the task group {name!r} cannot be imported: {told}")
        for child in fields["children"].fields().values() if "children" in fields else ():
            found = child.items("a list of a type and what it is")
            if [each.kind for each in found] == ["a text", "an object"]:
                groups.append(found[1])


def _downstream(task: Mapping[str, Part]) -> list[str]:
    for name in ("downstream_task_ids", "_downstream_task_ids"):
        if name in task:
            return _plain(task[name]).texts("a list of task ids")
    return []


def _upstream(tasks: list[_Task]) -> dict[str, list[str]]:
    """What each task waits for, by its id. Whom a task names that there is not is a fault."""
    keys = {key for key, _, _ in tasks}
    found: dict[str, list[str]] = {}
    for key, part, task in tasks:
        for other in _downstream(task):
            found.setdefault(other, []).append(key)
            if other not in keys:
                part.fault(f"{key!r} names {other!r} as downstream, and there is none")
    return found


def _add(
    builder: Builder, key: str, part: Part, task: Mapping[str, Part], needs: list[str]
) -> None:
    says = {name: each for name, each in task.items() if each.kind != "false"}
    if text_in(task, "queue") == "default":
        del says["queue"]
    builder.note_each(says, _TASK_NOTES)
    kind = text_in(task, "_task_type", "task_type") or ""
    if "_can_skip_downstream" in says or kind.lstrip("_").startswith(_CHOOSERS):
        told = "it may skip what is downstream there; here all of that runs once it has completed"
        builder.note(part, f"{key}: {told}")
    rule = text_in(task, "trigger_rule") or "all_success"
    if rule != "all_success":
        told = f"`{rule}`: it runs here only where all that it waits for has completed"
        builder.note(task["trigger_rule"], told)
    payload = {name: each.raw for name, each in task.items() if name not in _NOT_IN_PAYLOAD}
    builder.add(part, key, needs, payload, settings=_settings(builder, task))


def _settings(builder: Builder, task: Mapping[str, Part]) -> Mapping[str, Any]:
    def seconds(name: str) -> float | None:
        part = task.get(name)
        return number(builder, None if part is None else _plain(part), "a number of seconds")

    found = {**timeout(seconds("execution_timeout"))}
    if (retries := number(builder, task.get("retries"), "a number of retries")) is not None:
        exponential = task.get("retry_exponential_backoff")
        doubled = exponential is not None and exponential.kind not in ("false", "null")
        pause = seconds("retry_delay")
        pause = _RETRY_DELAY if pause is None else pause
        longest = seconds("max_retry_delay")
        found.update(retry(retries, pause, 2 if doubled else 1, longest))
    if "priority_weight" in task:
        weight = number(builder, task["priority_weight"], "a number")
        found.update(priority(None if weight in (None, 1) else int(weight or 0)))
        if found.get("priority") and (text_in(task, "weight_rule") or "") != _OWN_WEIGHT:
            told = "its priority is its own weight, and no sum"
            builder.note(task.get("weight_rule", task["priority_weight"]), told)
    pool = text_in(task, "pool")
    if pool and pool != "default_pool":
        found["limits"] = [pool[:_LONGEST_LIMIT]]
        builder.note(task["pool"], "how many slots it has is said by `agentd limit set`")
    return found
