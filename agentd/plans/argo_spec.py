"""Which workflow of a file is meant, and what it says of itself.

The rule this file keeps: one workflow is imported; without one, the one workflow template that says
where it begins. Workflow templates of the same file lend it their templates.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec import Raw

from agentd.plans.argo_templates import Templates
from agentd.plans.builder import Builder
from agentd.plans.instead import CLOCK
from agentd.plans.part import Part, null_left_out, text_in
from agentd.plans.resources import Resource, leave_out, note_status, read_resources

_WORKFLOWS = ("Workflow", "CronWorkflow", "")
_TEMPLATES = ("WorkflowTemplate", "ClusterWorkflowTemplate")
_CLOCK_NOTES = {
    **dict.fromkeys(("schedule", "schedules", "timezone", "startingDeadlineSeconds"), CLOCK),
    **dict.fromkeys(("concurrencyPolicy", "when", "stopStrategy"), CLOCK),
}


class Workflow(NamedTuple):
    """A workflow: its name, its spec, and what is kept of it for those who look at the task."""

    name: str
    spec: Mapping[str, Part]
    context: Mapping[str, object]


def read_workflow(builder: Builder, templates: Templates) -> Workflow:
    """The workflow that a file is about. What is missing, or there twice, is kept as a fault."""
    found = read_resources(builder.root)
    resource = _meant(builder, found)
    if resource is None:
        return Workflow("", {}, {})
    kept = {each.name: each for each in found if each.kind in _TEMPLATES and each is not resource}
    others = [each for each in found if each.kind not in (*_WORKFLOWS, *_TEMPLATES)]
    leave_out(builder, others, "it is no workflow")
    note_status(builder, resource)
    spec = resource.spec
    context: dict[str, object] = {}
    if "workflowSpec" in spec:  # of a CronWorkflow
        builder.note_each(spec, _CLOCK_NOTES)
        context["cron"] = _raws(spec, "workflowSpec")
        spec = null_left_out(spec["workflowSpec"].fields())
    if "workflowTemplateRef" in spec:
        spec = _with_template(spec, kept)
    for name, each in kept.items():
        if "templates" in each.spec:
            templates.add(name, each.spec["templates"])
    _check(resource, spec)
    context.update(_raws(spec, "templates"))
    if "metadata" in resource.fields:
        context["metadata"] = resource.fields["metadata"].raw
    return Workflow(resource.name, spec, context)


def _meant(builder: Builder, found: Sequence[Resource]) -> Resource | None:
    """The workflow, or the template that begins somewhere; the first of them where it is none."""
    meant = [each for each in found if each.kind in _WORKFLOWS]
    kept = [each for each in found if each.kind in _TEMPLATES]
    meant = meant or [each for each in kept if "entrypoint" in each.spec] or kept[:1]
    for other in meant[1:]:
        other.part.fault(f"a second {other.kind or 'document'} begins: import one at a time")
    if not meant:
        there = ", ".join(dict.fromkeys(each.kind for each in found)) or "nothing"
        builder.root.fault(f"there is no workflow in it: found {there}")
    return meant[0] if meant else None


def _with_template(spec: Mapping[str, Part], kept: dict[str, Resource]) -> dict[str, Part]:
    """The spec with what its workflow template says, which is in the file: no other calls that."""
    fields = null_left_out(spec["workflowTemplateRef"].fields("an object with `name`"))
    name = text_in(fields, "name")
    if name not in kept:
        told = f"the workflow template {name!r} is kept elsewhere: put it into the file as well"
        spec["workflowTemplateRef"].fault(told)
        return dict(spec)
    lent = kept[name].spec
    merged = {**lent, **spec}
    if "arguments" in lent and "arguments" in spec:
        merged["arguments"] = _with_arguments(spec["arguments"], lent["arguments"])
    return merged


def _with_arguments(own: Part, lent: Part) -> Part:
    """The arguments of a workflow, and those of its template that it does not give itself."""
    names = ("parameters", "artifacts")
    found: dict[str, list[Raw]] = {name: [] for name in names}
    for name in names:
        seen: set[str] = set()
        for arguments in (own, lent):
            listed = null_left_out(arguments.fields()).get(name)
            for each in listed.items() if listed is not None else ():
                called = each.fields().get("name")
                key = (called.text() if called is not None else None) or ""
                if key not in seen:
                    seen.add(key)
                    found[name].append(each.raw)
    written = {name: each for name, each in found.items() if each}
    return Part(own.place, Raw(msgspec.json.encode(written)))


def _check(resource: Resource, spec: Mapping[str, Part]) -> None:
    if "workflowTemplateRef" in spec and "templates" not in spec:
        return  # what is missing is kept elsewhere, which is told by then
    missing = [name for name in ("entrypoint", "templates") if name not in spec]
    if missing:
        told = " and ".join(f"`spec.{name}`" for name in missing)
        needed = "the first template that is called, and all of them"
        resource.part.fault(f"{told} missing in the {resource.label}: {needed}")


def _raws(fields: Mapping[str, Part], left_out: str) -> dict[str, Raw]:
    return {name: part.raw for name, part in fields.items() if name != left_out}
