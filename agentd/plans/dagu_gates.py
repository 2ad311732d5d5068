"""What a Dagu workflow asks before it goes on: conditions, routes, and questions to people.

The rule this file keeps: agentd works nothing out: a condition is asked as it was written.
"""

from collections.abc import Iterator, Mapping, Sequence

from agentd.plans.builder import Builder
from agentd.plans.dagu_routes import Route
from agentd.plans.part import Part, fields_in, null_left_out


def _conditions(part: Part) -> Iterator[str]:
    for each in part.one_or_more("a condition, or a list of them"):
        if each.kind == "a text":
            yield each.text() or ""
            continue
        fields = null_left_out(each.fields("a condition: a text, or {condition, expected}"))
        condition = fields.get("condition", fields.get("command"))
        if condition is None:
            each.fault("`condition` is missing")
            continue
        told = condition.text() or ""
        if "expected" in fields:
            told += f" is {fields['expected'].visible_text()}"
        if "negate" in fields and fields["negate"].truth():
            told = f"not: {told}"
        yield told


def gate_of(
    builder: Builder,
    fields: Mapping[str, Part],
    who: str,
    needs: Sequence[str],
    route: Route | None = None,
) -> list[str]:
    """The gate that a step's `preconditions` and its route are: what it waits for, now."""
    part = fields.get("preconditions")
    conditions = [] if part is None else [each for each in _conditions(part) if each.strip()]
    if route is not None:
        conditions.insert(0, route.condition)
        part = part or route.part
    if part is None or not conditions:
        return [*needs]
    ask = f"{who} runs only if this holds: {'; and '.join(conditions)}"
    return [builder.add_gate(part, f"{who}: preconditions", needs, ask)]


def is_human_task(fields: Mapping[str, Part]) -> bool:
    """Whether a step is a question to a person, and nothing else."""
    action = fields.get("action")
    return action is not None and action.kind == "a text" and action.text() == "human.task"


def human_task(fields: Mapping[str, Part]) -> str | None:
    """What a person is asked, where a step is that and nothing else."""
    if not is_human_task(fields):
        return None
    action = fields["action"]
    within = fields_in(fields, "with")
    if "prompt" not in within:
        action.fault("`with.prompt` is missing: what is somebody asked?")
        return ""
    return within["prompt"].text() or ""
