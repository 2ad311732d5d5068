"""A workflow of Argo Workflows, in YAML or JSON.

The rule this file keeps: what a template calls that is a DAG or has steps is written out; what it
calls else is a node with that template as its payload. `when` and `suspend` are gates. Items that
are known only when it runs are a fault; a task that depends on a failure is left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Raw

from agentd.api import GateSpec
from agentd.api.moments import LONGEST_SECS
from agentd.documents.faults import BadDocument, DocumentText
from agentd.durations import parse_duration
from agentd.plans.argo_items import read_items
from agentd.plans.builder import Builder
from agentd.plans.conditions import read_condition
from agentd.plans.part import Part, null_left_out
from agentd.plans.plan import Plan
from agentd.plans.settings import number, retry, timeout

_HANDLER = "watch for the event with `agentd watch`"
_LIMIT = "set a limit with `agentd limit set`, and name it in `limits`"
_WORKER = "which worker takes it is not asked: name labels in `requires`"
_SPEC_NOTES = {
    "schedule": "agentd starts nothing at a time of day",
    "schedules": "agentd starts nothing at a time of day",
    "onExit": _HANDLER,
    "hooks": _HANDLER,
    "parallelism": _LIMIT,
    "synchronization": "use `locks` of a node, or a limit (`agentd limit set`)",
    "activeDeadlineSeconds": "a task that was imported has no time-out of its own",
    "nodeSelector": _WORKER,
}
_TEMPLATE_NOTES = {
    "synchronization": "use `locks` of a node, or a limit (`agentd limit set`)",
    "parallelism": _LIMIT,
    "nodeSelector": _WORKER,
    "daemon": "nothing goes on beside its node: it ends when that does",
    "memoize": "results are not kept for other tasks",
}
_TASK_NOTES = {
    "onExit": _HANDLER,
    "hooks": _HANDLER,
    "templateRef": "the template is kept elsewhere: the task is one node",
}
_MOST_CALLS, _CALLS_A_NODE = 10_000, 4
"""Templates that are called: more of them make no more nodes."""

_DEEPEST = 20
"""Templates that call each other."""


class _Call(NamedTuple):
    """A task or a step: what it is called, what it waits for, and its fields."""

    part: Part
    key: str
    fields: Mapping[str, Part]
    needs: Sequence[str]


def read_argo(source: str, written: DocumentText) -> Plan:
    """The plan of a workflow. Raises `BadDocument`."""
    builder = Builder("argo", source, written)
    documents = builder.root.items()
    root = null_left_out(documents[0].fields("a Workflow"))
    for other in documents[1:]:
        other.fault("a second document begins: a workflow is one")
    spec = null_left_out(root["spec"].fields()) if "spec" in root else {}
    if "workflowSpec" in spec:  # of a CronWorkflow
        builder.note_each(spec, _SPEC_NOTES)
        spec = null_left_out(spec["workflowSpec"].fields())
    builder.note_each(spec, _SPEC_NOTES)
    if "entrypoint" not in spec or "templates" not in spec:
        documents[0].fault("`spec.entrypoint` and `spec.templates` are needed: they say what to do")
    else:
        _Templates(builder, spec["templates"]).run(spec["entrypoint"])
    metadata = null_left_out(root["metadata"].fields()) if "metadata" in root else {}
    names = [metadata[name].text() for name in ("name", "generateName") if name in metadata]
    context = {name: part.raw for name, part in spec.items() if name != "templates"}
    if metadata:
        context["metadata"] = root["metadata"].raw
    return builder.plan((names[0] if names else "") or "", context)


class _Templates:
    """The templates of a workflow, by name."""

    def __init__(self, builder: Builder, templates: Part) -> None:
        self._builder = builder
        self._known: dict[str, Part] = {}
        self._calls = 0
        for part in templates.items("a list of templates"):
            fields = null_left_out(part.fields("a template"))
            name = fields["name"].text() if "name" in fields else None
            if name is None:
                part.fault("`name` is missing: a template is called by it")
            else:
                self._known[name] = part

    def run(self, entrypoint: Part) -> None:
        """Write out the template that a workflow begins with."""
        name = entrypoint.text() or ""
        if name not in self._known:
            entrypoint.fault(f"`entrypoint`: there is no template {name!r}")
            return
        template = self._known[name]
        self._write(template, _Call(template, name, {}, ()), [name], at_top=True)

    def _write(
        self, template: Part, call: _Call, path: list[str], *, at_top: bool = False
    ) -> list[str]:
        """The nodes of a template that is called; what stands behind it waits for the answered."""
        self._calls += 1
        if self._calls > _MOST_CALLS + _CALLS_A_NODE * len(self._builder.nodes):
            raise BadDocument(f"{self._builder.source} calls templates without end")
        fields = null_left_out(template.fields("a template"))
        prefix = "" if at_top else f"{call.key}."
        if "dag" in fields:
            return self._write_dag(fields["dag"], prefix, call.needs, path)
        if "steps" in fields:
            return self._write_steps(fields["steps"], prefix, call.needs, path)
        return [self._add(fields, call)]

    def _write_dag(
        self, part: Part, prefix: str, before: Sequence[str], path: list[str]
    ) -> list[str]:
        dag = null_left_out(part.fields("an object with `tasks`"))
        if "target" in dag:
            self._builder.note(dag["target"], "all tasks are done, not only what it needs")
        made: dict[str, list[str]] = {}
        needed: set[str] = set()
        for task in dag["tasks"].items("a list of tasks") if "tasks" in dag else ():
            fields = null_left_out(task.fields("a task, an object with `name`"))
            name = fields["name"].text() if "name" in fields else None
            if name is None:
                task.fault("`name` is missing")
                continue
            needs = self._needs(prefix + name, task, fields)
            if needs is None:
                continue
            needed.update(needs)
            waits_for = [prefix + each for each in needs] or before
            made[name] = self._call(_Call(task, prefix + name, fields, waits_for), path)
        return [key for name, keys in made.items() if name not in needed for key in keys]

    def _needs(self, key: str, task: Part, fields: Mapping[str, Part]) -> list[str] | None:
        """What a task waits for; None where it is left out."""
        if "depends" not in fields:
            listed = fields.get("dependencies")
            return [] if listed is None else listed.texts("a list of names")
        part = fields["depends"]
        try:
            condition = read_condition(part.text() or "")
        except ValueError as error:
            part.fault(f"`depends`: {error}")
            return []
        if not condition.holds:
            why = f"it depends on a failure: {part.shown()}"
            self._builder.note(task, f"the task {key} is left out: {why}")
            self._builder.left_out[key] = why
            return None
        if not condition.is_plain:
            told = "it runs here only where all that it names has completed"
            self._builder.note(part, told)
        return condition.names

    def _write_steps(
        self, part: Part, prefix: str, before: Sequence[str], path: list[str]
    ) -> list[str]:
        last = [*before]
        for together in part.items("a list of lists of steps"):
            made: list[str] = []
            for step in together.one_or_more("a list of steps"):
                fields = null_left_out(step.fields("a step, an object with `name`"))
                name = fields["name"].text() if "name" in fields else None
                if name is None:
                    step.fault("`name` is missing")
                    continue
                made += self._call(_Call(step, prefix + name, fields, last), path)
            last = made or last
        return last

    def _call(self, call: _Call, path: list[str]) -> list[str]:
        """What a task or a step calls, once or for each of its items."""
        builder = self._builder
        builder.note_each(call.fields, _TASK_NOTES)
        template, name = self._called(call)
        if template is None:
            return [call.key]
        if name in path or len(path) > _DEEPEST:
            told = f"it is called within itself: {' -> '.join([*path, name][-5:])}"
            call.part.fault(told if name in path else f"more than {_DEEPEST} templates deep")
            return [call.key]
        if "when" in call.fields:
            when = call.fields["when"]
            ask = f"{call.key} runs only if this holds: {when.text() or ''}"
            call = call._replace(
                needs=[builder.add_gate(when, f"{call.key}: when", call.needs, ask)]
            )
        items = read_items(call.fields)
        calls = [call] if items is None else [_with_item(call, *each) for each in items]
        made = [key for each in calls for key in self._write(template, each, [*path, name])]
        if made != [call.key]:
            builder.groups[call.key] = made or call.needs
        return made or [*call.needs]

    def _called(self, call: _Call) -> tuple[Part | None, str]:
        fields = call.fields
        if "inline" in fields:
            return fields["inline"], f"{call.key} (inline)"
        if "templateRef" in fields:
            return fields["templateRef"], f"{call.key} (elsewhere)"
        name = fields["template"].text() if "template" in fields else None
        if name is None:
            call.part.fault("`template` is missing: it says what is called")
        elif name not in self._known:
            fields["template"].fault(f"`template`: there is none that is called {name!r}")
        return self._known.get(name or ""), name or ""

    def _add(self, fields: Mapping[str, Part], call: _Call) -> str:
        """The node of a template that calls nothing."""
        builder = self._builder
        builder.note_each(fields, _TEMPLATE_NOTES)
        if "suspend" in fields:
            gate = _gate(builder, fields["suspend"], call.key)
            builder.add(call.part, call.key, call.needs, {}, settings={"gate": gate})
            return call.key
        payload = {name: part.raw for name, part in fields.items() if name != "name"}
        if "name" in fields:
            payload["template"] = fields["name"].raw
        for name in ("arguments", "item"):
            if name in call.fields:
                payload[name] = call.fields[name].raw
        settings = {**_settings(builder, fields), **_continues(call)}
        builder.add(call.part, call.key, call.needs, payload, settings=settings)
        return call.key


def _with_item(call: _Call, label: str, item: Raw) -> _Call:
    fields = {**call.fields, "item": Part(call.part.place, item)}
    return call._replace(key=f"{call.key}({label})", fields=fields)


def _continues(call: _Call) -> Mapping[str, Any]:
    if "continueOn" not in call.fields:
        return {}
    on = null_left_out(call.fields["continueOn"].fields())
    return {"on_failure": "continue"} if any(part.truth() for part in on.values()) else {}


def _gate(builder: Builder, part: Part, key: str) -> GateSpec:
    """A suspended workflow goes on when somebody says so, or when its time is over."""
    fields = null_left_out(part.fields()) if part.kind == "an object" else {}
    seconds = _duration(builder, fields.get("duration"))
    return GateSpec(f"{key}: shall it go on?", seconds, "approve" if seconds else "reject")


def _duration(builder: Builder, part: Part | None) -> float | None:
    """Seconds, or a duration such as 2m; None where there is none, or what is none."""
    if part is None:
        return None
    try:
        return parse_duration(part.text() or "")
    except ValueError:
        builder.note(part, f"it is no duration of at most {LONGEST_SECS // 86_400} days: left out")
        return None


def _settings(builder: Builder, fields: Mapping[str, Part]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    deadline = number(builder, fields.get("activeDeadlineSeconds"), "a number of seconds")
    found.update(timeout(deadline or _duration(builder, fields.get("timeout"))))
    if "retryStrategy" not in fields:
        return found
    strategy = null_left_out(fields["retryStrategy"].fields())
    for name in ("expression", "affinity"):
        if name in strategy:
            builder.note(strategy[name], "it is tried again whatever went wrong, and wherever")
    backoff = null_left_out(strategy["backoff"].fields()) if "backoff" in strategy else {}
    if "maxDuration" in backoff:
        builder.note(backoff["maxDuration"], "the number of tries alone is bounded")
    factor = number(builder, backoff.get("factor"), "a factor")
    pause, longest = (_duration(builder, backoff.get(name)) for name in ("duration", "cap"))
    limit = number(builder, strategy.get("limit"), "a number of retries")
    if "limit" not in strategy:
        told = "it is tried again without end there; here as often as `agentd task retry` says"
        builder.note(fields["retryStrategy"], told)
    found.update(retry(limit or 0, pause, factor, longest))
    return found
