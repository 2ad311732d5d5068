"""What a command wrote while it worked on a node, as lines.

The rule this file keeps: the files are this machine's, so what is not here may be elsewhere; and
only the end of what is long is shown.
"""

from pathlib import Path

from agentd.results.attempt_files import DIRECTORY, STREAMS, AttemptFiles, kept_attempts
from agentd.results.kept_stream import read_stream
from agentd.text import printable

_MOST_BYTES = 256 * 1024
"""Of each stream: its end."""

_LONGEST = 2_000
"""Characters of a line."""


def log_lines(home: Path, task_id: str, node_id: str) -> tuple[str, list[str]]:
    """The newest attempt of which something is kept: a heading, and what was written.

    Raises `OSError`.
    """
    results = home / DIRECTORY
    kept = kept_attempts(results, task_id, node_id)
    if not kept:
        told = [
            f"Nothing that was written for this node is kept in {printable(results)}.",
            "",
            "`agentd work` with this AGENTD_HOME on this machine keeps what its commands write,",
            "until room is made (AGENTD_LOG_BYTES). A worker in Python, or by hand, keeps nothing.",
        ]
        return "log", told
    files = AttemptFiles(results, task_id, node_id, kept[-1])
    lines: list[str] = []
    for stream in STREAMS:
        if written := _end_of(files.log(stream)):
            lines += [f"--- {stream} ---", *written, ""]
    return f"log of attempt {kept[-1]}", lines or ["It has written nothing yet."]


def _end_of(path: Path) -> list[str]:
    """The last lines of a stream; the first says what is left out."""
    content, missing, end = b"", 0, 0
    for piece in read_stream(path):
        missing += piece.start - end
        content, end = content + piece.content, piece.end
    if (more := len(content) - _MOST_BYTES) > 0:
        content, missing = content[more:], missing + more
    if not content:
        return []
    told = [f"[{missing:,} bytes are left out here]"] if missing else []
    lines = content.decode(errors="replace").rstrip("\n").split("\n")
    return [*told, *map(_line, lines)]


def _line(line: str) -> str:
    shown = line.rstrip("\r")[:_LONGEST]
    return "\t".join(map(printable, shown.split("\t"))).expandtabs()
