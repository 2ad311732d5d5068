"""Whatever stands in a plan of another tool: it is a plan, or a refusal with lines."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from agentd.documents.faults import BadDocument
from agentd.documents.yaml_form import parse_yaml_stream
from agentd.plans.checklist import read_checklist
from agentd.plans.pieces import pieces_of
from agentd.plans.plan import Plan
from agentd.plans.reading import FORMS, read_plan
from agentd.store.memory import MemoryStore
from tests.core import Core
from tests.plans import EXAMPLES
from tests.property.strategies import JSON

OWN_LINES = ("beads",)
STREAMS = ("argo", "dagu", "github", "tekton")


def documents() -> Iterator[tuple[str, list[Any]]]:
    """The examples but the checklist: the form, and what stands in the file."""
    for path in EXAMPLES:
        text = path.read_text(encoding="utf-8")
        form = {"tasks.json": "taskmaster"}.get(path.name, path.name.partition(".")[0])
        if form in OWN_LINES:
            yield form, [json.loads(line) for line in text.splitlines()]
        elif form in STREAMS:
            yield form, json.loads(parse_yaml_stream(text, path.name).json)
        elif form in FORMS:
            yield form, [json.loads(text)]


DOCUMENTS = dict(documents())


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a value: what holds it, and its key there."""
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


ODD: st.SearchStrategy[Any] = st.sampled_from(
    ["", "${{ x }}", "{{x}}", "a && !b", "always()", -1, 1e300, 10**30, [], {}, None, True]
)


@st.composite
def changed(draw: st.DrawFn) -> tuple[str, str]:
    """An example in which other values stand in up to three places; and its form."""
    form = draw(st.sampled_from([*DOCUMENTS]))
    whole = copy.deepcopy(DOCUMENTS[form])
    for _ in range(draw(st.integers(1, 3))):
        within, key = draw(st.sampled_from([*places(whole)]))
        value = draw(JSON | ODD | st.just(copy.deepcopy(within[key])))
        within[key] = [value] if draw(st.booleans()) else value
    begins = "---\n" if form in STREAMS else ""
    return form, "\n".join(f"{begins}{json.dumps(each)}" for each in whole)


def imported(plan: Plan) -> int:
    """How many nodes of it a daemon takes."""
    (piece,) = pieces_of(plan, "s")
    nodes, events = msgspec.json.decode(msgspec.json.encode(piece))
    core = Core(MemoryStore())
    made = core.do("ImportTask", goal=plan.goal, source="s", nodes=nodes, events=events)
    return len(made["node_ids"])


@given(changed())
def test_a_plan_or_a_refusal(given_plan: tuple[str, str]) -> None:
    """What is not refused here is refused by no daemon either."""
    form, text = given_plan
    try:
        plan = read_plan(text.encode(), "plan", form)
    except BadDocument as refusal:
        told = refusal.faults
        lines = [fault for fault in told if fault.startswith(("line ", "and "))]
    else:
        told = lines = []
        assert imported(plan) == len(plan.nodes) > 0
    assert lines == [*told]


@given(st.text("-*+1.[] x#\n>\t`a", max_size=60))
def test_any_text_as_a_checklist(text: str) -> None:
    """Every line with a box becomes a node at most once."""
    try:
        plan = read_checklist("plan", text)
    except BadDocument:
        return
    assert len({node.key for node in plan.nodes}) == len(plan.nodes) <= text.count("[")
