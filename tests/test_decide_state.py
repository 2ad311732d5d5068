"""What a command decides about a task or a node that is not there."""

import pytest

from agentd.decide import NodeState, TaskState
from agentd.errors import NodeNotFound, TaskNotFound
from tests.given import NODE, TASK, given, held, node

NODE_COMMANDS = ["CommitEvent", "HeartbeatNode", "CompleteNode", "FailNode"]
TASK_COMMANDS = ["AcquireNextNode", "settle_due"]


@pytest.mark.parametrize("method", TASK_COMMANDS)
def test_an_unknown_task_is_refused(method: str) -> None:
    """A command on a task that is not there is refused with its id and a way on."""
    given(TaskState(TASK, 0, None)).when(method, task_id=TASK).refused(
        TaskNotFound, TASK, "register it"
    )


@pytest.mark.parametrize("method", NODE_COMMANDS)
def test_a_node_of_an_unknown_task_is_refused(method: str) -> None:
    """Of a task that is not there, the task is what is missing."""
    given(NodeState(TASK, 0, None, None)).when(method, **held()).refused(
        TaskNotFound, TASK, "register it"
    )


@pytest.mark.parametrize("method", NODE_COMMANDS)
def test_an_unknown_node_is_refused(method: str) -> None:
    """A node that the task does not have is refused with both ids and a way on."""
    given(node(None)).when(method, **held()).refused(NodeNotFound, TASK, NODE, "TaskStatus")
