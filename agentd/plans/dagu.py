"""A workflow of Dagu (https://docs.dagu.sh), in YAML.

The rule this file keeps: a step is a node with the step as its payload; `depends` and the order of
a chain are dependencies, `preconditions` and approvals are gates. Items that are known only when it
runs are a fault, for then nobody knows which nodes there are.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agentd.api import GateSpec
from agentd.documents.faults import DocumentText
from agentd.plans.builder import Builder
from agentd.plans.dagu_fields import IN_CONTEXT, IN_PAYLOAD, ROOT_NOTES, STEP_NOTES
from agentd.plans.dagu_gates import gate_of, human_task, is_human_task
from agentd.plans.dagu_items import items_of
from agentd.plans.dagu_names import snake
from agentd.plans.dagu_routes import Route, is_router, named_steps, read_routes
from agentd.plans.instead import UNKNOWN_IN_CONTEXT, UNKNOWN_IN_PAYLOAD
from agentd.plans.misnamed import fault_misnamed
from agentd.plans.part import Part, null_left_out, text_in
from agentd.plans.plan import Plan
from agentd.plans.settings import number, retry, timeout

_NUMBERED = re.compile(rb'"(?:id|name)"\s*:\s*"(step-\d+)"')
_DEFAULTED = ("continue_on", "retry_policy", "timeout_sec")
_NOT_IN_PAYLOAD = {"name", "depends", "parallel"}
_ONLY_FAILURE = "only `failure` has a counterpart: `on_failure`"


def read_dagu(source: str, written: DocumentText) -> Plan:
    """The plan of a workflow; `written` are the documents of its file. Raises `BadDocument`."""
    builder = Builder("dagu", source, written)
    documents = builder.documents()
    root = snake(documents[0].fields("a workflow, an object with `steps`"))
    builder.note_each(root, ROOT_NOTES)
    for unknown in root.keys() - {*ROOT_NOTES, *IN_CONTEXT}:
        builder.note(root[unknown], UNKNOWN_IN_CONTEXT)
    before = gate_of(builder, root, "the workflow", [])
    if "steps" in root:
        defaults = _defaults(builder, root)
        _Steps(builder, _execution(builder, root), before, defaults).read(root["steps"])
    elif documents[0].kind == "an object":
        documents[0].fault("`steps` is missing: it says what is to be done")
    context: dict[str, Any] = {
        name: part.raw for name, part in root.items() if name not in ("steps", "name")
    }
    if len(documents) > 1:
        context["documents"] = [each.raw for each in documents[1:]]
        builder.note(documents[1], "other workflows in the file are in the context, and not run")
    name = text_in(root, "name")
    described = text_in(root, "description")
    return builder.plan(name or described or "", context, own_id=name)


def _defaults(builder: Builder, root: Mapping[str, Part]) -> Mapping[str, Part]:
    """What holds for every step that says nothing else of it."""
    written = snake(root["defaults"].fields()) if "defaults" in root else {}
    for name in written.keys() - {*_DEFAULTED}:
        builder.note(written[name], "it is in the context, and added to no step here")
    return {name: part for name, part in written.items() if name in _DEFAULTED}


def _execution(builder: Builder, root: Mapping[str, Part]) -> str:
    """Whether it is a chain or a graph; where it is not said, versions of Dagu differ."""
    steps = root["steps"]
    if "type" not in root:
        is_graph = _is_graph(steps)
        several = {"a list": Part.items, "an object": Part.fields}.get(steps.kind)
        if several is not None and len(several(steps)) > 1:
            taken = (
                "taken as a graph, in which a step waits for what it `depends` on alone"
                if is_graph
                else "no step `depends`: taken as a chain, one after the other"
            )
            builder.note(steps, f"there is no `type`: {taken}")
        return "graph" if is_graph else "chain"
    kind = root["type"].text("`graph` or `chain`")
    if kind not in ("graph", "chain", None):
        root["type"].fault(f"`type`: {kind!r} is run by a model's choice; expected graph or chain")
    return kind or "graph"


def _is_graph(steps: Part) -> bool:
    """Whether some step says what it waits for, or which others run."""
    if not any(each in bytes(steps.raw).lower() for each in (b'"depends"', b'"router')):
        return False  # most say neither
    each_step = (snake(step.fields()) for _, step in named_steps(steps))
    return any("depends" in fields or is_router(fields) for fields in each_step)


class _Steps:
    """Reads steps in their order; `before` is what all of them wait for."""

    def __init__(
        self,
        builder: Builder,
        execution: str,
        before: Sequence[str],
        defaults: Mapping[str, Part],
    ) -> None:
        self._builder = builder
        self._defaults = defaults
        self._execution = execution
        self._before = [*before]
        self._last: list[str] = []
        self._count = 0
        self._routes: dict[str, Route] = {}
        self._taken: set[bytes] = set()

    def read(self, steps: Part) -> None:
        """A list of steps, or a mapping of them by name."""
        self._routes = read_routes(self._builder, steps)
        self._taken = {*_NUMBERED.findall(bytes(steps.raw))}
        if steps.kind == "an object":
            for name, step in steps.fields().items():
                self._last = self._step(step, self._last, name)
            return
        for each in steps.items("a list of steps"):
            if each.kind == "a list":  # these side by side
                made = [self._step(step, self._last) for step in each.items()]
                self._last = [key for keys in made for key in keys]
            else:
                self._last = self._step(each, self._last)
        for target, route in self._routes.items():
            route.part.fault(f"`routes` names {target!r}, and there is no such step")

    def _route(self, key: str, fields: Mapping[str, Part]) -> Route | None:
        """The router that chooses a step, if one does; it is named by its id or its name."""
        also = text_in(fields, "name")
        return self._routes.pop(key, None) or self._routes.pop(also or key, None)

    def _step(self, step: Part, previous: Sequence[str], name: str | None = None) -> list[str]:
        """Make the nodes of a step; what stands behind it waits for those that are answered."""
        self._count += 1
        if step.kind == "a text":
            key = name or self._next_name()
            return self._nodes(step, key, self._defaults, {"run": step.raw}, previous)
        as_written = step.fields("a step: an object, or a command")
        fields = snake(as_written)
        own = fields.get("id") or fields.get("name")
        key = name or (None if own is None else own.text()) or self._next_name()
        also = text_in(fields, "name")
        if also and also != key:
            self._builder.groups.setdefault(also, [key])
        payload = {at: p.raw for at, p in as_written.items() if at not in _NOT_IN_PAYLOAD}
        asked = is_human_task(fields)  # which is neither tried again nor ended by a default
        default = {at: p for at, p in self._defaults.items() if not asked or at == "continue_on"}
        return self._nodes(step, key, {**default, **fields}, payload, previous)

    def _next_name(self) -> str:
        """What a step is called that has no name: by its number, or a later one that is free."""
        while b"step-%d" % self._count in self._taken:
            self._count += 1
        return f"step-{self._count}"

    def _nodes(
        self,
        step: Part,
        key: str,
        fields: Mapping[str, Part],
        payload: Mapping[str, Any],
        previous: Sequence[str],
    ) -> list[str]:
        builder = self._builder
        self._note(fields)
        needs = fields["depends"].texts("names of steps") if "depends" in fields else []
        if self._execution == "chain" and "depends" not in fields:
            needs = [*previous]
        if (route := self._route(key, fields)) is not None:
            needs = [*needs, route.router]
        needs = gate_of(builder, fields, key, needs or self._before, route)
        settings = self._settings(fields)
        if (asked := human_task(fields)) is not None:
            builder.add(
                step,
                key,
                needs,
                payload,
                settings=self._settings_of_question(fields, asked, settings),
            )
            return [key]
        items = items_of(builder, fields)
        if items is None:
            builder.add(step, key, needs, payload, settings=settings)
            return self._approval(fields, key, [key])
        keys = [f"{key}[{number}]" for number in range(len(items))]
        for each, item in zip(keys, items, strict=True):
            builder.add(step, each, needs, {**payload, "item": item.raw}, settings=settings)
        if not items:
            builder.note(fields["parallel"], f"{key}: there are no items, and so no nodes")
        builder.groups[key] = keys or needs
        return self._approval(fields, key, keys or needs)

    def _note(self, fields: Mapping[str, Part]) -> None:
        self._builder.note_each(fields, STEP_NOTES)
        for unknown in fields.keys() - {*STEP_NOTES, *IN_PAYLOAD}:
            self._builder.note(fields[unknown], UNKNOWN_IN_PAYLOAD)
        fault_misnamed(fields, "depends")
        if "foreach" in fields:
            fields["foreach"].fault(
                "`foreach` makes steps while it runs: write them out, or one step for all items"
            )

    def _settings_of_question(
        self, fields: Mapping[str, Part], ask: str, settings: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """What a step says of how it runs, where that is a question."""
        for name in ("retry_policy", "parallel", "approval"):
            if name in fields:
                self._builder.note(fields[name], "it is a question to a person: asked once")
        found: dict[str, Any] = {"gate": GateSpec(ask, settings.get("timeout_secs"))}
        found.update({name: each for name, each in settings.items() if name == "on_failure"})
        return found

    def _approval(self, fields: Mapping[str, Part], key: str, made: list[str]) -> list[str]:
        """Somebody approves what a step has done: who waits for it waits for that."""
        if "approval" not in fields:
            return made
        part = fields["approval"]
        own = null_left_out(part.fields()) if part.kind == "an object" else {}
        ask = text_in(own, "prompt")
        gate = f"{key}: approval"
        self._builder.add_gate(part, gate, made, ask or f"May what {key} has done be used?")
        self._builder.groups[key] = [gate]
        return [gate]

    def _settings(self, fields: Mapping[str, Part]) -> Mapping[str, Any]:
        builder = self._builder
        found: dict[str, Any] = {}
        found.update(timeout(number(builder, fields.get("timeout_sec"), "a number of seconds")))
        if "retry_policy" in fields:
            found.update(self._retry(snake(fields["retry_policy"].fields())))
        if "continue_on" in fields and self._continues(fields["continue_on"]):
            found["on_failure"] = "continue"
        return found

    def _retry(self, policy: Mapping[str, Part]) -> Mapping[str, Any]:
        builder = self._builder
        limit = number(builder, policy.get("limit"), "a number of retries")
        pause = number(builder, policy.get("interval_sec"), "a number of seconds")
        longest = number(builder, policy.get("max_interval_sec"), "a number of seconds")
        backoff = policy.get("backoff")
        factor = 1.0
        if backoff is not None:
            doubled = backoff.kind in ("true", "false")
            factor = 2.0 if backoff.kind == "true" else 1.0
            factor = factor if doubled else number(builder, backoff, "a factor, or true") or 1.0
        for name in ("exit_code", "exit_codes"):
            if name in policy:
                builder.note(policy[name], "it is tried again whatever its exit code")
        return retry(limit or 0, pause, factor, longest)

    def _continues(self, part: Part) -> bool:
        """Whether what stands behind a step runs although it failed."""
        if part.kind == "a text":
            continues = part.text() in ("failed", "failure")
            if not continues:
                self._builder.note(part, _ONLY_FAILURE)
            return continues
        fields = snake(part.fields("an object such as {failure: true}"))
        for name in ("skipped", "exit_code", "output", "mark_success"):
            if name in fields and fields[name].kind != "false":
                self._builder.note(fields[name], _ONLY_FAILURE)
        failure = fields.get("failure", fields.get("failed"))
        return failure is not None and failure.truth()
