"""A pipeline of Tekton, in YAML or JSON; tasks that stand in the same file go along.

The rule this file keeps: a pipeline's task is a node; it waits for `runAfter`, and for whose
results, or resources, it uses. A matrix is spread out, `when` is a gate, `finally` waits for all
the rest. A matrix whose values are known only in a run is a fault.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agentd.documents.faults import DocumentText
from agentd.durations import parse_duration
from agentd.plans.builder import Builder
from agentd.plans.instead import NO_TIMEOUT
from agentd.plans.matrix import MOST_COMBINATIONS, Combination, add_combinations, combine
from agentd.plans.part import Part, fields_in, null_left_out, plain_value, text_in, walk_texts
from agentd.plans.plan import Plan
from agentd.plans.settings import EXPRESSION, is_expression, number, retry, timeout
from agentd.plans.tekton_file import TektonFile, read_file

_USES = re.compile(r"\$\(tasks\.([\w-]+)\.(?:results|outputs|matrix)\b")
_LIST = re.compile(r"\$\(params\.([\w.-]+?)(?:\[\*\])?\)")
_SPEC_NOTES = {
    "timeouts": NO_TIMEOUT,
    "timeout": NO_TIMEOUT,
    "taskRunTemplate": "what runs a node is its worker's business",
    "taskRunSpecs": "what runs a node is its worker's business",
    "results": "what a pipeline leaves are the results of its nodes",
}
_TASK_NOTES = {
    "pipelineRef": "a pipeline that is called is one node",
    "pipelineSpec": "a pipeline that is called is one node",
}
_USERS_OF_RESULTS = (
    *("params", "when", "matrix", "workspaces", "taskRef", "pipelineRef", "displayName"),
)
_NODES = ("tasks", "finally")
_SKIPPED = "where it does not hold, what only runs after it runs there, and does not here"
_NOT_IN_PAYLOAD = {"name", "runAfter", "matrix"}
_UNKNOWN = "which values there are is known only in a run: write them as a list"


def read_tekton(source: str, written: DocumentText) -> Plan:
    """The plan of a pipeline. Raises `BadDocument`."""
    builder = Builder("tekton", source, written)
    file = read_file(builder)
    builder.note_each(file.pipeline, _SPEC_NOTES)
    builder.note_each(file.run, _SPEC_NOTES)
    _Pipeline(builder, file).read()
    file.note_unused(builder)
    parts = {**file.metadata, **file.pipeline}
    context: dict[str, Any] = {name: part.raw for name, part in parts.items() if name not in _NODES}
    if run := {name: part.raw for name, part in file.run.items() if name != "pipelineSpec"}:
        context["run"] = run
    description = file.pipeline.get("description")
    described = description.text() if description is not None else None
    return builder.plan(file.name or described or "", context)


class _Pipeline:
    """Reads the tasks of the pipeline that a file is about."""

    def __init__(self, builder: Builder, file: TektonFile) -> None:
        self._builder = builder
        self._file = file
        self._names: set[str | None] = set()
        self._lists = file.lists()

    def read(self) -> None:
        """The tasks, and what is done in the end."""
        spec = self._file.pipeline
        tasks = spec["tasks"].items("a list of tasks") if "tasks" in spec else []
        self._names = {_name_of(part) for part in tasks if part.kind == "an object"}
        for part in tasks:
            self._read_task(part, None)
        every = [node.key for node in self._builder.nodes]
        for part in spec["finally"].items("a list of tasks") if "finally" in spec else ():
            told = "it runs here only where all the rest has completed, or has `on_failure`"
            self._builder.note(part, told)
            self._read_task(part, every)

    def _read_task(self, part: Part, before: Sequence[str] | None) -> None:
        builder = self._builder
        task = null_left_out(part.fields("a task, an object with `name`"))
        key = text_in(task, "name")
        if key is None:
            part.fault("`name` is missing")
            return
        builder.note_each(task, _TASK_NOTES)
        needs = [*before] if before is not None else self._needs(task)
        for name in ("when", "conditions"):
            if name in task:
                asked = _when(task[name]) if name == "when" else _conditions(task[name])
                if before is None:
                    builder.note(task[name], _SKIPPED)
                ask = f"{key} runs only if this holds: {asked}"
                needs = [builder.add_gate(task[name], f"{key}: {name}", needs, ask)]
        payload = {name: each.raw for name, each in task.items() if name not in _NOT_IN_PAYLOAD}
        payload |= self._file.definitions(task)
        combinations = self._combinations(task)
        settings = _settings(builder, task)
        add_combinations(builder, part, key, needs, payload, lambda _: settings, combinations)

    def _needs(self, task: Mapping[str, Part]) -> list[str]:
        after = task["runAfter"].texts("a list of names") if "runAfter" in task else []
        needs = dict.fromkeys([*after, *_resources_from(task)])
        for name in _USERS_OF_RESULTS:
            for text in walk_texts(task[name].raw) if name in task else ():
                needs.update(dict.fromkeys(_USES.findall(text)))
        for text in walk_texts(task["taskSpec"].raw) if "taskSpec" in task else ():
            used = [name for name in _USES.findall(text) if name in self._names]
            needs.update(dict.fromkeys(used))  # other names stay as they are, in a script say
        return [*needs]

    def _combinations(self, task: Mapping[str, Part]) -> list[Combination] | None:
        """What a task is run for, once each; None where it has no matrix, or a faulty one."""
        if "matrix" not in task:
            return None
        part = task["matrix"]
        if part.kind == "a list":  # as it was at first: the parameters themselves
            axes, include = _axes(part, self._lists), []
        else:
            matrix = null_left_out(part.fields("an object with `params`, or `include`"))
            axes = _axes(matrix["params"], self._lists) if "params" in matrix else {}
            entries = matrix["include"].items() if "include" in matrix else []
            include = [_values(self._builder, each) for each in entries]
        try:
            found = combine(axes, [], include)
        except ValueError as error:
            part.fault(f"`matrix`: {error}")
            return None
        if len(found) > MOST_COMBINATIONS:
            part.fault(f"`matrix`: it has more than {MOST_COMBINATIONS} combinations")
            return None
        return found


def _name_of(task: Part) -> str | None:
    fields = null_left_out(task.fields())
    return text_in(fields, "name")


def _resources_from(task: Mapping[str, Part]) -> list[str]:
    """Whose resources a task takes, as it was said before there were results."""
    bound = fields_in(task, "resources")
    lists = [bound["inputs"]] if "inputs" in bound else []
    for condition in task["conditions"].items() if "conditions" in task else ():
        fields = null_left_out(condition.fields())
        lists += [fields["resources"]] if "resources" in fields else []
    found = []
    for each in (each for part in lists for each in part.items()):
        fields = null_left_out(each.fields())
        found += fields["from"].texts("a list of names") if "from" in fields else []
    return found


def _conditions(part: Part) -> str:
    told = []
    for each in part.items("a list of conditions"):
        fields = null_left_out(each.fields("an object with `conditionRef`"))
        told.append(text_in(fields, "conditionRef") or "")
    return "; and ".join(told)


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


def _axes(part: Part, lists: Mapping[str, Part]) -> dict[str, Sequence[Part]]:
    """The values of each parameter; `lists` are parameters of the pipeline that are known."""
    axes: dict[str, Sequence[Part]] = {}
    for name, value in _values_by_name(part).items():
        one_text = value.kind == "a text"
        axes[name] = found = []
        for each in [value] if one_text else value.items("a list of values"):
            named = (
                _LIST.fullmatch(plain) if isinstance(plain := plain_value(each.raw), str) else None
            )
            known = lists.get(named[1]) if named is not None else None
            found += [each] if known is None else known.items()
            is_unknown = any("[*])" in text for text in walk_texts(each.raw))
            if known is None and (one_text or is_unknown):
                value.fault(f"`matrix`: {name}: {_UNKNOWN}")
    return axes


def _values(builder: Builder, part: Part) -> Combination:
    fields = null_left_out(part.fields("an object with `params`"))
    if "when" in fields:
        builder.note(fields["when"], "it is not asked: the combination is there in any case")
    return _values_by_name(fields["params"]) if "params" in fields else {}


def _when(part: Part) -> str:
    told = []
    for each in part.items("a list of conditions"):
        fields = null_left_out(each.fields("an object with `input`, `operator` and `values`"))
        if "cel" in fields:
            told.append(fields["cel"].text() or "")
            continue
        own = [fields[name].visible_text() for name in ("input", "operator") if name in fields]
        values = fields["values"].one_or_more("a list of texts") if "values" in fields else []
        shown = ", ".join(each.visible_text() for each in values)
        told.append(f"{' '.join(own)} [{shown}]")
    return "; and ".join(told)


def _settings(builder: Builder, task: Mapping[str, Part]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    if "timeout" in task and is_expression(task["timeout"]):
        builder.note(task["timeout"], EXPRESSION)
    elif "timeout" in task:
        try:
            found.update(timeout(parse_duration(task["timeout"].text() or "")))
        except ValueError:
            builder.note(task["timeout"], "it is no duration of at most a year: left out")
    retries = number(builder, task.get("retries"), "a number of retries")
    found.update(retry(retries or 0, None, None, None))
    if "onError" in task and task["onError"].text() == "continue":
        found["on_failure"] = "continue"
    return found
