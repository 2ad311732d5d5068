"""The `tasks.json` of Task Master (https://docs.task-master.dev): tags, tasks and their subtasks.

The rule this file keeps: a task waits for its subtasks, and these for what it depends on, since
that is the order in which Task Master names what is next. What is done arrives COMPLETED, what was
cancelled FAILED, with its subtasks: nothing of it is to be done, and what depends on it goes on
waiting.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agentd.documents.faults import DocumentText
from agentd.plans.builder import Builder, Done
from agentd.plans.part import Part, null_left_out
from agentd.plans.plan import Ended, Plan
from agentd.plans.settings import moment

_PRIORITIES = {"critical": 20, "high": 10, "medium": 0, "low": -10}
_DONE = ("done", "completed")
_CANCELLED = "cancelled"
_NOT_BEGUN = ("pending", "")
_NOT_IN_PAYLOAD = {"id", "subtasks", "dependencies"}


def read_taskmaster(source: str, written: DocumentText) -> Plan:
    """The plan of a file: of one tag, or of all that it has. Raises `BadDocument`."""
    builder = Builder("taskmaster", source, written)
    root = null_left_out(builder.root.fields("an object with `tasks`, or with tags"))
    tags = {"": builder.root} if "tasks" in root else _tags(builder, root)
    context: dict[str, Any] = {}
    goal = None
    for tag, part in tags.items():
        fields = null_left_out(part.fields())
        goal = _read_tag(builder, tag if len(tags) > 1 else "", fields) or goal
        rest = {name: each.raw for name, each in fields.items() if name != "tasks"}
        context.update({tag: rest} if tag and rest else rest)
    if not tags:
        builder.root.fault("there is neither `tasks` nor a tag with `tasks` in it")
    return builder.plan(goal or "", context)


def _tags(builder: Builder, root: Mapping[str, Part]) -> dict[str, Part]:
    found = {}
    for name, part in root.items():
        if part.kind == "an object" and "tasks" in null_left_out(part.fields()):
            found[name] = part
        else:
            builder.note(part, "it is no tag with `tasks`: left out")
    return found


def _read_tag(builder: Builder, tag: str, fields: Mapping[str, Part]) -> str | None:
    """Make the nodes of a tag's tasks; what its metadata say of them."""
    prefix = f"{tag}:" if tag else ""
    for part in fields["tasks"].items("a list of tasks"):
        _read_task(builder, prefix, part)
    described = None
    for name in ("metadata", "meta"):
        if name in fields and fields[name].kind == "an object":
            own = null_left_out(fields[name].fields())
            for field in ("description", "projectName"):
                if described is None and field in own:
                    described = own[field].text()
    return described


def _read_task(builder: Builder, prefix: str, part: Part) -> None:
    task = null_left_out(part.fields("a task, an object with `id` and `title`"))
    number = _own_number(part, task)
    if number is None:
        return
    key = prefix + number
    needs = [prefix + each for each in _needs(task)]
    children = []
    for child in task["subtasks"].items("a list of subtasks") if "subtasks" in task else ():
        subtask = null_left_out(child.fields("a subtask, an object with `id` and `title`"))
        own = _own_number(child, subtask)
        if own is None:
            continue
        within = own if own.startswith(f"{number}.") else f"{number}.{own}"
        children.append(prefix + within)
        wanted = [prefix + _sibling(number, each) for each in _needs(subtask)]
        above = {name: each for name, each in task.items() if name in ("priority", "status")}
        _add(builder, child, children[-1], [*needs, *wanted], subtask, above)
    _add(builder, part, key, [*needs, *children], task)


def _own_number(part: Part, fields: Mapping[str, Part]) -> str | None:
    if "id" not in fields:
        part.fault("`id` is missing: what depends on it names that")
        return None
    return fields["id"].text("a number or a text")


def _needs(fields: Mapping[str, Part]) -> Sequence[str]:
    part = fields.get("dependencies")
    return [] if part is None else part.texts("a list of ids")


def _sibling(parent: str, need: str) -> str:
    """A subtask names its siblings by their own numbers, and others by `task.subtask`."""
    return need if "." in need else f"{parent}.{need}"


def _add(
    builder: Builder,
    part: Part,
    key: str,
    needs: Sequence[str],
    fields: Mapping[str, Part],
    above: Mapping[str, Part] | None = None,
) -> None:
    """Make the node of a task, or of a subtask of the one `above`."""
    above = above or {}
    status = _status(fields)
    ended: Ended | None = None
    if status in _DONE:
        ended = "COMPLETED"
    elif _CANCELLED in (status, _status(above)):
        status, ended = _CANCELLED, "FAILED"
    elif status not in _NOT_BEGUN:
        builder.note(fields["status"], f"{status!r} is no state of a node: it is PENDING")
    done = None
    if ended is not None:
        done = Done(ended, {"status": status}, moment(builder, fields.get("updatedAt")))
    payload = {name: each.raw for name, each in fields.items() if name not in _NOT_IN_PAYLOAD}
    builder.add(
        part,
        key,
        needs,
        payload,
        settings=_priority(builder, fields.get("priority", above.get("priority"))),
        done=done,
    )


def _status(fields: Mapping[str, Part]) -> str:
    return (fields["status"].text() if "status" in fields else None) or ""


def _priority(builder: Builder, part: Part | None) -> Mapping[str, Any]:
    if part is None:
        return {}
    word = part.text("high, medium or low")
    if word is not None and word.lower() not in _PRIORITIES:
        builder.note(part, "it is none of high, medium and low: left out")
    value = _PRIORITIES.get((word or "").lower())
    return {"priority": value} if value else {}
