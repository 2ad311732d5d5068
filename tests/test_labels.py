"""Labels: who may have which node, and in which order; each engine runs the suite."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd.errors import InvalidParams
from tests.core import STORES, Core, spec, uid


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    store = STORES[request.param](tmp_path)
    yield Core(store)
    store.close()


def acquire(core: Core, *labels: str, **params: Any) -> str | None:
    """The id of the node that is handed out to who offers these labels."""
    found = core.do("AcquireNextNode", labels=labels, **params)
    return None if found is None else str(found["node_id"])


def test_a_worker_offers_all_that_a_node_requires(core: Core) -> None:
    """It may offer more; who offers less gets another node."""
    core.register(spec(1, requires=["gpu", "linux"]), spec(2, requires=["linux"]), spec(3))
    assert acquire(core, "linux", "Linux") == uid(2)
    assert acquire(core, "gpu") == uid(3)
    assert acquire(core, "linux") is None
    assert acquire(core, "mac", "linux", "gpu", "gpu") == uid(1)


def test_labels_are_case_sensitive(core: Core) -> None:
    """`GPU` is another one."""
    core.register(spec(1, requires=["GPU"]))
    assert acquire(core, "gpu") is None
    assert acquire(core, "GPU") == uid(1)


def test_the_order_goes_over_all_that_a_worker_can_take(core: Core) -> None:
    """Priority, then registration, whatever is required: of one task, of all, of mixed sets."""
    one = core.register(
        spec(1, requires=["a"]),
        spec(2, requires=["b"], priority=1),
        spec(3),
        spec(4, requires=["a", "b"]),
    )
    core.register(spec(5, requires=["a"], priority=1), spec(6))
    assert acquire(core, "a", task_id=one) == uid(1)
    order = [acquire(core, "a", "b") for _ in range(5)]
    assert order == [uid(2), uid(5), uid(3), uid(4), uid(6)]


def test_of_nodes_registered_together_the_first_comes_first(core: Core) -> None:
    """Though they require different labels."""
    task_id = core.register(*(spec(n, requires=[f"l{n % 3}"]) for n in range(1, 9)))
    order = [acquire(core, "l0", "l1", "l2", task_id=task_id) for _ in range(8)]
    assert order == [uid(n) for n in range(1, 9)]


def test_a_node_that_is_wanted_is_taken_by_hand(core: Core) -> None:
    """Whoever names it need not offer what it requires."""
    task_id = core.register(spec(1, requires=["gpu"]))
    assert acquire(core, task_id=task_id) is None
    assert acquire(core, task_id=task_id, node_id=uid(1)) == uid(1)


def test_a_list_of_tasks_goes_by_no_labels(core: Core) -> None:
    """`runnable`: who offers none would get a node."""
    labelled = core.register(spec(1, requires=["gpu"]))
    plain = core.register(spec(2, requires=["gpu"]), spec(3))
    runnable = core.do("ListTasks", runnable=True)["tasks"]
    assert [task["id"] for task in runnable] == [plain]
    tasks = {task["id"]: task["runnable"] for task in core.do("ListTasks")["tasks"]}
    assert tasks == {labelled: False, plain: True}


def test_node_defaults(core: Core) -> None:
    """A node's own list replaces the task's whole, an empty one too."""
    defaults = {"requires": ["gpu"], "limits": ["net"]}
    made = core.do(
        "RegisterTask",
        goal="g",
        node_defaults=defaults,
        initial_nodes=[spec(1), spec(2, requires=[]), spec(3, requires=["mac"], limits=["a", "a"])],
    )
    nodes = core.do("TaskStatus", task_id=made["task_id"])["nodes"]
    assert [(node.get("requires"), node.get("limits")) for node in nodes] == [
        (["gpu"], ["net"]),
        ([], ["net"]),
        (["mac"], ["a"]),
    ]


def test_repeats_and_contexts_show_what_was_registered(core: Core) -> None:
    """A view says what is required, where it was set."""
    task_id = core.register(spec(1, requires=["gpu"], limits=["net"]), spec(2))
    held = core.do("AcquireNextNode", task_id=task_id, labels=["gpu"])
    shown = held["context"]["node"]
    assert (shown["requires"], shown["limits"], shown["blocked_by"]) == (["gpu"], ["net"], [])
    assert "requires" not in core.node(task_id, uid(2))


@pytest.mark.parametrize(
    ("node", "field"),
    [
        ({"requires": ["x" * 257]}, "requires"),
        ({"requires": [""]}, "requires"),
        ({"requires": "gpu"}, "requires"),
        ({"limits": [str(n) for n in range(65)]}, "limits"),
    ],
)
def test_what_is_no_label(core: Core, node: dict[str, Any], field: str) -> None:
    """1 to 256 characters, at most 64."""
    with pytest.raises(InvalidParams) as refusal:
        core.register(spec(1, **node))
    assert field in refusal.value.message
