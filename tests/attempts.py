"""Steps of the tests of attempts: acquire by hand, and look at one node."""

from typing import Any

from tests.core import NOW, Core, Held, uid

SECONDS = NOW // 1000
AT = NOW / 1000


def acquire(core: Core, task_id: str, **params: Any) -> Any:
    return core.do("AcquireNextNode", task_id=task_id, lease_owner="w", **params)


def hold(core: Core, task_id: str, **params: Any) -> Held:
    acquired = acquire(core, task_id, **params)
    return Held(acquired["task_id"], acquired["node_id"], acquired["lease_id"])


def status(core: Core, task_id: str, node: str = uid(1)) -> Any:
    return core.do("NodeStatus", task_id=task_id, node_id=node)


def order(core: Core, task_id: str) -> list[str]:
    """The nodes in the order in which they are handed out."""
    found = []
    while (acquired := acquire(core, task_id)) is not None:
        found.append(acquired["name"] or acquired["node_id"])
    return found


RETRY = {"max_attempts": 3, "jitter": 0}
