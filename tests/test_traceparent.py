"""A plan may say which trace it belongs to, and whoever works on its nodes is told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agentd.api import is_traceparent
from agentd.errors import InvalidParams
from agentd.replay import check
from tests.core import STORES, Core, uid

TASKS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NODES = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"

hexadecimal = "0123456789abcdef"


def field(length: int) -> st.SearchStrategy[str]:
    return st.text(hexadecimal, min_size=length, max_size=length)


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    made = Core(STORES[request.param](tmp_path))
    yield made
    assert not [*check(made.store, lambda _seq: None)], "a replay gives other rows"
    made.store.close()


def context_of(core: Core, task_id: str, node: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The task and the node as whoever acquires the node sees them."""
    found = core.do("AcquireNextNode", task_id=task_id, node_id=node)["context"]
    return found["task"], found["node"]


def test_a_task_belongs_to_the_trace_of_its_planner(core: Core) -> None:
    """What RegisterTask is given is shown with the task, as it came; its nodes have none."""
    nodes = [{"name": "a"}]
    made = core.do("RegisterTask", goal="g", initial_nodes=nodes, traceparent=TASKS)
    shown = core.do("TaskStatus", task_id=made["task_id"])
    assert shown["task"]["traceparent"] == TASKS
    task, node = context_of(core, made["task_id"], "a")
    assert (task["traceparent"], node.get("traceparent")) == (TASKS, None)


def test_added_nodes_belong_to_the_trace_of_whoever_added_them(core: Core) -> None:
    """What AddNodes is given is shown with those nodes, after a change of their settings too."""
    made = core.do("RegisterTask", goal="g", initial_nodes=[{"name": "a"}], traceparent=TASKS)
    more = {"task_id": made["task_id"], "nodes": [{"name": "b"}], "traceparent": NODES}
    core.do("AddNodes", **more)
    core.do("UpdateNode", task_id=made["task_id"], node_id="b", priority=3)
    task, node = context_of(core, made["task_id"], "b")
    assert (task["traceparent"], node["traceparent"]) == (TASKS, NODES)


def test_where_nothing_is_said_nothing_is_shown(core: Core) -> None:
    """Null counts as left out, and no answer has a field more than it had before."""
    for said in ({}, {"traceparent": None}):
        made = core.do("RegisterTask", goal="g", initial_nodes=[{"name": "a"}], **said)
        core.do("AddNodes", task_id=made["task_id"], nodes=[{"name": "b"}], **said)
        for node in ("a", "b"):
            shown = context_of(core, made["task_id"], node)
            assert ["traceparent" in each for each in shown] == [False, False]


def test_a_fork_is_planned_by_whoever_forks(core: Core) -> None:
    """Neither the task's nor a node's goes along; what ForkTask is given is the new task's."""
    made = core.do("RegisterTask", goal="g", traceparent=TASKS)
    core.do("AddNodes", task_id=made["task_id"], nodes=[{"name": "b"}], traceparent=NODES)
    fork = core.do("ForkTask", task_id=made["task_id"])["task_id"]
    assert ["traceparent" in each for each in context_of(core, fork, "b")] == [False, False]
    of_own = core.do("ForkTask", task_id=made["task_id"], traceparent=NODES)["task_id"]
    task, node = context_of(core, of_own, "b")
    assert (task["traceparent"], node.get("traceparent")) == (NODES, None)


def test_a_repeat_in_another_span_is_a_repeat(core: Core) -> None:
    """Who tries again, in a new span or in none, gets the first answer under the request_id."""
    first = core.do("RegisterTask", goal="g", request_id=uid(1), traceparent=TASKS)
    for said in ({"traceparent": NODES}, {}):
        assert core.do("RegisterTask", goal="g", request_id=uid(1), **said) == first


@pytest.mark.parametrize("method", ["RegisterTask", "AddNodes", "ForkTask", "ImportTask"])
def test_what_is_no_traceparent_is_refused(core: Core, method: str) -> None:
    """The message has the value and an example, and nothing of the request happens."""
    task_id = core.do("RegisterTask", goal="g")["task_id"]
    params: dict[str, dict[str, Any]] = {
        "RegisterTask": {"goal": "g"},
        "AddNodes": {"task_id": task_id, "nodes": [{}]},
        "ForkTask": {"task_id": task_id},
        "ImportTask": {"goal": "g", "source": "s", "nodes": []},
    }
    before = core.journal()
    with pytest.raises(InvalidParams, match=r"`\$\.traceparent`: '00-xyz' is no .* 00-0af7"):
        core.do(method, **params[method], traceparent="00-xyz")
    assert core.journal() == before


@given(field(2), field(32), field(16), field(2))
@example("ff", "1" * 32, "1" * 16, "01")
@example("00", "0" * 32, "1" * 16, "01")
@example("00", "1" * 32, "0" * 16, "01")
def test_what_is_a_traceparent(version: str, trace: str, span: str, flags: str) -> None:
    """Four fields; neither id is all zeros, and version ff is none."""
    is_good = version != "ff" and int(trace, 16) > 0 and int(span, 16) > 0
    assert is_traceparent(f"{version}-{trace}-{span}-{flags}") == is_good


@given(st.text(max_size=60) | st.text(f"{hexadecimal}-", min_size=54, max_size=56))
@example(f"{TASKS}\n")
@example(TASKS.upper())
@example(f" {TASKS}")
@example(f"{TASKS}-00")
def test_what_is_not(text: str) -> None:
    """Anything else: capitals, spaces, more fields, a newline behind it."""
    parts = text.split("-")
    has_form = [len(part) for part in parts] == [2, 32, 16, 2]
    is_hexadecimal = set("".join(parts)) <= set(hexadecimal)
    if not (has_form and is_hexadecimal):
        assert not is_traceparent(text)
