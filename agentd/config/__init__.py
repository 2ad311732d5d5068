"""Where the daemon and its clients look for their settings.

The rule this file keeps: the process environment wins over the env file, the env file over the
defaults, and a value that does not parse stops the start with one line that names the variable, the
value and what is expected. No value is replaced in silence.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from agentd.config.envfile import EnvFile, env_file
from agentd.config.names import slips
from agentd.config.paths import database, expand, expand_file
from agentd.errors import BadSetting
from agentd.logfilter import level_of, shared_level

DEFAULT_HOME = "~/.agentd"
DATABASE_NAME = "agent_state.db"
SOCKET_NAME = "agentd.sock"
ROOT = 0
DEFAULT_TIMEOUT_SECS = 300
DEFAULT_EVENT_LIMIT = 50
_LARGEST = 2**32 - 1
_QUOTED = 80
"""Characters of a value that an error repeats."""


class Settings(NamedTuple):
    """All that can be set. `warnings` are for the log: what works but should not stay so."""

    home: Path
    database: Path
    socket_path: Path
    node_timeout_secs: int
    context_event_limit: int
    log_level: int
    warnings: tuple[str, ...] = ()
    allowed_uids: tuple[int, ...] = (0,)


class Setting(NamedTuple):
    """One variable as it is in force, and where its value comes from.

    `problem` says why it does not parse; then there is no value. `warning` says what should not
    stay as it is.
    """

    name: str
    origin: str
    value: Path | int | tuple[int, ...] | None
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
            raise BadSetting(told + self.where(name))
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
        with self.placing(name):
            return None if value is None else expand(self.said(name), value)

    def whole(
        self, name: str, default: int, unit: str, least: int = 0, most: int = _LARGEST
    ) -> int:
        """A whole number from `least` to `most`."""
        value = self.get(name)
        if value is None:
            return default
        number = _number(value)
        if number is None or not least <= number <= most:
            raise self.bad(name, f"{unit}, a whole number from {least} to {most}")
        return number

    def bad(self, name: str, expected: str) -> BadSetting:
        """The refusal of a variable's value."""
        value = _shortened(self.shared(name) or "")
        return BadSetting(f"{self.said(name)}={value}: expected {expected}{self.where(name)}")

    def where(self, name: str) -> str:
        """What an error adds of the file that the value stands in, if it is in one."""
        in_file = name not in self._flags and self.origin(name) == "env file"
        return f" (in {self._file.path})" if in_file else ""

    @contextmanager
    def placing(self, name: str) -> Iterator[None]:
        """An error of this value says where it stands."""
        try:
            yield
        except BadSetting as error:
            raise BadSetting(f"{error}{self.where(name)}") from error


def _number(text: str) -> int | None:
    """A whole number in decimal digits, none of those that no setting may be."""
    digits = text.strip()
    is_one = digits.isascii() and digits.isdigit() and len(digits) <= len(str(_LARGEST))
    return int(digits) if is_one else None


def _shortened(value: str) -> str:
    text = repr(value)
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"


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
        tuple(_warnings(values, environment, file)),
        _allowed_uids(values),
    )


def explain(environment: Mapping[str, str], file: EnvFile) -> list[Setting]:
    """Every setting by itself, whether it parses or not."""
    values = Values(environment, file)
    return [_explained(name, values) for name in _SETTINGS]


def misspelt(environment: Mapping[str, str], file: EnvFile) -> Iterator[tuple[str, str]]:
    """What is said of each name that was meant to be a setting and is none, and what to do."""
    return slips(environment, file, (*_SETTINGS, *LOOP_SETTINGS))


def _explained(name: str, values: Values) -> Setting:
    origin = values.origin(name)
    if name == "AGENTD_LOG" and origin == "default" and values.shared("RUST_LOG"):
        origin = f"RUST_LOG, {values.origin('RUST_LOG')}"
    warning = _log_warning(values) if name == "AGENTD_LOG" else None
    try:
        return Setting(name, origin, _SETTINGS[name](values), warning=warning)
    except BadSetting as error:
        return Setting(name, origin, None, str(error))


def home(values: Values) -> Path:
    """The base directory."""
    return values.path("AGENTD_HOME") or expand("AGENTD_HOME", DEFAULT_HOME)


def _database(values: Values) -> Path:
    url = values.get("AGENTD_DATABASE_URL")
    if url is None:
        return home(values) / DATABASE_NAME
    with values.placing("AGENTD_DATABASE_URL"):
        return database("AGENTD_DATABASE_URL", url)


def _socket_path(values: Values) -> Path:
    path = values.get("AGENTD_SOCKET_PATH")
    if path is None:
        return home(values) / SOCKET_NAME
    with values.placing("AGENTD_SOCKET_PATH"):
        return expand_file("AGENTD_SOCKET_PATH", path)


def _node_timeout(values: Values) -> int:
    return values.whole("AGENTD_NODE_TIMEOUT_SECS", DEFAULT_TIMEOUT_SECS, "seconds")


def _event_limit(values: Values) -> int:
    return values.whole("AGENTD_CONTEXT_EVENT_LIMIT", DEFAULT_EVENT_LIMIT, "events")


def _log_level(values: Values) -> int:
    if (value := values.get("AGENTD_LOG")) is not None:
        with values.placing("AGENTD_LOG"):
            return level_of("AGENTD_LOG", value)
    return shared_level(values.shared("RUST_LOG") or "").level


def _log_warning(values: Values) -> str | None:
    """What is left out of a filter that is not agentd's alone."""
    shared = values.shared("RUST_LOG") if values.shared("AGENTD_LOG") is None else None
    if not shared or not (left_out := shared_level(shared).left_out):
        return None
    told = _shortened(", ".join(left_out))
    return f"what cannot be read in RUST_LOG is left out ({told}): set AGENTD_LOG for agentd alone"


def _warnings(values: Values, environment: Mapping[str, str], file: EnvFile) -> Iterator[str]:
    yield from filter(None, (file.warning, _log_warning(values)))
    yield from map(": ".join, misspelt(environment, file))


def _allowed_uids(values: Values) -> tuple[int, ...]:
    value = values.get("AGENTD_ALLOW_UID") or str(ROOT)
    numbers = [_number(each) for each in value.split(",")]
    uids = tuple(number for number in numbers if number is not None and number < _LARGEST)
    if len(uids) < len(numbers):
        expected = "numbers of users (`id -u`), separated by commas"
        raise values.bad("AGENTD_ALLOW_UID", expected)
    return uids


_SETTINGS: Mapping[str, Callable[[Values], Any]] = {
    "AGENTD_HOME": home,
    "AGENTD_DATABASE_URL": _database,
    "AGENTD_SOCKET_PATH": _socket_path,
    "AGENTD_ALLOW_UID": _allowed_uids,
    "AGENTD_NODE_TIMEOUT_SECS": _node_timeout,
    "AGENTD_CONTEXT_EVENT_LIMIT": _event_limit,
    "AGENTD_LOG": _log_level,
}
"""How each variable is read."""

LOOP_SETTINGS = ("AGENTD_AGENT_WORKERS", "AGENTD_ARTIFACT_DIR")
"""Variables of ours that only `agentd loop` reads (agentd/loop/settings.py)."""
