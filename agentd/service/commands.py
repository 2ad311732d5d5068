"""The programs that a service is asked about and told with: systemctl, launchctl, and so on.

The rule this file keeps: each is run without a shell, without anybody to type into it, and ends
within a while; what it says is text.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_LONGEST_SECONDS = 120.0

NOT_THERE = 127
"""The exit code of a program that is not on this machine, as a shell has it."""

_LATE = 124


class Ended(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        """Whether it did what it was asked to."""
        return self.code == 0

    @property
    def reason(self) -> str:
        """The first line of what it complained with, or its exit code."""
        lines = [line.strip() for line in f"{self.err}\n{self.out}".split("\n") if line.strip()]
        return lines[0] if lines else f"exit code {self.code}"


def run(words: Sequence[str], environment: Mapping[str, str]) -> Ended:
    """Run a command to its end."""
    try:
        ended = subprocess.run(  # noqa: S603 - no shell, and the words are ours
            words,
            env=dict(environment),
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LONGEST_SECONDS,
            check=False,
        )
    except (FileNotFoundError, PermissionError) as error:
        return Ended(NOT_THERE, "", f"{words[0]}: {error.strerror}")
    except subprocess.TimeoutExpired:
        return Ended(_LATE, "", f"{words[0]} has not ended in {_LONGEST_SECONDS:g} s")
    said = (text.decode(errors="replace") for text in (ended.stdout, ended.stderr))
    return Ended(ended.returncode, *said)


def bus_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment in which the user's manager is found, also over `su` and from cron."""
    found = dict(environment)
    runtime = Path(f"/run/user/{os.getuid()}")
    if "XDG_RUNTIME_DIR" not in found and runtime.is_dir():
        found["XDG_RUNTIME_DIR"] = str(runtime)
    return found
