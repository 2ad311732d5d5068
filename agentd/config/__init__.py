"""Where the daemon and its clients look for their settings.

The rule this file keeps: the process environment wins over the env file, the env file over the
defaults, and a value that does not parse stops the start with one line that names the variable, the
value and what is expected. No value is replaced in silence.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from agentd.config.envfile import EnvFile, env_file
from agentd.config.names import misspelled_names
from agentd.config.paths import expand_file_path, expand_path, parse_database_url
from agentd.config.server import database_server
from agentd.config.values import LARGEST, Values, parse_number, shorten
from agentd.errors import BadSetting
from agentd.logfilter import parse_filter, parse_shared_filter
from agentd.loopback import Loopback, parse_loopback
from agentd.server_url import ServerUrl

DEFAULT_HOME = "~/.agentd"
DATABASE_NAME = "agent_state.db"
SOCKET_NAME = "agentd.sock"
SECRET_NAME = "tcp.secret"  # noqa: S105 - a file's name
ROOT = 0
DEFAULT_TIMEOUT_SECS = 300
DEFAULT_EVENT_LIMIT = 50
DEFAULT_CONTEXT_BYTES = 262_144
DEFAULT_LOG_BYTES = 1_073_741_824
DEFAULT_CONNECT_SECS = 2
DEFAULT_DATABASE_WAIT_SECS = 10
LONGEST_DATABASE_WAIT_SECS = 3600
LARGEST_LOG_BYTES = 2**50
LOG_FORMATS = ("text", "json")


class Settings(NamedTuple):
    """All that can be set. `warnings` are for the log: what works but should not stay so.

    `server` has the database, where it is on one; else it is the file `database`. `address` is
    where clients look for the daemon, if not at `socket_path`; `secret_file` has what both prove to
    know over TCP.
    """

    home: Path
    database: Path
    socket_path: Path
    node_timeout_secs: int
    context_event_limit: int
    log_level: int
    warnings: tuple[str, ...] = ()
    allowed_uids: tuple[int, ...] = (0,)
    context_bytes: int = DEFAULT_CONTEXT_BYTES
    log_bytes: int = DEFAULT_LOG_BYTES
    notify: str | None = None
    address: Path | Loopback | None = None
    secret_file: Path = Path(DEFAULT_HOME, SECRET_NAME)
    connect_secs: int = DEFAULT_CONNECT_SECS
    autostart: bool = False
    log_format: str = "text"
    server: ServerUrl | None = None
    database_wait_secs: int = DEFAULT_DATABASE_WAIT_SECS


class Setting(NamedTuple):
    """One variable as it is in force, and where its value comes from.

    `problem` says why it does not parse; then there is no value. `warning` says what should not
    stay as it is.
    """

    name: str
    origin: str
    value: Path | ServerUrl | Loopback | int | str | tuple[int, ...] | None
    problem: str | None = None
    warning: str | None = None


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
        _context_bytes(values),
        _log_bytes(values),
        _notify(values),
        _address(values),
        _secret_file(values),
        _connect_secs(values),
        _autostart(values),
        _log_format(values),
        database_server(values),
        _database_wait(values),
    )


def log_format() -> str:
    """How whoever logs writes: `text`, or `json`. Raises `BadSetting`."""
    return _log_format(Values(os.environ, env_file(os.environ)))


def explain_settings(environment: Mapping[str, str], file: EnvFile) -> list[Setting]:
    """Every setting by itself, whether it parses or not."""
    values = Values(environment, file)
    return [_explain_setting(name, values) for name in _SETTINGS]


def find_misspelled_names(
    environment: Mapping[str, str], file: EnvFile
) -> Iterator[tuple[str, str]]:
    """What is said of each name that was meant to be a setting and is none, and what to do."""
    return misspelled_names(environment, file, (*_SETTINGS, *LOOP_SETTINGS))


def is_setting(name: str) -> bool:
    """Whether a variable says how agentd is to be, and not who somebody is or what he works on."""
    return name in {*_SETTINGS, *LOOP_SETTINGS, "AGENTD_ENV_FILE"}


def _explain_setting(name: str, values: Values) -> Setting:
    origin = values.origin(name)
    if name == "AGENTD_LOG" and origin == "default" and values.get_unchecked("RUST_LOG"):
        origin = f"RUST_LOG, {values.origin('RUST_LOG')}"
    warning = _log_warning(values) if name == "AGENTD_LOG" else None
    try:
        return Setting(name, origin, _SETTINGS[name](values), warning=warning)
    except BadSetting as error:
        return Setting(name, origin, None, str(error))


def home(values: Values) -> Path:
    """The base directory."""
    return values.path("AGENTD_HOME") or expand_path("AGENTD_HOME", DEFAULT_HOME)


def _database(values: Values) -> Path:
    if database_server(values) is not None:
        return home(values) / DATABASE_NAME
    return _file(values, "AGENTD_DATABASE_URL", DATABASE_NAME, parse_database_url)


def _database_or_server(values: Values) -> Path | ServerUrl:
    return database_server(values) or _database(values)


def _socket_path(values: Values) -> Path:
    return _file(values, "AGENTD_SOCKET_PATH", SOCKET_NAME, expand_file_path)


def parse_address(value: str) -> Path | Loopback:
    """A socket's path, or where over TCP. Raises `ValueError`, `BadSetting`."""
    scheme, _, rest = value.strip().partition(":")
    if scheme == "tcp" and rest.startswith("//"):
        return parse_loopback(rest[2:])
    if scheme == "unix" and rest:
        return expand_file_path("AGENTD_ADDRESS", rest)
    raise ValueError("expected tcp://127.0.0.1:PORT, tcp://[::1]:PORT or unix:PATH")


def _address(values: Values) -> Path | Loopback | None:
    """Where clients go, if not to the socket; empty, as if it were not set."""
    value = (values.get_unchecked("AGENTD_ADDRESS") or "").strip()
    if not value:
        return None
    try:
        with values.locate_errors("AGENTD_ADDRESS"):
            return parse_address(value)
    except ValueError as error:
        told = str(error).removeprefix("expected ")
        raise values.bad_setting("AGENTD_ADDRESS", told) from error


def _secret_file(values: Values) -> Path:
    return _file(values, "AGENTD_SECRET_FILE", SECRET_NAME, expand_file_path)


def _file(values: Values, name: str, default: str, parse: Callable[[str, str], Path]) -> Path:
    """The file that a variable names; where it is not set, the one of that name in the home."""
    value = values.get(name)
    if value is None:
        return home(values) / default
    with values.locate_errors(name):
        return parse(name, value)


def _node_timeout(values: Values) -> int:
    return values.whole_number("AGENTD_NODE_TIMEOUT_SECS", DEFAULT_TIMEOUT_SECS, "seconds")


def _event_limit(values: Values) -> int:
    return values.whole_number("AGENTD_CONTEXT_EVENT_LIMIT", DEFAULT_EVENT_LIMIT, "events")


def _context_bytes(values: Values) -> int:
    return values.whole_number("AGENTD_CONTEXT_BYTES", DEFAULT_CONTEXT_BYTES, "bytes")


def _log_bytes(values: Values) -> int:
    return values.whole_number(
        "AGENTD_LOG_BYTES", DEFAULT_LOG_BYTES, "bytes", most=LARGEST_LOG_BYTES
    )


def _notify(values: Values) -> str | None:
    """The command that tells people; empty, it is none: so the environment can switch it off."""
    return (values.get_unchecked("AGENTD_NOTIFY") or "").strip() or None


def _connect_secs(values: Values) -> int:
    return values.whole_number("AGENTD_CONNECT_SECS", DEFAULT_CONNECT_SECS, "seconds")


def _database_wait(values: Values) -> int:
    return values.whole_number(
        "AGENTD_DATABASE_WAIT_SECS",
        DEFAULT_DATABASE_WAIT_SECS,
        "seconds",
        least=1,
        most=LONGEST_DATABASE_WAIT_SECS,
    )


def _autostart(values: Values) -> bool:
    value = (values.get("AGENTD_AUTOSTART") or "0").strip()
    if value not in {"0", "1"}:
        raise values.bad_setting("AGENTD_AUTOSTART", "1 or 0")
    return value == "1"


def _log_level(values: Values) -> int:
    if (value := values.get("AGENTD_LOG")) is not None:
        with values.locate_errors("AGENTD_LOG"):
            return parse_filter("AGENTD_LOG", value)
    return parse_shared_filter(values.get_unchecked("RUST_LOG") or "").level


def _log_format(values: Values) -> str:
    value = (values.get("AGENTD_LOG_FORMAT") or "text").strip()
    if value not in LOG_FORMATS:
        raise values.bad_setting("AGENTD_LOG_FORMAT", " or ".join(LOG_FORMATS))
    return value


def _log_warning(values: Values) -> str | None:
    """What is left out of a filter that is not agentd's alone."""
    if values.get_unchecked("AGENTD_LOG") is not None:
        return None
    shared = values.get_unchecked("RUST_LOG")
    if not shared or not (unreadable := parse_shared_filter(shared).unreadable):
        return None
    told = shorten(", ".join(unreadable))
    return f"what cannot be read in RUST_LOG is left out ({told}): set AGENTD_LOG for agentd alone"


def _warnings(values: Values, environment: Mapping[str, str], file: EnvFile) -> Iterator[str]:
    yield from filter(None, (file.warning, _log_warning(values)))
    yield from map(": ".join, find_misspelled_names(environment, file))


def _allowed_uids(values: Values) -> tuple[int, ...]:
    value = values.get("AGENTD_ALLOW_UID") or str(ROOT)
    numbers = [parse_number(each) for each in value.split(",")]
    uids = tuple(number for number in numbers if number is not None and number < LARGEST)
    if len(uids) < len(numbers):
        expected = "numbers of users (`id -u`), separated by commas"
        raise values.bad_setting("AGENTD_ALLOW_UID", expected)
    return uids


_SETTINGS: Mapping[str, Callable[[Values], Any]] = {
    "AGENTD_HOME": home,
    "AGENTD_DATABASE_URL": _database_or_server,
    "AGENTD_DATABASE_WAIT_SECS": _database_wait,
    "AGENTD_SOCKET_PATH": _socket_path,
    "AGENTD_ADDRESS": _address,
    "AGENTD_SECRET_FILE": _secret_file,
    "AGENTD_ALLOW_UID": _allowed_uids,
    "AGENTD_NODE_TIMEOUT_SECS": _node_timeout,
    "AGENTD_CONTEXT_EVENT_LIMIT": _event_limit,
    "AGENTD_CONTEXT_BYTES": _context_bytes,
    "AGENTD_LOG_BYTES": _log_bytes,
    "AGENTD_NOTIFY": _notify,
    "AGENTD_CONNECT_SECS": _connect_secs,
    "AGENTD_AUTOSTART": _autostart,
    "AGENTD_LOG_FORMAT": _log_format,
    "AGENTD_LOG": _log_level,
}
"""How each variable is read."""

LOOP_SETTINGS = ("AGENTD_AGENT_WORKERS", "AGENTD_ARTIFACT_DIR")
"""Variables of ours that only `agentd loop` reads (agentd/loop/settings.py)."""
