"""The `tasks.json` of Task Master (https://docs.task-master.dev): tags, tasks and their subtasks.

The rule this file keeps: a task waits for its subtasks, and these for what it depends on, since
that is the order in which Task Master names what is next. What is done arrives COMPLETED, what was
cancelled FAILED, with its subtasks: nothing of it is to be done. What depends on what was cancelled
goes on waiting.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from agentd.documents.faults import DocumentText
from agentd.plans.builder import Builder, Done
from agentd.plans.part import Part, null_left_out, text_in
from agentd.plans.plan import Ended, Plan
from agentd.plans.settings import moment

_PRIORITIES = {"critical": 20, "high": 10, "medium": 0, "low": -10}
_DONE = ("done", "completed")
_CANCELLED = "cancelled"
_NOT_BEGUN = ("pending", "")
_SAYS_NOTHING = re.compile(r"Tasks for .+ context|Tag created on .+")
_NOT_IN_PAYLOAD = {"subtasks", "dependencies"}
_FOR_ALL_BELOW = ("priority", "status")


def read_taskmaster(source: str, written: DocumentText) -> Plan:
    """The plan of a file: of one tag, or of all that it has. Raises `BadDocument`."""
    builder = Builder("taskmaster", source, written)
    root = null_left_out(builder.root.fields("an object with `tasks`, or with tags"))
    tags = _tags(builder, root)
    context: dict[str, Any] = {}
    goals = []
    for tag, part in tags.items():
        fields = null_left_out(part.fields())
        goals.append(_read_tag(builder, tag if len(tags) > 1 else "", fields))
        rest = {name: each.raw for name, each in fields.items() if name not in ("tasks", *tags)}
        context.update({tag: rest} if tag and rest else rest)
    if not tags:
        builder.root.fault("there is neither `tasks` nor a tag with `tasks` in it")
    builder.forget_missing()
    return builder.plan(next(filter(None, goals), ""), context)


def _tags(builder: Builder, root: Mapping[str, Part]) -> dict[str, Part]:
    """By name: the parts that have tasks; the one without a name is the file itself."""
    found = {"": builder.root} if "tasks" in root else {}
    for name, part in root.items():
        if part.kind == "an object" and "tasks" in null_left_out(part.fields()):
            found[name] = part
        elif "tasks" not in root:
            builder.note(part, "it is no tag with `tasks`: left out")
    return found


class _Tag(NamedTuple):
    """What the keys of its nodes begin with, and the tasks that it has, by their numbers."""

    builder: Builder
    prefix: str
    tasks: Collection[str]


class _Above(NamedTuple):
    """What subtasks are below: its number, what it waits for, and what holds for them, too."""

    number: str
    needs: Sequence[str]
    fields: Mapping[str, Part]


def _read_tag(builder: Builder, name: str, fields: Mapping[str, Part]) -> str | None:
    """Make the nodes of a tag's tasks; what its metadata say of them."""
    parts = fields["tasks"].items("a list of tasks")
    tasks = [
        null_left_out(part.fields("a task, an object with `id` and `title`")) for part in parts
    ]
    numbers = [_own_number(part, task) for part, task in zip(parts, tasks, strict=True)]
    tag = _Tag(builder, f"{name}:" if name else "", {each for each in numbers if each is not None})
    for part, task, number in zip(parts, tasks, numbers, strict=True):
        if number is not None:
            needs = [
                tag.prefix + need for each in _needs(task) if (need := each.text()) is not None
            ]
            children = _read_subtasks(tag, _Above(number, needs, task))
            _add(builder, part, tag.prefix + number, [*needs, *children], task)
    described = None
    for field in ("metadata", "meta"):
        if field in fields and fields[field].kind == "an object":
            own = null_left_out(fields[field].fields())
            for saying in ("description", "projectName"):
                if described is None and saying in own:
                    described = _said(own[saying])
    return described


def _said(part: Part) -> str | None:
    """What somebody wrote there; None for what Task Master itself writes of each tag."""
    text = part.text()
    return None if text is None or _SAYS_NOTHING.fullmatch(text) else text


def _read_subtasks(tag: _Tag, above: _Above) -> list[str]:
    """Make the nodes of what is below a task; their keys."""
    if "subtasks" not in above.fields:
        return []
    parts = above.fields["subtasks"].items("a list of subtasks")
    subtasks = [null_left_out(part.fields("a subtask, an object with `id`")) for part in parts]
    numbers = [
        _within(above.number, part, task) for part, task in zip(parts, subtasks, strict=True)
    ]
    siblings = {*numbers}
    keys = []
    for part, subtask, number in zip(parts, subtasks, numbers, strict=True):
        if number is None:
            continue
        needs = [*above.needs, *_needs_below(tag, above.number, subtask, siblings)]
        held = {name: each for name, each in above.fields.items() if name in _FOR_ALL_BELOW}
        below = _read_subtasks(tag, _Above(number, needs, {**held, **subtask}))
        keys.append(tag.prefix + number)
        _add(tag.builder, part, keys[-1], [*needs, *below], subtask, held)
    return keys


def _within(above: str, part: Part, fields: Mapping[str, Part]) -> str | None:
    """The number of a subtask in its file: some have that of their task in front already."""
    number = _own_number(part, fields)
    return number if number is None or number.startswith(f"{above}.") else f"{above}.{number}"


def _own_number(part: Part, fields: Mapping[str, Part]) -> str | None:
    if "id" not in fields:
        part.fault("`id` is missing: what depends on it names that")
        return None
    return fields["id"].text("a number or a text")


def _needs(fields: Mapping[str, Part]) -> Sequence[Part]:
    part = fields.get("dependencies")
    return [] if part is None else part.one_or_more("a list of ids")


def _needs_below(
    tag: _Tag, above: str, fields: Mapping[str, Part], siblings: Collection[str | None]
) -> list[str]:
    """A subtask names its siblings by their own numbers, and others by `task.subtask`."""
    found = []
    for part in _needs(fields):
        need = part.text("an id")
        if need is None:
            continue
        sibling = need if "." in need else f"{above}.{need}"
        if sibling not in siblings and f"{above}.".startswith(f"{need}."):
            tag.builder.note(part, f"it is below {need}, which waits for it: left out")
            continue
        if sibling not in siblings and need in tag.tasks:
            tag.builder.note(
                part, f"no subtask beside it is called {need}: the task {need} is meant"
            )
            sibling = need
        found.append(tag.prefix + sibling)
    return found


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
    status, over = _status(fields), _status(above)
    ended: Ended | None = None
    if status in _DONE:
        ended = "COMPLETED"
    elif _CANCELLED in (status, over):
        status, ended = _CANCELLED, "FAILED"
    elif over in _DONE:
        builder.note(part, f"it is {status or 'open'}, and what it is below is {over}: COMPLETED")
        status, ended = over, "COMPLETED"
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
        title=text_in(fields, "title"),
        settings=_priority(builder, fields.get("priority", above.get("priority"))),
        done=done,
    )


def _status(fields: Mapping[str, Part]) -> str:
    return text_in(fields, "status") or ""


def _priority(builder: Builder, part: Part | None) -> Mapping[str, Any]:
    if part is None:
        return {}
    word = part.text("high, medium or low")
    if word is not None and word.lower() not in _PRIORITIES:
        builder.note(part, "it is none of high, medium and low: left out")
    value = _PRIORITIES.get((word or "").lower())
    return {"priority": value} if value else {}
