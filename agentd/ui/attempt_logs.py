"""What commands wrote while they worked on a node, where it is kept on this machine.

The rule this file keeps: the files are this machine's, so what is not here is no failure; what is
shown is the end of it, and the whole has an address of its own.
"""

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from agentd import config
from agentd.results.attempt_files import DIRECTORY, STREAMS, AttemptFiles, Stream, kept_attempts
from agentd.results.kept_stream import read_stream
from agentd.text import printable

_SHOWN = 32 * 1024
"""Bytes of the end that are shown."""


class Log(Struct):
    """One stream of an attempt; `text` is its end."""

    stream: Stream
    text: str
    bytes: int
    is_cut: bool


def logs_of(task_id: str, node_id: str, attempt: int) -> list[Log]:
    """The streams of which something is kept. Raises `OSError`."""
    if not has_log(task_id, node_id, attempt):
        return []
    logs = (_log(task_id, node_id, attempt, stream) for stream in STREAMS)
    return [log for log in logs if log.bytes]


def has_log(task_id: str, node_id: str, attempt: int) -> bool:
    """Whether anything is kept of that attempt. Raises `OSError`."""
    return attempt in kept_attempts(_results(), task_id, node_id)


def whole_log(task_id: str, node_id: str, attempt: int, stream: Stream) -> Iterator[bytes]:
    """All that is kept of it; what made room is told where it was. Raises `OSError`."""
    path = AttemptFiles(_results(), task_id, node_id, attempt).log(stream)
    end = 0
    for piece in read_stream(path):
        if piece.start > end:
            yield f"\n[{piece.start - end:,} bytes are left out here]\n".encode()
        yield piece.content
        end = piece.end


def _log(task_id: str, node_id: str, attempt: int, stream: Stream) -> Log:
    content = b"".join(whole_log(task_id, node_id, attempt, stream))
    shown = content[-_SHOWN:].decode(errors="replace")
    lines = "\n".join(printable(line) for line in shown.replace("\r\n", "\n").split("\n"))
    return Log(stream, lines, len(content), is_cut=len(content) > _SHOWN)


def _results() -> Path:
    return config.load().home / DIRECTORY
