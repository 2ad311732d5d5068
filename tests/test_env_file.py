"""The env file: where it is looked for, what it sets, and what is said of one that is not right."""

import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from agentd.config import Settings, envfile
from agentd.logfilter import LEVELS
from tests.settings import env_file, load, refused


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a user who has set nothing."""
    home = tmp_path / "user"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


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
    secret = user / "h" / "tcp.secret"
    assert found == Settings(
        user / "h", user / "d.db", user / "s.sock", 1, 2, warn, secret_file=secret
    )


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


@pytest.mark.parametrize("value", ["a {} # b", "a{}", "don't {}"], ids=["comment", "end", "quote"])
def test_many_blanks_in_a_value_without_quotes(tmp_path: Path, value: str) -> None:
    """They take quadratic time to read, so the line is refused, and how to write it is said."""
    file = env_file(tmp_path / "env", f"# mine\nA={value.format(' ' * 200)}\n")
    assert refused(AGENTD_ENV_FILE=file) == (
        f"{file}, line 2: 200 blanks in a row: put the value in quotes"
    )


def test_many_blanks_elsewhere(tmp_path: Path) -> None:
    """In quotes, in comments and in empty lines blanks are as good as other characters."""
    blanks = " " * 300
    text = f"#{blanks}a = b{blanks}c\n{blanks}\nAGENTD_HOME='{tmp_path}/{blanks}x'\n"
    assert load(AGENTD_ENV_FILE=env_file(tmp_path / "env", text)).home.name == f"{blanks}x"


@pytest.mark.parametrize("line", ["DEEPSEEK_API_KEY: sk-hidden", "sk-hidden", "export sk-hidden"])
def test_a_line_that_may_hold_a_secret(tmp_path: Path, line: str) -> None:
    """A line that is none of our settings is told by its number alone: it may be somebody's key."""
    file = env_file(tmp_path / "env", f"A=1\n\n# mine\n\n{line}\n")
    assert refused(AGENTD_ENV_FILE=file) == f"{file}, line 5: expected NAME=value"
