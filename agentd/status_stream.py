"""TaskStatus in pieces: a task of any size is answered in little memory, a bit at a time.

The rule this file keeps: an answer is the task at one moment. What changes is read at that moment
and kept packed; what the journal has never changes, so it is read when it is its turn.
"""

from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice

import msgspec
from msgspec.structs import astuple

from agentd.api import TaskStatusParams
from agentd.errors import TaskNotFound
from agentd.events import STATUSES
from agentd.projections import COUNTS, CountsRow, NodeRow
from agentd.queries import node_view, task_row, task_view
from agentd.store import Reader

PIECE_BYTES = 256 * 1024
"""A piece ends with the node that makes it so large."""

_ROWS_IN_A_PACK = 256
"""Rows that are packed together, and unpacked."""

NODE_BYTES = 220
"""What a packed row takes at most, for an owner whose name is not long."""

_json = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[tuple[str | int | None, ...]]).decode


class TaskStatusStream:
    """The answer to one TaskStatus. `size` is what it holds, in bytes."""

    def __init__(self, reader: Reader, params: TaskStatusParams) -> None:
        """The task at this moment. Raises `TaskNotFound`."""
        row = task_row(reader, params.task_id)
        if row is None:
            raise TaskNotFound.of(params.task_id)
        self._packed: deque[bytes] = deque()
        found: Counter[str] = Counter()
        rows = reader.nodes(params.task_id)
        while group := list(islice(rows, _ROWS_IN_A_PACK)):
            found.update(node.status for node in group)
            self._packed.append(_pack([astuple(node) for node in group]))
        counts = {status: found[status] for status in STATUSES if found[status]}
        task = _json(task_view(reader, row))
        self._before = b'{"task":%b,"counts":%b,"nodes":[' % (task, _json(counts))
        self._remaining = self._unpack_rows()
        self.size = sum(map(len, self._packed))
        self.done = False

    @staticmethod
    def count(reader: Reader, params: TaskStatusParams) -> int:
        """How many nodes the task has; to know that costs little. Raises `TaskNotFound`."""
        counts: CountsRow | None = reader.get(COUNTS, (params.task_id,))
        if counts is None:
            raise TaskNotFound.of(params.task_id)
        return counts.pending + counts.running + counts.completed + counts.failed

    def piece(self, reader: Reader) -> bytes:
        """The next piece of the JSON; after the last one it is `done`."""
        parts, size = [], 0
        for node in self._remaining:
            encoded = _json(node_view(reader, node))
            parts += [self._before, encoded]
            self._before = b","
            size += len(encoded)
            if size >= PIECE_BYTES:
                return b"".join(parts)
        self.done = True
        ending = b"]}" if self._before == b"," else self._before + b"]}"
        return b"".join([*parts, ending])

    def _unpack_rows(self) -> Iterator[NodeRow]:
        while self._packed:
            group = self._packed.popleft()
            self.size -= len(group)
            for values in _unpack(group):
                yield NodeRow(*values)  # type: ignore[arg-type]
