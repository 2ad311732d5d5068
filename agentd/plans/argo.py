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
from agentd.plans.argo_notes import (
    CALLING_NOTES,
    NO_NODE,
    SPEC_NOTES,
    TASK_NOTES,
    TEMPLATE_NOTES,
)
from agentd.plans.argo_settings import continues, defaults_of, gate_of, said, settings_of
from agentd.plans.argo_spec import read_workflow
from agentd.plans.argo_templates import Templates
from agentd.plans.argo_values import values_in, with_known_value
from agentd.plans.builder import Builder
from agentd.plans.conditions import read_condition
from agentd.plans.part import Part, null_left_out, text_in
from agentd.plans.plan import Plan

_CALLING = ("name", "dag", "steps", "inputs")
_KNOWN = {
    *("name", "template", "templateRef", "inline", "arguments", "item", "continueOn", "when"),
    *("withItems", "withParam", "withSequence", "dependencies", "depends", *TASK_NOTES),
}
_MAY_BE_EMPTY = ("depends", "when", "template", "withParam", "onExit")
_UNKNOWN = "Argo has no such field here: it is left out"
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

    library: str = ""
    """Where the templates are kept that are called by their names alone."""

    def inner(
        self, part: Part, key: str, fields: Mapping[str, Part], needs: Sequence[str]
    ) -> "_Call":
        """A task or a step of the template that is called here."""
        return _Call(part, key, fields, needs, self.within, self.library)


def read_argo(source: str, written: DocumentText) -> Plan:
    """The plan of a workflow. Raises `BadDocument`."""
    builder = Builder("argo", source, written)
    templates = Templates(builder)
    workflow = read_workflow(builder, templates)
    builder.note_each(said(workflow.spec), SPEC_NOTES)
    if "entrypoint" in workflow.spec and "templates" in workflow.spec:
        templates.add("", workflow.spec["templates"])
        _Calls(builder, templates, workflow.spec).run(workflow.spec["entrypoint"])
        templates.note_uncalled()
    return builder.plan(workflow.name, workflow.context)


class _Calls:
    """Writes out what is called, from the template with which a workflow begins."""

    def __init__(self, builder: Builder, templates: Templates, spec: Mapping[str, Part]) -> None:
        self._builder = builder
        self._templates = templates
        self._defaults = defaults_of(builder, spec)
        arguments = spec.get("arguments")
        self._given = {} if arguments is None else {"arguments": arguments}
        self._arguments = values_in(None if arguments is None else arguments.raw)
        self._calls = 0

    def run(self, entrypoint: Part) -> None:
        """Write out the template that a workflow begins with."""
        template, name, _ = self._templates.entrypoint(entrypoint)
        if template is not None:
            given = self._given if "inputs" in template.fields() else {}
            self._write(template, _Call(template, name, given, ()), [name], at_top=True)

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
        self._note_calling(fields)
        if "continueOn" in call.fields:
            self._builder.note(call.fields["continueOn"], NO_NODE)
        if given := _arguments_of(fields, call):
            call = call._replace(within=(*call.within, given))
        prefix = "" if at_top else f"{call.key}."
        if "dag" in fields:
            return self._write_dag(fields["dag"], prefix, call, path)
        return self._write_steps(fields["steps"], prefix, call, path)

    def _note_calling(self, fields: dict[str, Part]) -> None:
        """Note what a template says of itself that calls others, and so is no node."""
        there = said(fields)
        self._builder.note_each(there, CALLING_NOTES)
        more = [name for name in there if name not in (*CALLING_NOTES, *_CALLING)]
        self._builder.note_each(there, dict.fromkeys(more, NO_NODE))

    def _write_dag(self, part: Part, prefix: str, within: _Call, path: list[str]) -> list[str]:
        dag = null_left_out(part.fields("an object with `tasks`"))
        if "failFast" in dag:
            self._builder.note(dag["failFast"], "failures stop no other node")
        if "target" in dag:
            self._builder.note(dag["target"], "all tasks are done, not only what it needs")
        found: list[tuple[Part, str, dict[str, Part], list[str]]] = []
        for task in dag["tasks"].items("a list of tasks") if "tasks" in dag else ():
            fields = _fields_of(task, "a task, an object with `name`")
            name = text_in(fields, "name")
            if name is None:
                task.fault("`name` is missing")
                continue
            needs = self._needs(prefix + name, task, fields)
            if needs is not None:
                found.append((task, name, fields, needs))
        made: dict[str, list[str]] = {}
        needed: set[str] = set()
        for task, name, fields, known in found:  # by now it is known what is left out
            needs = self._without_left_out(prefix, fields, known)
            needed.update(needs)
            waits_for = [prefix + each for each in needs] or within.needs
            call = within.inner(task, prefix + name, fields, waits_for)
            made[name] = self._call(call, path)
        return [key for name, keys in made.items() if name not in needed for key in keys]

    def _needs(self, key: str, task: Part, fields: Mapping[str, Part]) -> list[str] | None:
        """What a task waits for; None where it is left out."""
        listed = fields.get("dependencies")
        if "depends" not in fields:
            return [] if listed is None else listed.texts("a list of names")
        part = fields["depends"]
        if listed is not None:
            listed.fault("`dependencies` stands beside `depends`: one of them is enough")
        text = part.text()
        if text is None:
            return []
        try:
            condition = read_condition(text)
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

    def _without_left_out(
        self, prefix: str, fields: Mapping[str, Part], needs: list[str]
    ) -> list[str]:
        """What a task waits for where its condition holds without those that are left out."""
        absent = {name for name in needs if prefix + name in self._builder.left_out}
        if not absent or "depends" not in fields:
            return needs
        condition = read_condition(fields["depends"].text() or "", absent)
        return condition.names if condition.holds and condition.names else needs

    def _write_steps(self, part: Part, prefix: str, within: _Call, path: list[str]) -> list[str]:
        last = [*within.needs]
        for together in part.items("a list of lists of steps"):
            made: list[str] = []
            for step in together.one_or_more("a list of steps"):
                fields = _fields_of(step, "a step, an object with `name`")
                name = text_in(fields, "name")
                if name is None:
                    step.fault("`name` is missing")
                    continue
                call = within.inner(step, prefix + name, fields, last)
                made += self._call(call, path)
            last = made or last
        return last

    def _call(self, call: _Call, path: list[str]) -> list[str]:
        """What a task or a step calls, once or for each of its items."""
        builder = self._builder
        there = said(call.fields)
        builder.note_each(there, TASK_NOTES)
        unknown = dict.fromkeys([name for name in there if name not in _KNOWN], _UNKNOWN)
        builder.note_each(there, unknown)
        template, name, library = self._templates.find(
            call.key, call.part, call.fields, call.library
        )
        call = call._replace(library=library)
        if template is None:
            return self._stand_aside(call)
        if name in path or len(path) > _DEEPEST:
            told = f"it is called within itself: {' -> '.join([*path, name][-5:])}"
            call.part.fault(told if name in path else f"more than {_DEEPEST} templates deep")
            return self._stand_aside(call)
        items = read_items(
            call.fields, lambda part: with_known_value(part, call.within, self._arguments)
        )
        if items is None or not _asks_of_items(call):
            call = self._put_behind_gate(call)
        calls = [call] if items is None else [_with_item(call, *each) for each in items]
        if items is not None and _asks_of_items(call):
            calls = [self._put_behind_gate(each) for each in calls]
        made = [key for each in calls for key in self._write(template, each, [*path, name])]
        if not made:
            why = "there are no items" if items == [] else "what it calls is empty"
            builder.note(call.part, f"{call.key}: {why}, and so no nodes")
        if made != [call.key]:
            builder.groups[call.key] = made or call.needs
        return made or [*call.needs]

    def _stand_aside(self, call: _Call) -> list[str]:
        """A node in the place of what is a fault: what it waits for is looked at, too."""
        self._builder.add(call.part, call.key, call.needs, {})
        return [call.key]

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

    def _add(self, fields: Mapping[str, Part], call: _Call) -> str:
        """The node of a template that calls nothing."""
        builder = self._builder
        builder.note_each(said(fields), TEMPLATE_NOTES)
        if "suspend" in fields:
            settings: Mapping[str, Any] = {"gate": gate_of(builder, fields["suspend"], call.key)}
        else:
            settings = settings_of(builder, fields, self._defaults)
            settings = {**settings, **continues(call.fields)}
        payload: dict[str, Any] = {name: p.raw for name, p in fields.items() if name != "name"}
        is_elsewhere = self._templates.is_elsewhere(call.fields)
        for name in ("template", "templateRef") if not is_elsewhere else ():
            if name in fields:
                fields[name].fault(f"`{name}` of a template: call that one where this is called")
        if is_elsewhere:
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


def _fields_of(part: Part, expected: str) -> dict[str, Part]:
    """The fields of a task or a step; those that say nothing are left out."""
    fields = null_left_out(part.fields(expected))
    empty = [name for name in _MAY_BE_EMPTY if name in fields and bytes(fields[name].raw) == b'""']
    return {name: part for name, part in fields.items() if name not in empty}


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
