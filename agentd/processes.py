"""Who started a process, and which program stands behind those that only start others.

The rule this file keeps: where nobody can tell, nothing is said. A launcher (`sh -c`, `uvx`) stands
for the program that it was started by.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

_SHELL = re.compile(r"(?:.*/)?-?(?:ba|da|z|k|a|fi|tc|c)?sh(?:\s+-[a-z]+)*\s+-[a-z]*c\s", re.ASCII)
_LAUNCHER = re.compile(r"(?:\S*python\S*\s+)?(?:\S*/)?(?:uvx?|pipx|npx|env|nice|timeout)\s")
"""Programs that start another one and wait for it."""

_MOST_LAUNCHERS = 8
_PS_SECONDS = 5.0


class Process(NamedTuple):
    """Who started a process, and how it was called."""

    parent: int
    command: str


Look = Callable[[int], Process | None]


def look_up(pid: int, seconds: float = _PS_SECONDS) -> Process | None:
    """A process of this machine; None where there is none, or nobody may look.

    `seconds` is how long it may take where there is no /proc, as on macOS.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        # Behind the name, which is in brackets and may have brackets, and the state.
        return Process(int(stat.rpartition(")")[2].split()[1]), command.decode(errors="replace"))
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _ask_ps(pid, seconds)
    except (OSError, ValueError, IndexError):
        return None


def _ask_ps(pid: int, seconds: float) -> Process | None:
    import subprocess  # noqa: PLC0415 - where there is a /proc it is not needed

    try:
        told = subprocess.run(  # noqa: S603 - a number is all that varies
            ["/bin/ps", "-o", "ppid=,command=", "-p", str(pid)],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            check=False,
            timeout=seconds,
        ).stdout.split(maxsplit=1)
        return Process(int(told[0]), f"{told[1].strip()} ") if len(told) > 1 else None
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def launchers_above(parent: int, look: Look = look_up) -> list[tuple[int, int]]:
    """The launchers from that process up, each with who started it."""
    found: list[tuple[int, int]] = []
    while len(found) < _MOST_LAUNCHERS:
        process = look(parent)
        if process is None or process.parent <= 1 or not is_launcher(process.command):
            break
        found.append((parent, process.parent))
        parent = process.parent
    return found


def program_above(parent: int, look: Look = look_up) -> int:
    """The program that a process was started by, whose own parent that is."""
    above = launchers_above(parent, look)
    return above[-1][1] if above else parent


def is_launcher(command: str) -> bool:
    """Whether a process only starts another one and waits for it, as `sh -c` does."""
    return bool(_SHELL.match(command) or _LAUNCHER.match(command))


def is_sibling(pid: int, look: Look = look_up, own_parent: Callable[[], int] = os.getppid) -> bool:
    """Whether the program that started this process has started that one, too."""
    other = look(pid)
    if other is None or other.parent <= 1:
        return False
    program = program_above(own_parent(), look)
    return program > 1 and program_above(other.parent, look) == program
