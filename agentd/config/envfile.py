"""The env file: where it is looked for, and what it says.

The rule this file keeps: a file that was named has to be there, one that may be there need not, and
a line that would be passed over in silence is refused.
"""

import re
import stat
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from agentd.config.paths import expand_path
from agentd.errors import BadSetting
from agentd.text import malformed_reason

DEFAULT_ENV_FILE = "~/.agentd/.env"
ENV_FILE_NAME = ".env"

_MOST_BLANKS = 200
"""Spaces and tabs in a row, in a value without quotes."""

_MANY_BLANKS = re.compile(rf"[^\S\r\n]{{{_MOST_BLANKS}}}")

_MAY_BE_SECRET = re.compile("@|passw")
"""How a URL with a password looks."""


class EnvFile(NamedTuple):
    """The env file and its variables.

    `because` is the variable that says where it is, where one does. `problem` says why the file
    cannot be used, `warning` what should not stay as it is.
    """

    path: Path | None
    because: str | None = None
    is_there: bool = False
    variables: Mapping[str, str | None] = MappingProxyType({})
    problem: str | None = None
    warning: str | None = None


def env_file(environment: Mapping[str, str]) -> EnvFile:
    """The env file that `environment` asks for, or the default one."""
    because = next((n for n in ("AGENTD_ENV_FILE", "AGENTD_HOME") if n in environment), None)
    path = None
    try:
        path = _path(environment, because)
        return _read(EnvFile(path, because))
    except BadSetting as error:
        return EnvFile(path, because, problem=str(error))


def default_env_file() -> Path:
    """Where the env file is when no variable says where it is."""
    return expand_path("AGENTD_ENV_FILE", DEFAULT_ENV_FILE)


def _path(environment: Mapping[str, str], because: str | None) -> Path:
    if because is None:
        return default_env_file()
    if not environment[because].strip():
        raise BadSetting(f"{because} is set but empty: give it a value or unset it")
    path = expand_path(because, environment[because])
    return path if because == "AGENTD_ENV_FILE" else path / ENV_FILE_NAME


def _read(file: EnvFile) -> EnvFile:
    path, named = file.path, file.because == "AGENTD_ENV_FILE"
    assert path is not None  # noqa: S101 - it was found
    told = f"AGENTD_ENV_FILE={str(path)!r}" if named else f"the env file {path}"
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        if named:
            raise BadSetting(f"{told}: there is no such file") from None
        return file
    except PermissionError as error:
        if named:
            raise BadSetting(f"{told} cannot be read: {error}") from error
        # Another user's home, say: then what is in it, the socket included, says so itself.
        return file._replace(warning=f"{told} cannot be looked for: run as the user it belongs to")
    except OSError as error:
        raise BadSetting(f"{told} cannot be read: {error}") from error
    return _parse(file._replace(is_there=True), path, mode, told)


def _parse(file: EnvFile, path: Path, mode: int, told: str) -> EnvFile:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"{told} cannot be read: {malformed_reason(error)}") from error
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        warning = f"{path} can be read by other users: run `chmod 600` on it"
        file = file._replace(warning=warning)
    _check_blanks(path, text)
    _check_lines(path, text)
    from dotenv import dotenv_values  # noqa: PLC0415 - as in `_check_lines`

    return file._replace(variables=dotenv_values(stream=StringIO(text)))


def _check_blanks(path: Path, content: str) -> None:
    """Refuse many blanks in a value without quotes: dotenv's time for them is quadratic."""
    for number, line in enumerate(content.split("\n"), 1):
        name, _, value = line.partition("=")
        is_bare = "#" not in name and value.lstrip()[:1] not in {"'", '"'}
        if is_bare and _MANY_BLANKS.search(value.lstrip()):
            told = f"{path}, line {number}: {_MOST_BLANKS} blanks in a row: put the value in quotes"
            raise BadSetting(told)


def _check_lines(path: Path, content: str) -> None:
    """Refuse a line that would be passed over in silence."""
    from dotenv.parser import parse_stream  # noqa: PLC0415 - a tenth of a start, and rarely needed

    for binding in parse_stream(StringIO(content)):
        text = binding.original.string
        if binding.error or (binding.key is not None and binding.value is None):
            number = binding.original.line + text[: -len(text.lstrip())].count("\n")
            # Only a line of our own is repeated: another's may have a secret in it.
            line = f"line {number}"
            if text.strip().startswith("AGENTD") and not _MAY_BE_SECRET.search(text):
                line += f", {text.strip()!r}"
            raise BadSetting(f"{path}, {line}: expected NAME=value")
