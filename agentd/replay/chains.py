"""The hash chains of tasks: a record that was changed, removed or put in shows."""

from collections.abc import Callable, Iterator

from agentd.journal import GENESIS, Head, Recorded, chain_hash
from agentd.replay.difference import Difference


class Chains:
    """The hash chains of all tasks, as far as they were followed."""

    def __init__(self, head_of: Callable[[str], Head] = lambda _task_id: GENESIS) -> None:
        """`head_of` says where the chain of a task ends that was not followed yet."""
        self._head_of = head_of
        self._heads: dict[str, Head | None] = {}

    def follow(self, recorded: Recorded) -> Iterator[Difference]:
        """Say where the record is not the next of its task's chain."""
        task_id = recorded.task_id
        head = self._heads[task_id] if task_id in self._heads else self._head_of(task_id)
        self._heads[task_id] = Head(recorded.version, recorded.hash)
        if head is None:
            return
        where = f"seq {recorded.seq} (task {task_id}, {recorded.kind})"
        if recorded.version != head.version + 1:
            number = head.version + 1
            yield Difference(where, f"is event {recorded.version} of its task, expected {number}")
        if chain_hash(head.hash, recorded) != recorded.hash:
            yield Difference(where, "the hash chain breaks: it or the event before it was changed")

    def lose(self, task_id: str) -> None:
        """What follows in the task has nothing to be held against."""
        self._heads[task_id] = None
