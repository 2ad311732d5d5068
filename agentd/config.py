"""Where the daemon and its clients look for their settings.

The rule this file keeps: the process environment wins over the env file, the env file over the
defaults, and a value that does not parse stops the start with one line that names the variable, the
value and what is expected. No value is replaced in silence.
"""

import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from agentd.errors import BadSetting
from agentd.logfilter import DEFAULT_FILTER, level_of

DEFAULT_HOME = "~/.agentd"
DEFAULT_ENV_FILE = "~/.agentd/.env"
DATABASE_NAME = "agent_state.db"
SOCKET_NAME = "agentd.sock"
DEFAULT_TIMEOUT_SECS = 300
DEFAULT_EVENT_LIMIT = 50
_LARGEST = 2**32 - 1
_QUOTED = 80
"""Characters of a value that an error repeats."""

_MOST_BLANKS = 200
"""Spaces and tabs in a row, in a value without quotes."""

_MANY_BLANKS = re.compile(rf"[^\S\r\n]{{{_MOST_BLANKS}}}")


class Settings(NamedTuple):
    """All that can be set. `warnings` are for the log: what works but should not stay so."""

    home: Path
    database: Path
    socket_path: Path
    node_timeout_secs: int
    context_event_limit: int
    log_level: int
    warnings: tuple[str, ...] = ()


class Setting(NamedTuple):
    """One variable as it is in force, and where its value comes from.

    `problem` says why it does not parse; then there is no value.
    """

    name: str
    origin: str
    value: Path | int | None
    problem: str | None = None


class EnvFile(NamedTuple):
    """The env file and its variables.

    `problem` says why it cannot be used, `warning` what should not stay as it is.
    """

    path: Path | None
    variables: Mapping[str, str | None] = MappingProxyType({})
    problem: str | None = None
    warning: str | None = None


class Flag(NamedTuple):
    """An argument of the command line that sets a variable for one run: `--workers`, and `2`."""

    name: str
    value: str


class Values:
    """The variables, and where each comes from: a flag wins over the environment."""

    def __init__(
        self,
        environment: Mapping[str, str],
        file: EnvFile,
        flags: Mapping[str, Flag] = MappingProxyType({}),
    ) -> None:
        self._environment = environment
        self._file = file
        self._flags = flags

    def get(self, name: str) -> str | None:
        """The value, or None where it is not set. Raises `BadSetting` on an empty one."""
        value = self.shared(name)
        if value is not None and not value.strip():
            told = f"{self.said(name)} is set but empty: give it a value or unset it"
            raise BadSetting(told)
        return value

    def said(self, name: str) -> str:
        """What an error calls a variable: as the one who set it wrote it."""
        return self._flags[name].name if name in self._flags else name

    def shared(self, name: str) -> str | None:
        """The value of a variable that is not ours alone, empty or not."""
        if name in self._flags:
            return self._flags[name].value
        return self._environment.get(name, self._file.variables.get(name))

    def origin(self, name: str) -> str:
        """Where the value of a variable comes from."""
        if name in self._environment:
            return "environment"
        return "env file" if name in self._file.variables else "default"

    def path(self, name: str) -> Path | None:
        """An absolute path with `~` expanded, or None where it is not set."""
        value = self.get(name)
        return None if value is None else expand(self.said(name), value)

    def whole(
        self, name: str, default: int, unit: str, least: int = 0, most: int = _LARGEST
    ) -> int:
        """A whole number from `least` to `most`."""
        value = self.get(name)
        if value is None:
            return default
        text = value.strip()
        digits = text.isascii() and text.isdigit() and len(text) <= len(str(_LARGEST))
        if not digits or not least <= int(text) <= most:
            raise self.bad(name, f"{unit}, a whole number from {least} to {most}")
        return int(text)

    def bad(self, name: str, expected: str) -> BadSetting:
        """The refusal of a variable's value."""
        value = _shortened(self.shared(name) or "")
        return BadSetting(f"{self.said(name)}={value}: expected {expected}")


def env_file(environment: Mapping[str, str]) -> EnvFile:
    """The env file that `environment` asks for, or the default one."""
    path = None
    try:
        path = _env_file_path(environment)
        return _read_file(path, chosen="AGENTD_ENV_FILE" in environment)
    except BadSetting as error:
        return EnvFile(path, problem=str(error))


def _env_file_path(environment: Mapping[str, str]) -> Path:
    chosen = environment.get("AGENTD_ENV_FILE")
    if chosen is not None and not chosen.strip():
        raise BadSetting("AGENTD_ENV_FILE is set but empty: give it a value or unset it")
    return expand("AGENTD_ENV_FILE", chosen or DEFAULT_ENV_FILE)


def _read_file(path: Path, *, chosen: bool) -> EnvFile:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if chosen:
            raise BadSetting(f"AGENTD_ENV_FILE={str(path)!r}: there is no such file") from None
        return EnvFile(path)
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"AGENTD_ENV_FILE={str(path)!r} cannot be read: {error}") from error
    warning = None
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        warning = f"{path} can be read by other users: run `chmod 600` on it"
    _check_blanks(path, text)
    _check_lines(path, text)
    from dotenv import dotenv_values  # noqa: PLC0415 - as in `_check_lines`

    return EnvFile(path, dotenv_values(stream=StringIO(text)), warning=warning)


def _check_blanks(path: Path, content: str) -> None:
    """Refuse many blanks in a value without quotes: dotenv's time for them is quadratic."""
    for number, line in enumerate(content.split("\n"), 1):
        found = _MANY_BLANKS.search(line)
        if found and not {"'", '"'} & set(line[: found.start()]):
            told = f"{path}, line {number}: {_MOST_BLANKS} blanks in a row: put the value in quotes"
            raise BadSetting(told)


def _check_lines(path: Path, content: str) -> None:
    """Refuse a line that would be passed over in silence, or that takes for ever."""
    from dotenv.parser import parse_stream  # noqa: PLC0415 - a tenth of a start, and rarely needed

    for binding in parse_stream(StringIO(content)):
        text = binding.original.string
        if binding.error or (binding.key is not None and binding.value is None):
            number = binding.original.line + text[: -len(text.lstrip())].count("\n")
            # Only a line of our own is repeated: another's may have a secret in it.
            line = f"line {number}"
            if text.strip().startswith("AGENTD"):
                line += f", {text.strip()!r}"
            raise BadSetting(f"{path}, {line}: expected NAME=value")


def _shortened(value: str) -> str:
    text = repr(value)
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"


def expand(name: str, value: str) -> Path:
    """The path that `value` means, absolute. Raises `BadSetting` where it means none."""
    try:
        path = Path(os.path.abspath(Path(value.strip()).expanduser()))  # noqa: PTH100 - keep symlinks
        str(path).encode()  # SQLite takes no other names than UTF-8
    except UnicodeEncodeError as error:
        raise BadSetting(f"{name}={value!r} is not a path: expected UTF-8") from error
    except (RuntimeError, ValueError) as error:
        raise BadSetting(f"{name}={value!r} is not a path: {error}") from error
    return path


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings that `environment` (the process environment by default) asks for.

    Raises `BadSetting` for the first value that does not parse.
    """
    environment = os.environ if environment is None else environment
    file = env_file(environment)
    if file.problem is not None:
        raise BadSetting(file.problem)
    values = Values(environment, file)
    return Settings(
        home(values),
        _database(values),
        _socket_path(values),
        _node_timeout(values),
        _event_limit(values),
        _log_level(values),
        (file.warning,) if file.warning else (),
    )


def explain(environment: Mapping[str, str], file: EnvFile) -> list[Setting]:
    """Every setting by itself, whether it parses or not."""
    values = Values(environment, file)
    return [_explained(name, values) for name in _SETTINGS]


def unknown(names: Iterable[str]) -> list[str]:
    """Those of the names that look like a setting of agentd's, and are none."""
    known = {"AGENTD_ENV_FILE", *_SETTINGS, *LOOP_SETTINGS}
    return [name for name in names if name.upper().startswith("AGENTD") and name not in known]


def _explained(name: str, values: Values) -> Setting:
    origin = values.origin(name)
    if name == "AGENTD_LOG" and origin == "default" and values.shared("RUST_LOG"):
        origin = f"RUST_LOG, {values.origin('RUST_LOG')}"
    try:
        return Setting(name, origin, _SETTINGS[name](values))
    except BadSetting as error:
        return Setting(name, origin, None, str(error))


def home(values: Values) -> Path:
    """The base directory."""
    return values.path("AGENTD_HOME") or expand("AGENTD_HOME", DEFAULT_HOME)


def _database(values: Values) -> Path:
    url = values.get("AGENTD_DATABASE_URL")
    if url is None:
        return home(values) / DATABASE_NAME
    scheme, separator, path = url.strip().partition("://")
    if scheme != "sqlite" or not separator or not path or "?" in path or path == ":memory:":
        raise BadSetting(
            f"AGENTD_DATABASE_URL={url!r}: expected sqlite:// and a path, "
            "such as sqlite://~/.agentd/agent_state.db"
        )
    try:
        return expand("AGENTD_DATABASE_URL", path)
    except BadSetting as error:
        raise BadSetting(f"AGENTD_DATABASE_URL={url!r}: {error}") from error


def _socket_path(values: Values) -> Path:
    return values.path("AGENTD_SOCKET_PATH") or home(values) / SOCKET_NAME


def _node_timeout(values: Values) -> int:
    return values.whole("AGENTD_NODE_TIMEOUT_SECS", DEFAULT_TIMEOUT_SECS, "seconds")


def _event_limit(values: Values) -> int:
    return values.whole("AGENTD_CONTEXT_EVENT_LIMIT", DEFAULT_EVENT_LIMIT, "events")


def _log_level(values: Values) -> int:
    if (value := values.get("AGENTD_LOG")) is not None:
        return level_of("AGENTD_LOG", value)
    # Other programs share RUST_LOG, and shells like to export it empty.
    return level_of("RUST_LOG", values.shared("RUST_LOG") or DEFAULT_FILTER)


_SETTINGS: Mapping[str, Callable[[Values], Any]] = {
    "AGENTD_HOME": home,
    "AGENTD_DATABASE_URL": _database,
    "AGENTD_SOCKET_PATH": _socket_path,
    "AGENTD_NODE_TIMEOUT_SECS": _node_timeout,
    "AGENTD_CONTEXT_EVENT_LIMIT": _event_limit,
    "AGENTD_LOG": _log_level,
}
"""How each variable is read."""

LOOP_SETTINGS = ("AGENTD_AGENT_WORKERS", "AGENTD_ARTIFACT_DIR")
"""Variables of ours that only `agentd loop` reads (agentd/loop/settings.py)."""
