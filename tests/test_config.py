"""Settings: where each value comes from, what it may be, and what is said of one that may not."""

import errno
import os
from pathlib import Path
from typing import Any, NoReturn

import pytest

from agentd import config
from agentd.config import Settings, envfile
from agentd.errors import BadSetting
from agentd.logfilter import LEVELS, level_of, shared_level

INFO = LEVELS["info"]


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a user who has set nothing."""
    home = tmp_path / "user"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


def env_file(path: Path, content: str | bytes, mode: int = 0o600) -> str:
    """Write an env file and return its path."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return str(path)


def load(**environment: str) -> Settings:
    """The settings that these variables ask for."""
    return config.load(environment)


def refused(**environment: str) -> str:
    """What is said of settings that may not be: one line."""
    with pytest.raises(BadSetting) as refusal:
        config.load(environment)
    told = str(refusal.value)
    assert "\n" not in told
    return told


# Defaults


def test_without_any_variable(user: Path) -> None:
    """All is in ~/.agentd; leases last 300 s, contexts have 50 events, the log is at info."""
    base = user / ".agentd"
    assert load() == Settings(base, base / "agent_state.db", base / "agentd.sock", 300, 50, INFO)


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument the variables are those of the process."""
    monkeypatch.setenv("AGENTD_NODE_TIMEOUT_SECS", "77")
    assert config.load().node_timeout_secs == 77


def test_database_and_socket_follow_the_home() -> None:
    """With AGENTD_HOME alone, database and socket are in it."""
    found = load(AGENTD_HOME="/srv/agentd")
    assert found.database == Path("/srv/agentd/agent_state.db")
    assert found.socket_path == Path("/srv/agentd/agentd.sock")


# The env file


def test_the_env_file_wins_over_the_defaults(tmp_path: Path) -> None:
    """A value in the env file is used; what the file leaves out keeps its default."""
    file = env_file(tmp_path / "env", "# a comment\n\nAGENTD_NODE_TIMEOUT_SECS=66 # mine\n")
    found = load(AGENTD_ENV_FILE=file)
    assert (found.node_timeout_secs, found.context_event_limit) == (66, 50)


def test_the_environment_wins_over_the_env_file(tmp_path: Path) -> None:
    """A value in the process environment is used, whatever the env file says."""
    file = env_file(tmp_path / "env", "AGENTD_NODE_TIMEOUT_SECS=66\nAGENTD_CONTEXT_EVENT_LIMIT=6\n")
    found = load(AGENTD_ENV_FILE=file, AGENTD_NODE_TIMEOUT_SECS="88")
    assert (found.node_timeout_secs, found.context_event_limit) == (88, 6)


def test_the_default_env_file(user: Path) -> None:
    """Where AGENTD_ENV_FILE is not set, it is ~/.agentd/.env."""
    env_file(user / ".agentd" / ".env", 'AGENTD_CONTEXT_EVENT_LIMIT="7"\n')
    assert load().context_event_limit == 7


def test_a_home_in_the_environment_has_the_env_file(user: Path, tmp_path: Path) -> None:
    """AGENTD_HOME in the process environment says where the env file is; then no other is read."""
    env_file(user / ".agentd" / ".env", "AGENTD_NODE_TIMEOUT_SECS=1\n")
    env_file(tmp_path / "h" / ".env", "AGENTD_CONTEXT_EVENT_LIMIT=7\nAGENTD_HOME=/elsewhere\n")
    found = load(AGENTD_HOME=str(tmp_path / "h"))
    assert (found.node_timeout_secs, found.context_event_limit) == (300, 7)
    assert found.home == tmp_path / "h"


def test_a_home_in_the_env_file_moves_no_env_file(user: Path, tmp_path: Path) -> None:
    """AGENTD_HOME may stand in the default env file, which is the one that is read all the same."""
    env_file(user / ".agentd" / ".env", f"AGENTD_HOME={tmp_path}/h\nAGENTD_LOG=warn\n")
    env_file(tmp_path / "h" / ".env", "AGENTD_LOG=off\n")
    found = load()
    assert (found.home, found.log_level) == (tmp_path / "h", LEVELS["warn"])


def test_an_env_file_that_was_named_wins_over_the_homes(tmp_path: Path) -> None:
    """With AGENTD_ENV_FILE, AGENTD_HOME says nothing of the env file."""
    env_file(tmp_path / "h" / ".env", "AGENTD_NODE_TIMEOUT_SECS=1\n")
    file = env_file(tmp_path / "env", "AGENTD_CONTEXT_EVENT_LIMIT=7\n")
    found = load(AGENTD_HOME=str(tmp_path / "h"), AGENTD_ENV_FILE=file)
    assert (found.node_timeout_secs, found.context_event_limit) == (300, 7)


def test_a_relative_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It and its env file are in the working directory; `~` is the user's home, as elsewhere."""
    env_file(tmp_path / "h" / ".env", "AGENTD_CONTEXT_EVENT_LIMIT=7\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for home in ("h", "./h", "~/h", " h "):
        found = load(AGENTD_HOME=home)
        assert (found.home, found.context_event_limit) == (tmp_path / "h", 7)


@pytest.mark.parametrize("name", ["AGENTD_HOME", "AGENTD_ENV_FILE"])
@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_place_of_the_env_file(user: Path, name: str, value: str) -> None:
    """No other file is read instead, whatever the loop or the daemon needs of it."""
    env_file(user / ".agentd" / ".env", "AGENTD_HOME=/srv/agentd\n")
    told = f"{name} is set but empty: give it a value or unset it"
    assert refused(**{name: value}) == told
    assert envfile.env_file({name: value}).problem == told


def test_a_home_without_an_env_file(tmp_path: Path) -> None:
    """One that may be there need not be; nor does the home, or one that is no folder."""
    (tmp_path / "file").touch()
    for home in (tmp_path, tmp_path / "missing", tmp_path / "file"):
        assert load(AGENTD_HOME=str(home)).home == home
        assert envfile.env_file({"AGENTD_HOME": str(home)}).is_there is False


def test_a_homes_env_file_that_cannot_be_used(tmp_path: Path) -> None:
    """One that is there has to be right, and is named as what it is."""
    (tmp_path / ".env").mkdir()
    assert refused(AGENTD_HOME=str(tmp_path)).startswith(f"the env file {tmp_path}/.env cannot be")
    env_file(tmp_path / "h" / ".env", "nonsense\n")
    assert refused(AGENTD_HOME=f"{tmp_path}/h") == f"{tmp_path}/h/.env, line 1: expected NAME=value"


def test_a_home_that_may_not_be_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's home says so itself, when it is used; its env file is told as not seen."""

    def forbidden(_path: Path) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "stat", forbidden)
    found = load(AGENTD_HOME=str(tmp_path))
    assert found.warnings == (
        f"the env file {tmp_path}/.env cannot be looked for: run as the user it belongs to",
    )
    assert "cannot be read" in refused(AGENTD_ENV_FILE=str(tmp_path))


def test_the_env_file_is_not_put_into_the_environment(tmp_path: Path) -> None:
    """Reading the env file changes no variable of the process."""
    load(AGENTD_ENV_FILE=env_file(tmp_path / "env", "AGENTD_CONTEXT_EVENT_LIMIT=7\n"))
    assert "AGENTD_CONTEXT_EVENT_LIMIT" not in os.environ


def test_every_setting_may_stand_in_the_env_file(tmp_path: Path, user: Path) -> None:
    """All variables but AGENTD_ENV_FILE are read from it."""
    text = (
        "AGENTD_HOME=~/h\nAGENTD_DATABASE_URL=sqlite://~/d.db\nAGENTD_SOCKET_PATH=~/s.sock\n"
        "AGENTD_NODE_TIMEOUT_SECS=1\nAGENTD_CONTEXT_EVENT_LIMIT=2\nAGENTD_LOG=warn\n"
    )
    found = load(AGENTD_ENV_FILE=env_file(tmp_path / "env", text))
    warn = LEVELS["warn"]
    assert found == Settings(user / "h", user / "d.db", user / "s.sock", 1, 2, warn)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_an_env_file_that_others_can_read(tmp_path: Path, mode: int) -> None:
    """It is used, with a warning that names it and says what to do."""
    file = env_file(tmp_path / "env", "AGENTD_CONTEXT_EVENT_LIMIT=7\n", mode)
    found = load(AGENTD_ENV_FILE=file)
    assert found.context_event_limit == 7
    [warning] = found.warnings
    assert file in warning
    assert "chmod 600" in warning


def test_an_env_file_of_ones_own(tmp_path: Path) -> None:
    """A file that only its owner can read gets no warning."""
    assert load(AGENTD_ENV_FILE=env_file(tmp_path / "env", "")).warnings == ()


def test_an_env_file_that_is_not_there(tmp_path: Path) -> None:
    """A file that was asked for by name has to be there."""
    path = str(tmp_path / "missing")
    assert refused(AGENTD_ENV_FILE=path) == f"AGENTD_ENV_FILE={path!r}: there is no such file"


def test_an_env_file_that_is_a_folder(tmp_path: Path) -> None:
    """A folder is no env file."""
    assert "AGENTD_ENV_FILE" in refused(AGENTD_ENV_FILE=str(tmp_path))


def test_an_env_file_that_is_not_text(tmp_path: Path) -> None:
    """A file that is not UTF-8 cannot be read, and is named."""
    file = env_file(tmp_path / "env", b"AGENTD_HOME=\xff\n")
    told = refused(AGENTD_ENV_FILE=file)
    assert told.startswith(f"AGENTD_ENV_FILE={file!r} cannot be read: ")


@pytest.mark.parametrize("line", ["AGENTD_LOG: warn", "AGENTD_LOG", "AGENTD_LOG='warn"])
def test_a_line_that_sets_nothing(tmp_path: Path, line: str) -> None:
    """A line that is no NAME=value is pointed out, never passed over in silence."""
    told = refused(AGENTD_ENV_FILE=env_file(tmp_path / "env", f"# mine\n{line}\n"))
    assert told.endswith(f", line 2, {line!r}: expected NAME=value")


@pytest.mark.parametrize("line", ["DEEPSEEK_API_KEY: sk-hidden", "sk-hidden", "export sk-hidden"])
def test_a_line_that_may_hold_a_secret(tmp_path: Path, line: str) -> None:
    """A line that is none of our settings is told by its number alone: it may be somebody's key."""
    file = env_file(tmp_path / "env", f"A=1\n\n# mine\n\n{line}\n")
    assert refused(AGENTD_ENV_FILE=file) == f"{file}, line 5: expected NAME=value"


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
    "postgres://localhost/agentd",
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


@pytest.mark.parametrize("name", ["AGENTD_NODE_TIMEOUT_SECS", "AGENTD_LOG"])
def test_a_bad_value_in_the_env_file(tmp_path: Path, name: str) -> None:
    """A value is no better for standing in the env file."""
    assert name in refused(AGENTD_ENV_FILE=env_file(tmp_path / "env", f"{name}=soon\n"))


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


@pytest.mark.parametrize(
    ("value", "uids"), [("0", (0,)), (" 1000 ", (1000,)), ("1000, 1001,5", (1000, 1001, 5))]
)
def test_users(value: str, uids: tuple[int, ...]) -> None:
    """One or several, by their numbers; root where nothing is set."""
    assert load(AGENTD_ALLOW_UID=value).allowed_uids == uids
    assert load().allowed_uids == (0,)


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
    assert level_of("AGENTD_LOG", level.upper()) == LEVELS[level]
    assert level_of("AGENTD_LOG", f"agentd={level}") == LEVELS[level]


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
    assert level_of("AGENTD_LOG", value) == LEVELS[level]


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
    assert shared_level(value) == (LEVELS[level], left_out)
    assert load(RUST_LOG=value).log_level == LEVELS[level]
    assert len(load(RUST_LOG=value).warnings) == (1 if left_out else 0)


def test_what_is_left_out_of_rust_log_is_told() -> None:
    """As a warning, which says what to set instead; where AGENTD_LOG is set, nothing is."""
    assert load(RUST_LOG="hyper=debug,[,}").warnings == (
        "what cannot be read in RUST_LOG is left out ('[, }'): set AGENTD_LOG for agentd alone",
    )
    assert load(RUST_LOG="[", AGENTD_LOG="warn").warnings == ()
