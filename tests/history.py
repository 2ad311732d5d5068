"""A short life in which every kind of event happens, for tests that look back at it."""

from typing import Any

from tests.core import LEASE_MS, Core, spec, uid

TASK = uid(1_000_001)
"""The id that a new core gives to its first task."""

NOTED = 10
"""The seq of the only EventCommitted: no row depends on what it says."""

LAST = 16
"""The last seq."""


def play(core: Core) -> dict[int, Any]:
    """Live it; returns what TaskStatus said of `TASK` after some seqs."""
    seen: dict[int, Any] = {}

    def look() -> None:
        seen[len(core.journal())] = core.do("TaskStatus", task_id=TASK)

    core.register(spec(1), spec(2, 1), spec(3, 1, 2), spec(4))
    look()
    core.register(spec(11), goal="another")
    look()
    first, fourth = core.hold(TASK), core.hold(TASK)
    core.now += 1_000
    core.do("CommitEvent", **first.params, payload={"seen": [1.5, "é"]})
    look()
    core.do("HeartbeatNode", **first.params)
    look()
    core.do("CompleteNode", **first.params, result_payload="done")
    look()
    core.do("FailNode", **fourth.params, error_payload={"why": None})
    look()
    core.hold(TASK)
    core.now += LEASE_MS
    core.hold(TASK, "worker-2")
    look()
    return seen
