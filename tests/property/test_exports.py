"""A task that is exported, imported and exported again is the same task."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from agentd.api import TaskEventsResult, TaskStatusResult
from agentd.plans.pieces import pieces_of
from agentd.plans.reading import read_plan
from agentd.plans.writing import Written, write_agentd, write_json, write_markdown
from agentd.store.memory import MemoryStore
from tests.core import Core
from tests.property.strategies import JSON

NAMES = st.text("abc é\u202e\u05d0`*[]", min_size=1, max_size=6).filter(str.strip)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "priority": st.integers(-100, 100),
        "retry": st.fixed_dictionaries({"max_attempts": st.integers(1, 9)}),
        "lease_secs": st.integers(1, 99),
        "timeout_secs": st.integers(1, 99),
        "on_failure": st.sampled_from(["block", "continue"]),
        "requires": st.lists(st.sampled_from("ab"), unique=True),
        "limits": st.lists(st.sampled_from("ab"), unique=True),
        "locks": st.lists(st.sampled_from(["x", "file:/a"]), unique=True),
    },
)
GATE = st.fixed_dictionaries({"ask": st.text(max_size=5)}, optional={"timeout_secs": st.just(9)})
GATES = st.fixed_dictionaries({"gate": GATE})
ENDS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {"status": st.sampled_from(["COMPLETED", "FAILED"]), "result_payload": JSON},
        optional={"ended_at": st.integers(0, 10**9)},
    ),
)
MOMENT = st.integers(0, 10**9)


@st.composite
def tasks(draw: st.DrawFn) -> dict[str, Any]:
    """The params of an ImportTask: any graph, any states, notes on any of its nodes."""
    names = draw(st.lists(NAMES, unique=True, max_size=6))
    nodes = []
    for place, name in enumerate(names):
        needs = st.lists(st.sampled_from(names[:place]), unique=True) if place else st.just([])
        node = {"name": name, "payload_schema": draw(JSON), "dependencies": draw(needs)}
        nodes.append({**node, **draw(SETTINGS | GATES), **draw(ENDS)})
    note = st.fixed_dictionaries(
        {"node_id": st.sampled_from(names or ["-"]), "payload": JSON, "timestamp": MOMENT},
        optional={"action_type": st.text(max_size=5)},
    )
    return {
        "goal": draw(st.text(max_size=8)),
        "context": draw(JSON),
        "created_at": draw(MOMENT),
        "paused": draw(st.booleans()),
        "labels": draw(st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy"))),
        "budget": draw(st.none() | st.dictionaries(st.just("usd"), st.integers(0, 9), min_size=1)),
        "nodes": draw(st.permutations(nodes)),
        "events": draw(st.lists(note, max_size=4)) if names else [],
    }


def written(core: Core, task_id: str) -> Written:
    """The task, as it is to be written."""
    asked = msgspec.json.encode({"task_id": task_id})
    status = msgspec.json.decode(core.encoded("TaskStatus", asked), type=TaskStatusResult)
    asked = msgspec.json.encode({"task_id": task_id, "after": 0, "limit": 1_000})
    events = msgspec.json.decode(core.encoded("TaskEvents", asked), type=TaskEventsResult)
    return Written(status, {}, {}, events.events)


def without_ids(exported: bytes) -> list[Any]:
    """What an export says, each node called by its place: ids are new ones in each task."""
    lines: list[Mapping[str, Any]] = [json.loads(line) for line in exported.splitlines()]
    ids = [line["node"]["id"] for line in lines if "node" in line]
    text = exported.decode()
    for place, node_id in enumerate(ids):
        text = text.replace(node_id, f"#{place}")
    found = [json.loads(line) for line in text.split("\n") if line]
    for name in ("task_id", "imported_from"):
        found[0].pop(name)
    return found


@given(tasks())
def test_an_export_is_taken_back_as_it_was(params: dict[str, Any]) -> None:
    """Plan, states, results, notes and their times; and every form can be written."""
    core = Core(MemoryStore())
    first = core.do("ImportTask", source="first", **params)["task_id"]
    task = written(core, first)
    exported = b"".join(write_agentd(task))
    if not params["nodes"]:
        return
    plan = read_plan(exported, "exported")
    assert (plan.form, plan.own_id) == ("agentd", first)
    (piece,) = pieces_of(plan, "second")
    encoded = msgspec.json.decode(msgspec.json.encode(piece))
    settings = json.loads(msgspec.json.encode(plan.settings))
    again = core.do(
        "ImportTask",
        source="second",
        goal=plan.goal,
        context=json.loads(bytes(plan.context)),
        **settings,
        nodes=encoded[0],
        events=encoded[1],
    )
    second = b"".join(write_agentd(written(core, again["task_id"])))
    assert without_ids(second) == without_ids(exported)
    assert len(json.loads(write_json(task))["nodes"]) == len(params["nodes"])
    boxes = [line for line in write_markdown(task) if line.startswith(("- [ ] ", "- [x] "))]
    assert len(boxes) == len(params["nodes"])
