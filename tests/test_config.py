"""Settings: where each value comes from, what it may be, and what is said of one that may not."""

import re
from pathlib import Path
from typing import Any

import pytest

from agentd import config
from agentd.config import Settings
from agentd.errors import BadSetting
from agentd.logfilter import LEVELS, parse_filter, parse_shared_filter
from agentd.loopback import Loopback
from tests.settings import env_file, load, refused

INFO = LEVELS["info"]


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a user who has set nothing."""
    home = tmp_path / "user"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


# Defaults


def test_without_any_variable(user: Path) -> None:
    """All is in ~/.agentd; leases last 300 s, contexts have 50 events, the log is at info."""
    base = user / ".agentd"
    assert load() == Settings(
        base,
        base / "agent_state.db",
        base / "agentd.sock",
        300,
        50,
        INFO,
        secret_file=base / "tcp.secret",
    )


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument the variables are those of the process."""
    monkeypatch.setenv("AGENTD_NODE_TIMEOUT_SECS", "77")
    assert config.load().node_timeout_secs == 77


def test_database_and_socket_follow_the_home() -> None:
    """With AGENTD_HOME alone, database and socket are in it."""
    found = load(AGENTD_HOME="/srv/agentd")
    assert found.database == Path("/srv/agentd/agent_state.db")
    assert found.socket_path == Path("/srv/agentd/agentd.sock")


# Paths


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///srv/a.db", "/srv/a.db"),
        ("sqlite://~/a.db", "{user}/a.db"),
        ("sqlite:///srv/../srv/./a.db", "/srv/a.db"),
        ("sqlite://a.db", "{cwd}/a.db"),
        (" sqlite:///srv/a.db ", "/srv/a.db"),
        ("sqlite:///srv/ä b.db", "/srv/ä b.db"),
        ("sqlite:///srv/a.db?mode=rwc", "/srv/a.db"),
        ("sqlite://~/a.db?mode=rwc", "{user}/a.db"),
        ("sqlite:/srv/a.db", "/srv/a.db"),
        ("sqlite:a.db", "{cwd}/a.db"),
        ("sqlite:~/a.db?mode=rwc", "{user}/a.db"),
        ("sqlite:d/a.db", "{cwd}/d/a.db"),
        ("/srv/a.db", "/srv/a.db"),
        ("~/a.db", "{user}/a.db"),
        ("a.db", "{cwd}/a.db"),
        (" d/a:b.db?mode=rwc ", "{cwd}/d/a:b.db"),
        ("./a:b.db", "{cwd}/a:b.db"),
        ("sqlite:a:b.db", "{cwd}/a:b.db"),
    ],
)
def test_database_urls(user: Path, url: str, expected: str) -> None:
    """With sqlite:// or sqlite: before it, or nothing; ~ is expanded, the rest made absolute."""
    found = load(AGENTD_DATABASE_URL=url).database
    assert str(found) == expected.format(user=user, cwd=Path.cwd())


def test_the_tilde_is_expanded(user: Path) -> None:
    """A path that begins with ~ is in the user's home."""
    env_file(user / "env", "AGENTD_HOME=~/here\n")
    found = load(AGENTD_ENV_FILE="~/env", AGENTD_SOCKET_PATH="~/there")
    assert (found.home, found.socket_path) == (user / "here", user / "there")


def test_links_are_kept(tmp_path: Path) -> None:
    """A path is not resolved: a link may point elsewhere tomorrow."""
    (tmp_path / "link").symlink_to(tmp_path / "target")
    assert load(AGENTD_HOME=str(tmp_path / "link")).home == tmp_path / "link"


# What may not be

NUMBERS = ["soon", "-1", "1.5", "5 minutes", "1e3", "0x10", "+1", "1_000", "٣", "4294967296"]
URLS = [
    "sqlite://",
    "sqlite:",
    "sqlite:?mode=rwc",
    "?mode=rwc",
    "sqlite://:memory:",
    "sqlite::memory:",
    ":memory:",
    "sqlite://:memory:?mode=rwc",
    "sqlite:///srv/a.db?mode=ro",
    "sqlite:///srv/a.db?mode=rwc&cache=shared",
    "sqlite:///srv/a.db?mode=rwc?mode=rwc",
    "/srv/a.db?cache=shared",
    "file:/srv/a.db",
    "file:a.db?mode=rwc",
    "SQLite:///srv/a.db",
    "a:b.db",
]
FOLDERS = ["/", "//", ".", "..", "/srv/..", "/srv/", "d/.", "~", "~/", "~root"]
BAD = [
    *[
        ("AGENTD_DATABASE_WAIT_SECS", value, "expected seconds, a whole number from 1 to 3600")
        for value in (*NUMBERS, "0", "3601")
    ],
    *[("AGENTD_CONNECT_SECS", value, "expected seconds, a whole number") for value in NUMBERS],
    *[("AGENTD_AUTOSTART", value, "expected 1 or 0") for value in ("yes", "true", "2", "01")],
    *[("AGENTD_NODE_TIMEOUT_SECS", value, "expected seconds, a whole number") for value in NUMBERS],
    *[
        ("AGENTD_CONTEXT_EVENT_LIMIT", value, "expected events, a whole number")
        for value in NUMBERS
    ],
    *[("AGENTD_DATABASE_URL", value, "expected sqlite:// and a path") for value in URLS],
    *[("AGENTD_DATABASE_URL", f"sqlite://{path}", "names a folder") for path in FOLDERS],
    *[("AGENTD_DATABASE_URL", path, "names a folder") for path in FOLDERS],
    *[("AGENTD_SOCKET_PATH", path, "names a folder") for path in FOLDERS],
    ("AGENTD_DATABASE_URL", "sqlite:///?mode=rwc", "names a folder"),
    ("AGENTD_DATABASE_URL", "sqlite://~nobody-by-this-name/a.db", "is not a path"),
    ("AGENTD_HOME", "~nobody-by-this-name", "is not a path"),
    ("AGENTD_HOME", "/srv/\udcff", "is not a path: expected UTF-8"),
    ("AGENTD_SOCKET_PATH", "~nobody-by-this-name/x", "is not a path"),
    ("AGENTD_ENV_FILE", "~nobody-by-this-name/x", "is not a path"),
    *[
        ("AGENTD_ALLOW_UID", value, "expected numbers of users (`id -u`), separated by commas")
        for value in ("root", "-1", "1000,", "1000 1001", ",", "4294967295")
    ],
    *[("AGENTD_LOG_FORMAT", value, "expected text or json") for value in ("xml", "JSON", "1")],
    ("AGENTD_LOG", "loud", "expected a level"),
    ("AGENTD_LOG", "agentd=loud", "expected a level"),
    ("AGENTD_LOG", "agentd=debug=info", "expected a level"),
]


@pytest.mark.parametrize(("name", "value", "expected"), BAD)
def test_a_bad_value(name: str, value: str, expected: str) -> None:
    """A value that does not parse is refused with the variable and what is expected."""
    told = refused(**{name: value})
    assert name in told
    assert expected in told
    assert repr(value).strip("'").removeprefix("sqlite://") in told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AGENTD_NODE_TIMEOUT_SECS", "soon"),
        ("AGENTD_NODE_TIMEOUT_SECS", ""),
        ("AGENTD_HOME", "~nobody-by-this-name"),
        ("AGENTD_LOG", "soon"),
        ("AGENTD_SOCKET_PATH", "/"),
        ("AGENTD_DATABASE_URL", "file:a.db"),
        ("AGENTD_ALLOW_UID", "root"),
    ],
)
def test_a_bad_value_in_the_env_file(tmp_path: Path, name: str, value: str) -> None:
    """A value is no better for standing in the env file, and it is said to stand there."""
    file = env_file(tmp_path / "env", f"{name}={value}\n")
    told = refused(AGENTD_ENV_FILE=file)
    assert name in told
    assert told.endswith(f" (in {file})")
    assert not refused(**{name: value}).endswith(")")
    assert not refused(AGENTD_ENV_FILE=file, **{name: value}).endswith(")")


@pytest.mark.parametrize("value", ["", "  "])
@pytest.mark.parametrize(
    "name",
    [
        "AGENTD_HOME",
        "AGENTD_DATABASE_URL",
        "AGENTD_SOCKET_PATH",
        "AGENTD_LOG",
        "AGENTD_ALLOW_UID",
    ],
)
def test_an_empty_value(name: str, value: str) -> None:
    """A variable that is set but empty is a mistake that is pointed out."""
    assert refused(**{name: value}) == f"{name} is set but empty: give it a value or unset it"


@pytest.mark.parametrize(("value", "number"), [("0", 0), (" 5 ", 5), ("4294967295", 2**32 - 1)])
def test_whole_numbers(value: str, number: int) -> None:
    """From 0 to 4294967295, with or without spaces around."""
    found = load(AGENTD_NODE_TIMEOUT_SECS=value, AGENTD_CONTEXT_EVENT_LIMIT=value)
    assert (found.node_timeout_secs, found.context_event_limit) == (number, number)


@pytest.mark.parametrize(("value", "number"), [("0", 0), (str(2**50), 2**50)])
def test_sizes(value: str, number: int) -> None:
    """How much output is kept may be more than 4 GiB."""
    assert load(AGENTD_LOG_BYTES=value).log_bytes == number
    assert "from 0 to 1125899906842624" in refused(AGENTD_LOG_BYTES=str(2**50 + 1))
    assert "expected bytes" in refused(AGENTD_LOG_BYTES="9" * 5000)


@pytest.mark.parametrize(
    ("value", "uids"), [("0", (0,)), (" 1000 ", (1000,)), ("1000, 1001,5", (1000, 1001, 5))]
)
def test_users(value: str, uids: tuple[int, ...]) -> None:
    """One or several, by their numbers; root where nothing is set."""
    assert load(AGENTD_ALLOW_UID=value).allowed_uids == uids
    assert load().allowed_uids == (0,)


@pytest.mark.parametrize(
    ("value", "command"), [(" jq -r .text ", "jq -r .text"), ("", None), ("  ", None)]
)
def test_the_command_that_tells_people(tmp_path: Path, value: str, command: str | None) -> None:
    """A command for a shell; empty, it is none, whatever the env file says."""
    file = env_file(tmp_path / "env", "AGENTD_NOTIFY='mail me'\n")
    assert load(AGENTD_ENV_FILE=file).notify == "mail me"
    assert load(AGENTD_ENV_FILE=file, AGENTD_NOTIFY=value).notify == command
    assert load().notify is None


# The logging filter


@pytest.mark.parametrize(
    ("variables", "level"),
    [
        ({}, "info"),
        ({"AGENTD_LOG": "agentd=debug"}, "debug"),
        ({"RUST_LOG": "agentd=debug"}, "debug"),
        ({"AGENTD_LOG": "agentd=warn", "RUST_LOG": "agentd=debug"}, "warn"),
        ({"AGENTD_LOG": "warn", "RUST_LOG": "nonsense=nonsense"}, "warn"),
    ],
)
def test_which_filter_is_read(variables: dict[str, Any], level: str) -> None:
    """AGENTD_LOG is read, RUST_LOG where it is unset, and info is the default."""
    assert load(**variables).log_level == LEVELS[level]


@pytest.mark.parametrize("level", LEVELS)
def test_levels(level: str) -> None:
    """Every level has a name, in any case, alone or for agentd."""
    assert parse_filter("AGENTD_LOG", level.upper()) == LEVELS[level]
    assert parse_filter("AGENTD_LOG", f"agentd={level}") == LEVELS[level]


@pytest.mark.parametrize(
    ("value", "level"),
    [
        ("warn,agentd=debug", "debug"),
        ("agentd=debug,other=trace", "debug"),
        ("other=trace", "info"),
        ("agentdish=trace", "info"),
        ("agentd::store=debug", "debug"),
        (" agentd = debug , ", "debug"),
    ],
)
def test_directives(value: str, level: str) -> None:
    """Directives for agentd count; those for other programs do not, and change nothing."""
    assert parse_filter("AGENTD_LOG", value) == LEVELS[level]


@pytest.mark.parametrize(
    ("value", "level", "left_out"),
    [
        ("debug", "debug", ()),
        ("OFF", "off", ()),
        ("warn,hyper=debug", "warn", ()),
        ("agentd=warn,debug", "warn", ()),
        ("agentd::store=trace", "trace", ()),
        ("agentd", "trace", ()),
        ("hyper=debug", "info", ()),
        ("hyper=loud,tokio,my_crate::mod", "info", ()),
        ("agentdish=trace", "info", ()),
        ("", "info", ()),
        (" , ", "info", ()),
        ("[", "info", ("[",)),
        ("agentd=loud", "info", ("agentd=loud",)),
        ("debug,agentd=loud", "debug", ("agentd=loud",)),
        ("agentd[span{a=1,b=2}]=debug", "info", ("agentd[span{a=1", "b=2}]=debug")),
        ("info/regex", "info", ("info/regex",)),
        ("a=b=c", "info", ("a=b=c",)),
        ("warn,\udcff", "warn", ("\udcff",)),
    ],
)
def test_rust_log_is_shared(value: str, level: str, left_out: tuple[str, ...]) -> None:
    """What it tells other programs is theirs, what cannot be read is left out: nothing mutes us."""
    assert parse_shared_filter(value) == (LEVELS[level], left_out)
    assert load(RUST_LOG=value).log_level == LEVELS[level]
    assert len(load(RUST_LOG=value).warnings) == (1 if left_out else 0)


def test_what_is_left_out_of_rust_log_is_told() -> None:
    """As a warning, which says what to set instead; where AGENTD_LOG is set, nothing is."""
    assert load(RUST_LOG="hyper=debug,[,}").warnings == (
        "what cannot be read in RUST_LOG is left out ('[, }'): set AGENTD_LOG for agentd alone",
    )
    assert load(RUST_LOG="[", AGENTD_LOG="warn").warnings == ()


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("tcp://127.0.0.1:7777", Loopback("127.0.0.1", 7777)),
        ("tcp://[::1]:7777", Loopback("::1", 7777)),
        ("unix:/run/a.sock", Path("/run/a.sock")),
        ("unix:///run/a.sock", Path("/run/a.sock")),
        ("", None),
    ],
)
def test_where_clients_go(value: str, address: Path | Loopback | None) -> None:
    """A port of this machine, or a socket; the environment can switch off what the file says."""
    assert load(AGENTD_ADDRESS=value).address == address


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("127.0.0.1:7777", "tcp://127.0.0.1:PORT"),
        ("tcp:127.0.0.1:7777", "tcp://127.0.0.1:PORT"),
        ("http://127.0.0.1:7777", "tcp://127.0.0.1:PORT"),
        ("tcp://localhost:7777", "in digits"),
        ("tcp://127.0.0.1:0", "a port from 1"),
        ("tcp://10.0.0.1:7", "this machine alone"),
        ("unix:", "unix:PATH"),
        ("unix:/run/", "the path of a file"),
    ],
)
def test_where_no_client_goes(tmp_path: Path, value: str, expected: str) -> None:
    """The error names the variable, the value, what is expected, and the file it stands in."""
    for there in ({"AGENTD_ADDRESS": value}, {}):
        file = env_file(tmp_path / "env", "" if there else f"AGENTD_ADDRESS={value}\n")
        with pytest.raises(BadSetting, match=re.escape(expected)) as told:
            load(AGENTD_ENV_FILE=file, **there)
        assert "AGENTD_ADDRESS=" in str(told.value)
        assert (f"(in {file})" in str(told.value)) is not bool(there)
