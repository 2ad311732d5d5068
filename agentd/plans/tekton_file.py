"""What a file of Tekton is about: one pipeline, its run, and what stands beside them.

The rule this file keeps: a run says which pipeline is meant. What else stands in the file goes
along where a task names it, and is noted where none does.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Raw

from agentd.plans.builder import Builder
from agentd.plans.part import Part, null_left_out, text_in
from agentd.plans.resources import Resource, leave_out, note_status, read_resources

_NAMED_BY = {"taskRef": "task", "pipelineRef": "pipeline"}
_KINDS = {"task": ("Task", "ClusterTask"), "pipeline": ("Pipeline",)}


class TektonFile(NamedTuple):
    """The specs of a pipeline and of its run, the name they have, and what stands beside them."""

    pipeline: Mapping[str, Part]
    run: Mapping[str, Part]
    name: str
    metadata: Mapping[str, Part]
    others: Sequence[Resource]
    known: Mapping[tuple[str, str], int]
    """Which of the others has that kind and that name: the first one."""

    used: set[int]

    def definitions(self, task: Mapping[str, Part]) -> dict[str, Raw]:
        """What a task names that the file has too, by the field of its payload."""
        found = {}
        for field, called in _NAMED_BY.items():
            name, kinds = _name_in(task.get(field)), _KINDS[called]
            if name:
                kinds = (*kinds, _text(task[field].fields(), "kind"))  # of a custom task
            places = [self.known.get((kind, name)) for kind in kinds if name]
            if there := [at for at in places if at is not None]:
                self.used.add(min(there))
                other = self.others[min(there)]
                if "spec" in other.fields:
                    found[called] = other.fields["spec"].raw
        return found

    def lists(self) -> dict[str, Part]:
        """Parameters whose values are lists: as the run says, else as the pipeline does."""
        found = {}
        for spec, field in ((self.pipeline, "default"), (self.run, "value")):
            for each in spec["params"].items() if "params" in spec else ():
                fields = null_left_out(each.fields("an object with `name`"))
                if field in fields:
                    found[_text(fields, "name")] = fields[field]
        return {name: part for name, part in found.items() if part.kind == "a list"}

    def note_unused(self, builder: Builder) -> None:
        """Note what no task has named."""
        unused = [other for at, other in enumerate(self.others) if at not in self.used]
        leave_out(builder, unused, "nothing in the pipeline calls it")


def read_file(builder: Builder) -> TektonFile:
    """What the file is about. What is missing, or there twice, is kept as a fault."""
    found = read_resources(builder.root)
    runs = [each for each in found if each.kind == "PipelineRun"]
    for other in runs[1:]:
        other.part.fault("a second PipelineRun: import one at a time")
    pipelines = [each for each in found if each.kind == "Pipeline"]
    run = runs[0] if runs else None
    pipeline = _pipeline(pipelines, run)
    own = run.spec if run else {}
    spec = pipeline.spec if pipeline else {}
    if pipeline is None and "pipelineSpec" in own:
        spec = null_left_out(own["pipelineSpec"].fields())
    if "tasks" not in spec:
        _fault_without_tasks(builder, found, run, pipeline)
    taken = [each for each in (pipeline, run) if each is not None]
    for each in taken:
        note_status(builder, each)
    others = [each for each in found if each not in (*taken, *runs)]
    name = next((each.name for each in taken if each.name), "")
    metadata = next((each.fields for each in taken if "metadata" in each.fields), {})
    metadata = {"metadata": metadata["metadata"]} if metadata else {}
    known: dict[tuple[str, str], int] = {}
    for at, each in enumerate(others):
        known.setdefault((each.kind, each.name), at)
    return TektonFile(spec, own, name, metadata, others, known, set())


def _pipeline(pipelines: Sequence[Resource], run: Resource | None) -> Resource | None:
    """The pipeline that is meant: whom the run names, else the one that no other calls."""
    if run is not None:
        if "pipelineSpec" in run.spec:
            return None
        name = _name_in(run.spec.get("pipelineRef"))
        return next((each for each in pipelines if each.name in (name, "")), None)
    called = {name for each in pipelines for name in _called_by(each)}
    first = [each for each in pipelines if not each.name or each.name not in called] or pipelines
    for other in first[1:]:
        other.part.fault("a second Pipeline: import one at a time")
    return first[0] if first else None


def _called_by(pipeline: Resource) -> list[str]:
    """The names of the pipelines that it calls."""
    lists = [pipeline.spec[name] for name in ("tasks", "finally") if name in pipeline.spec]
    tasks = [task for part in lists if part.kind == "a list" for task in part.items()]
    return [
        _name_in(task.fields().get("pipelineRef")) for task in tasks if task.kind == "an object"
    ]


def _name_in(reference: Part | None) -> str:
    """The name that a reference has; "" where it has none."""
    if reference is None or reference.kind == "null":
        return ""
    return _text(reference.fields(), "name")


def _text(fields: dict[str, Part], name: str) -> str:
    return text_in(null_left_out(fields), name) or ""


def _fault_without_tasks(
    builder: Builder,
    found: Sequence[Resource],
    run: Resource | None,
    pipeline: Resource | None,
) -> None:
    if pipeline is not None:
        pipeline.part.fault(f"there is no `spec.tasks` in the {pipeline.label}")
    elif run is not None and "pipelineRef" in run.spec:
        named = run.spec["pipelineRef"]
        told = f" {_name_in(named)!r}" if _name_in(named) else ""
        named.fault(f"there is no pipeline{told} in the file, which the run names: import that one")
    elif run is not None:
        run.part.fault("there is no pipeline with `tasks` in it")
    else:
        there = ", ".join(dict.fromkeys(each.kind or "no kind" for each in found)) or "nothing"
        builder.root.fault(f"there is no pipeline in it: found {there}")
