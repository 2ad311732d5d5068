"""A daemon in its first moments: its program is being loaded, and it has no lock yet.

The rule this file keeps: only what the kernel shows of the processes is looked at. Where it shows
nothing in `/proc` (macOS), nobody can tell, and nothing is waited for.
"""

import os
import time

from agentd import config
from agentd.errors import BadSetting

_PROCESSES = "/proc"

_SERVE = "serve"
_STARTED_AT = 19
"""Which word of `/proc/PID/stat` behind the name says when it was started: proc(5)."""

_TICKS = os.sysconf("SC_CLK_TCK")
_LINE, _LONGEST = 1_024, 1_048_576
"""Bytes that are read of `stat`, and of an environment; room for more takes time to be made."""


def is_serve_young(path: str, seconds: float) -> bool:
    """Whether somebody has begun, in the last so many seconds, a daemon that will listen there."""
    try:
        found = [each for each in os.listdir(_PROCESSES) if each.isdigit()]  # noqa: PTH208 - quick
        since = time.clock_gettime(time.CLOCK_BOOTTIME) - seconds
    except (OSError, AttributeError):
        return False
    return any(_is_young_serve(f"{_PROCESSES}/{pid}", since, path) for pid in found)


def _is_young_serve(process: str, since: float, path: str) -> bool:
    """All processes are looked at, so this reads as little as it can."""
    try:
        return (
            _started_at(_read(f"{process}/stat", _LINE)) > since
            and is_serve(_words(f"{process}/cmdline"))
            and _socket_path(_words(f"{process}/environ")) == path
        )
    except OSError:  # it has ended, or is not shown
        return False


def is_serve(words: list[str]) -> bool:
    """Whether these words run the daemon: `agentd`, and `serve` or nothing behind it."""
    at = next((i for i, word in enumerate(words) if _is_agentd(word)), None)
    if at is None:
        return False
    is_program = at == 0 or "python" in words[0]
    return words[at + 1 :][:1] == [_SERVE] or (is_program and not words[at + 1 :])


def _is_agentd(word: str) -> bool:
    name = word.rpartition("/")[2]
    return name == "agentd" or (name.startswith("agentd") and name.endswith(".pyz"))


def _read(path: str, most: int) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, most)
    finally:
        os.close(file)


def _words(path: str) -> list[str]:
    return _read(path, _LONGEST).decode(errors="surrogateescape").split("\0")[:-1]


def _started_at(line: bytes) -> float:
    """Seconds after the machine's start, to the tick of its clock."""
    return int(line.rpartition(b")")[2].split()[_STARTED_AT]) / _TICKS


def _socket_path(variables: list[str]) -> str | None:
    """Where a process with this environment listens."""
    pairs = (each.partition("=") for each in variables)
    try:
        return str(config.load({name: value for name, _, value in pairs}).socket_path)
    except BadSetting:
        return None
