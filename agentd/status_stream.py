"""TaskStatus in pieces: a task of any size is answered in little memory, a bit at a time.

The rule this file keeps: an answer is the task at one moment. What changes is read at that moment
and kept packed; what the journal has never changes, so it is read when it is its turn.
"""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import asdict, astuple

from agentd.api import CauseKind, TaskStatusParams, TaskStatusResult
from agentd.projections import NodeRow
from agentd.queries import NodeStatus, read_status, require_state_row, view_of
from agentd.store import Reader

PIECE_BYTES = 256 * 1024
"""A piece ends with the node that makes it so large."""

_ROWS_IN_A_PACK = 256
"""Rows that are packed together, and unpacked."""

NODE_BYTES = 340
"""What a packed row takes at most, for an owner whose name is not long."""

_json = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(
    list[tuple[tuple[Any, ...], dict[str, Any], list[CauseKind]]]
).decode


class TaskStatusStream:
    """The answer to one TaskStatus. `size` is what it holds, in bytes."""

    def __init__(self, reader: Reader, params: TaskStatusParams, now: int) -> None:
        """The task at this moment (Unix milliseconds). Raises `TaskNotFound`."""
        status, nodes = read_status(reader, params, now)
        self._packed: deque[bytes] = deque()
        while group := list(islice(nodes, _ROWS_IN_A_PACK)):
            self._packed.append(_pack([(astuple(node.row), *node[1:]) for node in group]))
        self._before, self._end = _around_nodes(status, has_nodes=params.has("nodes"))
        self._remaining = self._unpack_rows()
        self.size = sum(map(len, self._packed))
        self.done = False

    @staticmethod
    def count(reader: Reader, params: TaskStatusParams) -> int:
        """How many nodes are asked for; to know that costs little. Raises `TaskNotFound`."""
        row = require_state_row(reader, params.task_id)
        if not params.has("nodes"):
            return 0
        return row.nodes if params.limit is None else min(row.nodes, params.limit)

    def piece(self, reader: Reader) -> bytes:
        """The next piece of the JSON; after the last one it is `done`."""
        parts, size = [], 0
        for node in self._remaining:
            encoded = _json(view_of(reader, node))
            parts += [self._before, encoded]
            self._before = b","
            size += len(encoded)
            if size >= PIECE_BYTES:
                return b"".join(parts)
        self.done = True
        ending = self._end if self._before == b"," else self._before + self._end
        return b"".join([*parts, ending])

    def _unpack_rows(self) -> Iterator[NodeStatus]:
        while self._packed:
            group = self._packed.popleft()
            self.size -= len(group)
            for values, usage, blocked_by in _unpack(group):
                yield NodeStatus(NodeRow(*values), usage, blocked_by)


def _around_nodes(status: TaskStatusResult, *, has_nodes: bool) -> tuple[bytes, bytes]:
    """The JSON before the first node, and behind the last one."""
    parts: list[list[bytes]] = [[], []]
    names = iter(asdict(status).items())
    for part in parts:
        for name, value in names:
            if name == "nodes":
                break
            if value is not UNSET:
                part.append(b'"%b":%b' % (name.encode(), _json(value)))
    before, behind = (b",".join(part) for part in parts)
    if not has_nodes:
        return b"{" + b",".join(filter(None, (before, behind))), b"}"
    return b'{%b,"nodes":[' % before, b"],%b}" % behind
