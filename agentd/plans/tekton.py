"""A pipeline of Tekton, in YAML or JSON; tasks that stand in the same file go along.

The rule this file keeps: a pipeline's task is a node; it waits for `runAfter`, and for whose
results it uses. A matrix is spread out, `when` is a gate, `finally` waits for all the rest. A
matrix that takes its values from parameters is a fault.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agentd.documents.faults import DocumentText
from agentd.durations import parse_duration
from agentd.plans.builder import Builder
from agentd.plans.matrix import MOST_COMBINATIONS, Combination, add_combinations, combine
from agentd.plans.part import Part, null_left_out, walk_texts
from agentd.plans.plan import Plan
from agentd.plans.settings import number, retry, timeout

_PIPELINES = ("Pipeline", "PipelineRun")
_USES = re.compile(r"\$\(tasks\.([\w-]+)\.(?:results|outputs|matrix)\b")
_SPEC_NOTES = {
    "timeouts": "a task that was imported has no time-out of its own",
    "timeout": "a task that was imported has no time-out of its own",
    "taskRunTemplate": "what runs a node is its worker's business",
    "taskRunSpecs": "what runs a node is its worker's business",
    "results": "what a pipeline leaves are the results of its nodes",
}
_TASK_NOTES = {
    "pipelineRef": "a pipeline that is called is one node",
    "pipelineSpec": "a pipeline that is called is one node",
}
_USERS_OF_RESULTS = ("params", "when", "matrix", "workspaces", "taskRef", "pipelineRef")
_NOT_IN_PAYLOAD = {"name", "runAfter", "matrix"}
_UNKNOWN = "which values there are is known only in a run: write them as a list"


def read_tekton(source: str, written: DocumentText) -> Plan:
    """The plan of a pipeline. Raises `BadDocument`."""
    builder = Builder("tekton", source, written)
    found = {kind: _of_kind(builder, kind) for kind in (*_PIPELINES, "Task")}
    read = sum(map(len, found.values()))
    if (others := len(builder.root.items()) - read) > 0:
        builder.note(builder.root, f"{others:,} documents that are neither pipelines nor tasks")
    for kind in _PIPELINES:
        for _, other in found[kind][1:]:
            other.fault(f"a second {kind}: import one at a time")
    spec: dict[str, Part] = {}
    for _, part in (*found["PipelineRun"][:1], *found["Pipeline"][:1]):
        fields = null_left_out(part.fields())
        own = null_left_out(fields["spec"].fields()) if "spec" in fields else {}
        if "pipelineSpec" in own:
            spec.update(null_left_out(own["pipelineSpec"].fields()))
        spec.update({name: value for name, value in own.items() if name != "pipelineSpec"})
    if "tasks" not in spec:
        builder.root.fault("there is no pipeline with `tasks` in it: a PipelineRun names one")
    builder.note_each(spec, _SPEC_NOTES)
    _Pipeline(builder, dict(found["Task"])).read(spec)
    context = {name: part.raw for name, part in spec.items() if name not in ("tasks", "finally")}
    named = [*found["Pipeline"], *found["PipelineRun"]]
    described = spec["description"].text() if "description" in spec else None
    return builder.plan((named[0][0] if named else "") or described or "", context)


def _of_kind(builder: Builder, kind: str) -> list[tuple[str, Part]]:
    """The documents of that kind, each with its name."""
    found = []
    for part in builder.root.items():
        fields = null_left_out(part.fields("an object with `kind`"))
        if "kind" not in fields or fields["kind"].text() != kind:
            continue
        metadata = null_left_out(fields["metadata"].fields()) if "metadata" in fields else {}
        own = metadata.get("name", metadata.get("generateName"))
        found.append(((own.text() if own is not None else None) or "", part))
    return found


class _Pipeline:
    """Reads the tasks of a pipeline; `known` are tasks of the same file, by name."""

    def __init__(self, builder: Builder, known: Mapping[str, Part]) -> None:
        self._builder = builder
        self._known = known

    def read(self, spec: Mapping[str, Part]) -> None:
        """The tasks, and what is done in the end."""
        for part in spec["tasks"].items("a list of tasks") if "tasks" in spec else ():
            self._read_task(part, None)
        every = [node.key for node in self._builder.nodes]
        for part in spec["finally"].items("a list of tasks") if "finally" in spec else ():
            told = "it runs here only where all the rest has completed, or has `on_failure`"
            self._builder.note(part, told)
            self._read_task(part, every)

    def _read_task(self, part: Part, before: Sequence[str] | None) -> None:
        builder = self._builder
        task = null_left_out(part.fields("a task, an object with `name`"))
        key = task["name"].text() if "name" in task else None
        if key is None:
            part.fault("`name` is missing")
            return
        builder.note_each(task, _TASK_NOTES)
        needs = [*before] if before is not None else self._needs(task)
        if "when" in task:
            told = "where it does not hold, what only runs after it runs there, and does not here"
            if before is None:
                builder.note(task["when"], told)
            ask = f"{key} runs only if this holds: {_when(task['when'])}"
            needs = [builder.add_gate(task["when"], f"{key}: when", needs, ask)]
        payload = {name: each.raw for name, each in task.items() if name not in _NOT_IN_PAYLOAD}
        if (definition := self._definition(task)) is not None:
            payload["task"] = definition.raw
        combinations = self._combinations(task)
        settings = _settings(builder, task)
        add_combinations(builder, part, key, needs, payload, lambda _: settings, combinations)

    def _needs(self, task: Mapping[str, Part]) -> list[str]:
        after = task["runAfter"].texts("a list of names") if "runAfter" in task else []
        needs = dict.fromkeys(after)
        for name in _USERS_OF_RESULTS:
            for text in walk_texts(task[name].raw) if name in task else ():
                needs.update(dict.fromkeys(_USES.findall(text)))
        return [*needs]

    def _definition(self, task: Mapping[str, Part]) -> Part | None:
        """The task that is named, where the file has it too."""
        if "taskRef" not in task:
            return None
        reference = null_left_out(task["taskRef"].fields())
        name = reference["name"].text() if "name" in reference else None
        if name is None or name not in self._known:
            return None
        return null_left_out(self._known[name].fields()).get("spec")

    def _combinations(self, task: Mapping[str, Part]) -> list[Combination] | None:
        if "matrix" not in task:
            return None
        part = task["matrix"]
        if part.kind == "a list":  # as it was at first: the parameters themselves
            axes, include = _axes(part), []
        else:
            matrix = null_left_out(part.fields("an object with `params`, or `include`"))
            axes = _axes(matrix["params"]) if "params" in matrix else {}
            entries = matrix["include"].items() if "include" in matrix else []
            include = [_values(each) for each in entries]
        try:
            found = combine(axes, [], include)
        except ValueError as error:
            part.fault(f"`matrix`: {error}")
            return []
        if len(found) > MOST_COMBINATIONS:
            part.fault(f"`matrix`: it has more than {MOST_COMBINATIONS} combinations")
            return []
        return found


def _values_by_name(part: Part) -> dict[str, Part]:
    """The values of a list of {name, value}."""
    found = {}
    for each in part.items("a list of {name, value}"):
        fields = null_left_out(each.fields("an object with `name` and `value`"))
        if "name" in fields and "value" in fields:
            found[fields["name"].text() or ""] = fields["value"]
        else:
            each.fault("expected an object with `name` and `value`")
    return found


def _axes(part: Part) -> dict[str, Sequence[Part]]:
    axes: dict[str, Sequence[Part]] = {}
    for name, value in _values_by_name(part).items():
        if value.kind == "a text":
            value.fault(f"`matrix`: {name}: {_UNKNOWN}")
            axes[name] = []
            continue
        axes[name] = value.items("a list of values")
        if any("[*])" in text for text in walk_texts(value.raw)):
            value.fault(f"`matrix`: {name}: {_UNKNOWN}")
    return axes


def _values(part: Part) -> Combination:
    fields = null_left_out(part.fields("an object with `params`"))
    return _values_by_name(fields["params"]) if "params" in fields else {}


def _when(part: Part) -> str:
    told = []
    for each in part.items("a list of conditions"):
        fields = null_left_out(each.fields("an object with `input`, `operator` and `values`"))
        if "cel" in fields:
            told.append(fields["cel"].text() or "")
            continue
        own = [fields[name].text() or "" for name in ("input", "operator") if name in fields]
        values = fields["values"].texts("a list of texts") if "values" in fields else []
        told.append(f"{' '.join(own)} [{', '.join(values)}]")
    return "; and ".join(told)


def _settings(builder: Builder, task: Mapping[str, Part]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    if "timeout" in task:
        try:
            found.update(timeout(parse_duration(task["timeout"].text() or "")))
        except ValueError:
            builder.note(task["timeout"], "it is no duration of at most a year: left out")
    retries = number(builder, task.get("retries"), "a number of retries")
    found.update(retry(retries or 0, None, None, None))
    if "onError" in task and task["onError"].text() == "continue":
        found["on_failure"] = "continue"
    return found
