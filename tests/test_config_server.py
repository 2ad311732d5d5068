"""A database on a server: the setting, and who is told its password."""

from pathlib import Path

import pytest

from agentd import config
from agentd.config.envfile import env_file as read_env_file
from agentd.config.server import environment_for_commands
from agentd.server_url import parse_server_url
from tests.settings import env_file, load, refused

URL = "AGENTD_DATABASE_URL"
WORD = "hunter2"
WHOLE = f"postgresql://ann:{WORD}@h/d?sslmode=require"
SHOWN = "postgresql://ann@h/d?sslmode=require"


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a user who has set nothing."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_server() -> None:
    """The URL of a server says where the database is, and there is no file."""
    found = load(AGENTD_HOME="/srv/agentd", AGENTD_DATABASE_URL=f" {WHOLE} ")
    assert found.server == parse_server_url(WHOLE)
    assert found.home == Path("/srv/agentd")
    assert load(AGENTD_DATABASE_URL="/srv/a.db").server is None
    assert load().server is None


def test_settings_show_no_password(tmp_path: Path) -> None:
    """Neither the settings nor what is explained of each turn into text that has it."""
    given = {URL: WHOLE, "AGENTD_ENV_FILE": env_file(tmp_path / "env", "")}
    known = config.explain_settings(given, read_env_file(given))
    assert WORD not in f"{load(**given)} {known}"
    [value] = [each.value for each in known if each.name == URL]
    assert str(value) == SHOWN


@pytest.mark.parametrize(
    ("variables", "file", "password"),
    [
        ({URL: WHOLE, "PGPASSWORD": "other"}, "", WORD),
        ({URL: SHOWN, "PGPASSWORD": WORD}, "", WORD),
        ({URL: SHOWN}, f"PGPASSWORD={WORD}", WORD),
        ({URL: SHOWN, "PGPASSWORD": WORD}, "PGPASSWORD=other", WORD),
        ({"PGPASSWORD": WORD}, f"{URL}={SHOWN}", WORD),
        ({}, f"{URL}={WHOLE}", WORD),
        ({URL: SHOWN, "PGPASSWORD": ""}, "", None),
        ({URL: SHOWN}, "", None),
    ],
)
def test_where_its_password_is(
    tmp_path: Path, variables: dict[str, str], file: str, password: str | None
) -> None:
    """In the URL, else in PGPASSWORD, in the environment or the env file; else libpq looks."""
    path = env_file(tmp_path / "env", f"{file}\n")
    found = load(AGENTD_ENV_FILE=path, **variables).server
    bare = parse_server_url(SHOWN)
    assert found == (bare if password is None else bare.with_password(password))


@pytest.mark.parametrize(
    "text", [f"host=h dbname=d password={WORD}", f"  password = {WORD}\thost=/run/postgresql"]
)
def test_keywords_are_no_file(text: str) -> None:
    """Libpq's other form is refused, and not repeated: it is neither a path nor without secrets."""
    told = refused(**{URL: text})
    assert "expected postgresql://USER@HOST/DATABASE, not libpq's form of keywords" in told
    assert WORD not in told


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (f"postgresql://ann:{WORD}@h", "'postgresql://ann:***@h': no database is named: add its"),
        (f"postgresql://ann:{WORD}/x@h/d", "'postgresql://ann:***@h/d': expected one @ at most"),
        (f"mysql://ann:{WORD}@h/d", "'mysql://ann:***@h/d': expected sqlite:// and a path, such"),
        (f"ann:{WORD}@h/d", "'ann:***@h/d': expected sqlite:// and a path, such as"),
        (f"sqlite://ann:{WORD}@h/d?", "'sqlite://ann:***@h/d?…': expected sqlite:// and a path"),
    ],
    ids=["database", "twice", "scheme", "none", "sqlite"],
)
def test_a_bad_url(tmp_path: Path, url: str, told: str) -> None:
    """It is refused with what is wrong, where it stands, and no password."""
    assert refused(**{URL: url}).startswith(f"{URL}={told}")
    file = env_file(tmp_path / "env", f"{URL}='{url}'\n")
    in_file = refused(AGENTD_ENV_FILE=file)
    assert in_file.startswith(f"{URL}={told}")
    assert in_file.endswith(f" (in {file})")
    assert WORD not in in_file


@pytest.mark.parametrize(
    "line", [f"{URL} {WHOLE}", f"{URL}='{WHOLE}", f"{URL}: postgresql://h/d?password={WORD}"]
)
def test_a_line_of_ours_that_may_hold_a_secret(tmp_path: Path, line: str) -> None:
    """A line that cannot be read is told by its number alone where it may have a password."""
    file = env_file(tmp_path / "env", f"# mine\n{line}\n")
    assert refused(AGENTD_ENV_FILE=file) == f"{file}, line 2: expected NAME=value"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({URL: WHOLE, "PGPASSWORD": WORD, "A": "b"}, {URL: SHOWN, "A": "b"}),
        ({URL: SHOWN, "PGPASSFILE": "/p"}, {URL: SHOWN, "PGPASSFILE": "/p"}),
        ({URL: f"postgresql://ann:{WORD}@h"}, {URL: "postgresql://ann:***@h"}),
        ({URL: "/srv/a.db", "PGPASSWORD": WORD}, {URL: "/srv/a.db", "PGPASSWORD": WORD}),
        ({"PGPASSWORD": WORD}, {"PGPASSWORD": WORD}),
    ],
)
def test_what_commands_are_told(before: dict[str, str], after: dict[str, str]) -> None:
    """A command of the user's knows which database it is, and no password of agentd's."""
    assert environment_for_commands(before) == after


def test_what_commands_are_told_of_the_env_file(tmp_path: Path) -> None:
    """Where the env file names the server, PGPASSWORD is agentd's as well."""
    file = env_file(tmp_path / "env", f"{URL}={SHOWN}\n")
    given = {"AGENTD_ENV_FILE": file, "PGPASSWORD": WORD}
    assert environment_for_commands(given) == {"AGENTD_ENV_FILE": file}
    assert environment_for_commands({**given, "AGENTD_ENV_FILE": f"{file}-not-there"})["PGPASSWORD"]
