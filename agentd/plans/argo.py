"""A workflow of Argo Workflows, in YAML or JSON.

The rule this file keeps: what a template calls that is a DAG or has steps is written out; what it
calls else is a node with that template as its payload. `when` and `suspend` are gates. Items that
are known only when it runs are a fault; a task that depends on a failure is left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Raw

from agentd.documents.faults import BadDocument, DocumentText
from agentd.plans.argo_items import read_items
from agentd.plans.argo_settings import continues, gate_of, settings_of
from agentd.plans.builder import Builder
from agentd.plans.conditions import read_condition
from agentd.plans.part import Part, null_left_out
from agentd.plans.plan import Plan

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
    "suspend": "`--paused` holds it",
    "templateDefaults": "what it says of its templates is in the context alone",
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
_NO_NODE = "it is no node of its own: say it of the templates that it calls"
_CALLING_NOTES = {
    **_TEMPLATE_NOTES,
    "retryStrategy": _NO_NODE,
    "activeDeadlineSeconds": _NO_NODE,
    "timeout": _NO_NODE,
    "outputs": "what a template leaves are the results of its nodes",
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
    within: Sequence[Mapping[str, Raw]] = ()
    """What the templates that it stands in were called with, the outermost first."""


def read_argo(source: str, written: DocumentText) -> Plan:
    """The plan of a workflow. Raises `BadDocument`."""
    builder = Builder("argo", source, written)
    documents = builder.documents()
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
        if "dag" not in fields and "steps" not in fields:
            return [self._add(fields, call)]
        self._builder.note_each(fields, _CALLING_NOTES)
        if "continueOn" in call.fields:
            self._builder.note(call.fields["continueOn"], _NO_NODE)
        if given := _arguments_of(fields, call):
            call = call._replace(within=(*call.within, given))
        prefix = "" if at_top else f"{call.key}."
        if "dag" in fields:
            return self._write_dag(fields["dag"], prefix, call, path)
        return self._write_steps(fields["steps"], prefix, call, path)

    def _write_dag(self, part: Part, prefix: str, within: _Call, path: list[str]) -> list[str]:
        dag = null_left_out(part.fields("an object with `tasks`"))
        if "failFast" in dag:
            self._builder.note(dag["failFast"], "failures stop no other node")
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
            waits_for = [prefix + each for each in needs] or within.needs
            call = _Call(task, prefix + name, fields, waits_for, within.within)
            made[name] = self._call(call, path)
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

    def _write_steps(self, part: Part, prefix: str, within: _Call, path: list[str]) -> list[str]:
        last = [*within.needs]
        for together in part.items("a list of lists of steps"):
            made: list[str] = []
            for step in together.one_or_more("a list of steps"):
                fields = null_left_out(step.fields("a step, an object with `name`"))
                name = fields["name"].text() if "name" in fields else None
                if name is None:
                    step.fault("`name` is missing")
                    continue
                call = _Call(step, prefix + name, fields, last, within.within)
                made += self._call(call, path)
            last = made or last
        return last

    def _call(self, call: _Call, path: list[str]) -> list[str]:
        """What a task or a step calls, once or for each of its items."""
        builder = self._builder
        builder.note_each(call.fields, _TASK_NOTES)
        template, name = self._find_template(call)
        if template is None:
            return [call.key]
        if name in path or len(path) > _DEEPEST:
            told = f"it is called within itself: {' -> '.join([*path, name][-5:])}"
            call.part.fault(told if name in path else f"more than {_DEEPEST} templates deep")
            return [call.key]
        items = read_items(call.fields)
        if items is None or not _asks_of_items(call):
            call = self._put_behind_gate(call)
        calls = [call] if items is None else [_with_item(call, *each) for each in items]
        if items is not None and _asks_of_items(call):
            calls = [self._put_behind_gate(each) for each in calls]
        made = [key for each in calls for key in self._write(template, each, [*path, name])]
        if made != [call.key]:
            builder.groups[call.key] = made or call.needs
        return made or [*call.needs]

    def _put_behind_gate(self, call: _Call) -> _Call:
        """The call behind the gate that its `when` is, if it has one."""
        if "when" not in call.fields:
            return call
        when = call.fields["when"]
        told = "where it does not hold, what waits for it runs there, and does not here"
        self._builder.note(when, told)
        item = f" ({call.fields['item'].shown()})" if "item" in call.fields else ""
        ask = f"{call.key}{item} runs only if this holds: {when.text() or ''}"
        gate = self._builder.add_gate(when, f"{call.key}: when", call.needs, ask)
        return call._replace(needs=[gate])

    def _find_template(self, call: _Call) -> tuple[Part | None, str]:
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
            settings: Mapping[str, Any] = {"gate": gate_of(builder, fields["suspend"], call.key)}
        else:
            settings = {**settings_of(builder, fields), **continues(call.fields)}
        payload: dict[str, Any] = {name: p.raw for name, p in fields.items() if name != "name"}
        if "templateRef" in call.fields:
            payload = {"templateRef": call.fields["templateRef"].raw}
        elif "name" in fields:
            payload["template"] = fields["name"].raw
        for name in ("arguments", "item"):
            if name in call.fields:
                payload[name] = call.fields[name].raw
        if call.within:
            payload["within"] = call.within
        builder.add(call.part, call.key, call.needs, payload, settings=settings)
        return call.key


def _asks_of_items(call: _Call) -> bool:
    """Whether its `when` is another one for each item."""
    return "when" in call.fields and "item" in (call.fields["when"].text() or "")


def _arguments_of(template: Mapping[str, Part], call: _Call) -> Mapping[str, Raw]:
    """What a template that calls others is called with: they refer to it."""
    told = {name: template[name].raw for name in ("inputs",) if name in template}
    told.update({n: call.fields[n].raw for n in ("arguments", "item") if n in call.fields})
    return {"template": template["name"].raw, **told} if told and "name" in template else told


def _with_item(call: _Call, label: str, item: Raw) -> _Call:
    fields = {**call.fields, "item": Part(call.part.place, item)}
    return call._replace(key=f"{call.key}({label})", fields=fields)
