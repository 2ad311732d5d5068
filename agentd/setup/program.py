"""Which program a harness is to run as agentd, for months to come.

The rule this file keeps: an absolute path that stays, as the user's shell found it. What a cache or
a temporary folder holds is refused: it is gone one day, and then every hook fails.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from agentd.own_program import own_program, temporary_place
from agentd.setup.refusal import CannotSetUp
from agentd.setup.wanted import is_agentd

_SAY = "install agentd (docs/install.md), or name a program that stays with --program PATH"


def stable_program(given: str | None, environment: Mapping[str, str]) -> str:
    """The path of agentd: as `given`, or as this one was started. Raises `CannotSetUp`."""
    if given is not None:
        return _check_program(Path(given).expanduser().absolute())
    program = own_program()
    if program is None:
        raise CannotSetUp(f"cannot tell which program this agentd is: {_SAY}")
    if (where := temporary_place(program, environment)) is not None:
        raise CannotSetUp(f"this agentd, {program}, is in a temporary place ({where}): {_SAY}")
    return _check_program(program)


def _check_program(program: Path) -> str:
    if not is_agentd(program.name):
        raise CannotSetUp(f"{program}: the name of the program has to begin with `agentd`")
    if not (program.is_file() and os.access(program, os.X_OK)):
        raise CannotSetUp(f"{program} is no program that can be run: check the path and its mode")
    path = str(program)
    if not path.isprintable():
        raise CannotSetUp(f"{path!r} has characters that settings cannot hold: use another path")
    return path
