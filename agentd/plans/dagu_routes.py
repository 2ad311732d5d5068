"""The routers of a Dagu workflow: steps that choose, by a value, which others run.

The rule this file keeps: a step that a router may choose waits for that one, and for a person who
says whether it is chosen.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from agentd.plans.builder import Builder
from agentd.plans.part import Part, null_left_out


class Route(NamedTuple):
    """Where a step is named, by which router, and under what condition it runs."""

    part: Part
    router: str
    condition: str


def read_routes(builder: Builder, steps: Part) -> dict[str, Route]:
    """By the names of the steps that are chosen."""
    found: dict[str, Route] = {}
    if b'"router' not in bytes(steps.raw):
        return found
    for name, step in named_steps(steps):
        fields = null_left_out(step.fields())
        if not is_router(fields):
            continue
        within = null_left_out(fields["with"].fields()) if "with" in fields else fields
        own = fields.get("id", fields.get("name"))
        key = name or (None if own is None else own.text())
        if key is None or "value" not in within or "routes" not in within:
            step.fault("a router needs a name, a `value` and its `routes`")
            continue
        told = "what waits for a step that is not chosen runs there, and does not here"
        builder.note(within["routes"], told)
        value = within["value"].text() or ""
        for pattern, targets in within["routes"].fields("an object of steps, by pattern").items():
            for target in targets.texts("names of steps"):
                if target in found:
                    targets.fault(f"{target!r} is named by more than one route")
                found[target] = Route(targets, key, f"{value} is {pattern}")
    return found


def is_router(fields: Mapping[str, Part]) -> bool:
    """Whether a step chooses which others run."""
    action = fields.get("action", fields.get("type"))
    return action is not None and action.text() in ("router.route", "router")


def named_steps(steps: Part) -> Iterator[tuple[str | None, Part]]:
    """All steps that are objects, those of a mapping with their names."""
    if steps.kind == "an object":
        named = steps.fields().items()
        yield from ((name, each) for name, each in named if each.kind == "an object")
        return
    for each in steps.items() if steps.kind == "a list" else ():
        together = each.items() if each.kind == "a list" else [each]
        yield from ((None, step) for step in together if step.kind == "an object")
