"""TaskStatus in parts, and ListTasks by what one looks for; each engine runs the suite."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd.errors import InvalidParams
from tests.core import NOW, STORES, Core, spec, uid

SECONDS = NOW / 1000


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    store = STORES[request.param](tmp_path)
    yield Core(store)
    store.close()


def ids(core: Core, **params: Any) -> list[str]:
    """The ids on one page, which is the last."""
    page = core.do("ListTasks", **params)
    assert page["next"] is None
    return [task["id"] for task in page["tasks"]]


def pages(core: Core, **params: Any) -> list[list[str]]:
    """The ids on every page."""
    found, before = [], None
    while True:
        page = core.do("ListTasks", before=before, **params)
        found.append([task["id"] for task in page["tasks"]])
        if (before := page["next"]) is None:
            return found


def register(core: Core, *nodes: dict[str, Any], **more: Any) -> str:
    """The id of a new task, a second later than the one before."""
    made = core.do("RegisterTask", **{"goal": "g", "initial_nodes": nodes, **more})
    core.now += 1_000
    return str(made["task_id"])


# TaskStatus


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        (None, {"counts", "nodes", "usage", "budget", "next"}),
        ([], set()),
        (["counts"], {"counts"}),
        (["usage"], {"usage", "budget"}),
        (["nodes"], {"nodes", "next"}),
        (["usage", "counts"], {"counts", "usage", "budget"}),
    ],
)
def test_only_what_is_asked_for(core: Core, fields: list[str] | None, shown: set[str]) -> None:
    """With the task and its state, which are always there."""
    status = core.do("TaskStatus", task_id=core.register(spec(1)), fields=fields)
    assert set(status) == {"task", "state"} | shown


def test_a_field_that_is_none(core: Core) -> None:
    """It is refused by its name."""
    with pytest.raises(InvalidParams, match=r"\$\.fields"):
        core.do("TaskStatus", task_id=core.register(), fields=["node"])


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 1000])
def test_pages_of_nodes(core: Core, limit: int) -> None:
    """Every node is on one page, in order; `next` is null on the last."""
    task_id = core.register(*(spec(number) for number in range(1, 8)))
    found, after = [], None
    while True:
        page = core.do("TaskStatus", task_id=task_id, limit=limit, after=after)
        assert page["counts"] == {"PENDING": 7}
        found.append([node["id"] for node in page["nodes"]])
        if (after := page["next"]) is None:
            break
    assert [node for nodes in found for node in nodes] == [uid(number) for number in range(1, 8)]
    assert all(len(nodes) == limit for nodes in found[:-1])
    assert found[-1]


@pytest.mark.parametrize("params", [{"limit": 0}, {"limit": 1001}, {"after": -1}, {"after": "1"}])
def test_a_page_that_cannot_be(core: Core, params: dict[str, Any]) -> None:
    """It is refused by the name of what is wrong."""
    [field] = params
    with pytest.raises(InvalidParams, match=rf"\$\.{field}"):
        core.do("TaskStatus", task_id=uid(1), **params)


# ListTasks


def test_tasks_by_state(core: Core) -> None:
    """Each state has its tasks, and a task is in one of them."""
    found = {
        "ACTIVE": register(core, spec(1)),
        "PAUSED": register(core, spec(2), paused=True),
        "COMPLETED": register(core, spec(3)),
        "FAILED": register(core, spec(4), spec(5, 4)),
        "CANCELLED": register(core, spec(6)),
    }
    core.do("CompleteNode", **core.hold(found["COMPLETED"]).params)
    core.do("FailNode", **core.hold(found["FAILED"]).params)
    core.do("CancelTask", task_id=found["CANCELLED"])
    for state, task_id in found.items():
        assert ids(core, state=state) == [task_id]
        assert core.do("TaskStatus", task_id=task_id)["state"] == state
    with pytest.raises(InvalidParams, match=r"\$\.state"):
        core.do("ListTasks", state="active")


def test_a_task_is_active_while_something_is_ready(core: Core) -> None:
    """Where one node has failed, as long as another may run."""
    task_id = core.register(spec(1), spec(2), spec(3, 1))
    core.do("FailNode", **core.hold(task_id).params)
    assert ids(core, state="ACTIVE") == [task_id]
    held = core.hold(task_id)
    assert ids(core, state="ACTIVE") == [task_id]
    core.do("CompleteNode", **held.params)
    assert ids(core, state="FAILED") == [task_id]


def test_tasks_by_label(core: Core) -> None:
    """A task has to have all of the labels, whatever else it has."""
    both = register(core, labels={"team": "a", "kind": "x"})
    one = register(core, labels={"team": "a"})
    register(core)
    assert ids(core, label={"team": "a"}) == [one, both]
    assert ids(core, label={"kind": "x", "team": "a"}) == [both]
    assert ids(core, label={"team": "A"}) == []
    assert len(ids(core, label={})) == 3


def test_tasks_by_parent(core: Core) -> None:
    """The children of a task, and not theirs."""
    root = register(core)
    first, second = (register(core, spec(n), parent_task_id=root) for n in (1, 2))
    register(core, parent_task_id=first)
    assert ids(core, parent_task_id=root) == [second, first]
    assert ids(core, parent_task_id=root, runnable=True) == [first, second]
    assert ids(core, parent_task_id=root, prefix=first) == [first]
    assert ids(core, parent_task_id=uid(9)) == []
    assert pages(core, parent_task_id=root, limit=1) == [[second], [first]]


def test_tasks_by_goal(core: Core) -> None:
    """In either case, in every language."""
    first = register(core, goal="Straße fegen")
    register(core, goal="other")
    assert ids(core, goal_contains="STRASSE") == [first]
    assert ids(core, goal_contains="e F") == [first]
    assert ids(core, goal_contains="%") == []


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [
        (None, None, [2, 1, 0]),
        (SECONDS, None, [2, 1, 0]),
        (SECONDS + 0.001, None, [2, 1]),
        (None, SECONDS + 1, [0]),
        ("2026-01-31T12:00:01.123Z", "2026-01-31T14:00:02.123+02:00", [1]),
        (SECONDS + 3, None, []),
    ],
)
def test_tasks_by_moment(core: Core, since: Any, until: Any, found: list[int]) -> None:
    """Registered at `since` or later, and before `until`."""
    tasks = [register(core) for _ in range(3)]
    assert ids(core, since=since, until=until) == [tasks[number] for number in found]


def test_filters_narrow_together_and_pages_keep_them(core: Core) -> None:
    """A task on any page is one that fits all that is asked for."""
    kept = [register(core, spec(n), goal=f"sweep {n}", labels={"a": "b"}) for n in range(1, 6)]
    for number in range(11, 15):
        register(core, spec(number), goal=f"sweep {number}")
        register(core, spec(number + 10), labels={"a": "b"})
    asked = {"goal_contains": "SWEEP", "label": {"a": "b"}, "state": "ACTIVE"}
    assert pages(core, limit=2, **asked) == [kept[:2:-1], kept[2:0:-1], kept[:1]]
    assert [t for page in pages(core, limit=2, runnable=True, **asked) for t in page] == kept


@pytest.mark.parametrize("runnable", [False, True])
def test_a_call_looks_at_so_many_tasks(
    core: Core, monkeypatch: pytest.MonkeyPatch, *, runnable: bool
) -> None:
    """A page may be short or empty; its `next` leads on to all that fit."""
    monkeypatch.setattr("agentd.queries.task_list.MOST_LOOKED_AT", 3)
    monkeypatch.setattr("agentd.queries.task_list._AT_ONCE", 2)
    rare = [register(core, spec(1), labels={"a": "b"})]
    for number in range(10, 18):
        register(core, spec(number))
    rare.append(register(core, spec(2), labels={"a": "b"}))
    found = pages(core, label={"a": "b"}, runnable=runnable)
    assert len(found) == 4
    assert [t for page in found for t in page] == (rare if runnable else rare[::-1])


def test_paused_tasks_are_looked_at_and_passed_by(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many of them there are before one that is runnable."""
    monkeypatch.setattr("agentd.queries.task_list.MOST_LOOKED_AT", 2)
    for number in range(10, 15):
        register(core, spec(number), paused=True)
    last = register(core, spec(1))
    found = pages(core, runnable=True)
    assert [t for page in found for t in page] == [last]
