"""Which program a service starts: an absolute path that is still there tomorrow.

The rule this file keeps: what a tool unpacked for one run, or what lies where files are cleared
away, is refused; `--program` says another.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import agentd
from agentd.errors import BadSetting
from agentd.own_program import is_one_file, own_program, own_words, temporary_place
from agentd.service.failures import TemporaryProgram
from agentd.text import quote


def start_words(environment: Mapping[str, str], given: str | None = None) -> tuple[str, ...]:
    """The words that start this agentd, or the program `given`.

    Raises `TemporaryProgram`, and `BadSetting` where there is no such program.
    """
    if given is not None:
        return (find_program(given, environment),)
    program = None if is_one_file() else own_program()
    words = own_words() if program is None else (str(program),)
    for place in _places(words):
        if temporary_place(place, environment) is not None:
            raise TemporaryProgram(
                f"this agentd runs out of {quote(place)}, which may be gone tomorrow: install it "
                "(`pipx install .`, `uv tool install .`), and have that one install the service, "
                "or name a program with --program PATH"
            )
    return words


def _places(words: Sequence[str]) -> list[str]:
    """What has to stay: what is run, and of a module its package."""
    paths = [word for word in words if word.startswith("/")]
    return [*paths, *([agentd.__file__] if "-m" in words else [])]


def find_program(name: str, environment: Mapping[str, str]) -> str:
    """The absolute path of a program. Raises `BadSetting` where there is none."""
    path = environment.get("PATH", os.defpath)
    found = shutil.which(str(Path(name).expanduser()) if "/" in name else name, path=path)
    if found is None:
        raise BadSetting(f"there is no program {quote(name)}: give its whole path")
    return os.path.abspath(found)  # noqa: PTH100 - a link is what stays when it is upgraded


def worker_words(words: Sequence[str], program: tuple[str, ...], path: str) -> tuple[str, ...]:
    """The words of a worker's command: `agentd` is this one, any other is looked for in `path`."""
    if words[0] == "agentd":
        return (*program, *words[1:])
    return (find_program(words[0], {"PATH": path}), *words[1:])
