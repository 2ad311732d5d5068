"""What can be set for the loop, where each value comes from, and that the key is seen nowhere."""

from pathlib import Path

import pytest

from agentd.cli.worker import options
from agentd.config import find_misspelled_names
from agentd.config.envfile import EnvFile
from agentd.config.values import Flag, Values
from agentd.errors import BadSetting
from agentd.loop.secret import Secret
from agentd.loop.settings import MOST_WORKERS, OFFLINE_KEY, Settings, load

KEY = "sk-0123456789abcdef"


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a user who has set nothing."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def loaded(**environment: str) -> Settings:
    """The settings that these variables ask for, beside a key."""
    return load(None, {"DEEPSEEK_API_KEY": KEY, **environment})


def refused(**environment: str) -> str:
    """What is said of settings that may not be: one line."""
    with pytest.raises(BadSetting) as refusal:
        loaded(**environment)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_the_defaults(user: Path) -> None:
    """With a key alone, the loop asks DeepSeek's quick model for short answers."""
    found = loaded()
    assert found.key.reveal() == KEY
    assert found[1:] == (
        "https://api.deepseek.com",
        "deepseek-v4-flash",
        120,
        0.2,
        2,
        user / ".agentd" / "artifacts",
    )


def test_artifacts_follow_the_home() -> None:
    """Where AGENTD_ARTIFACT_DIR is not set, artifacts are in AGENTD_HOME."""
    assert loaded(AGENTD_HOME="/srv/a").artifact_dir == Path("/srv/a/artifacts")


def test_the_env_file_follows_the_home(tmp_path: Path) -> None:
    """It is the file that the daemon reads: `$AGENTD_HOME/.env` where the environment sets that."""
    file = tmp_path / ".env"
    file.touch(mode=0o600)
    file.write_text(f"DEEPSEEK_API_KEY={KEY}\nDEEPSEEK_MODEL=file\n")
    assert load({}, {"AGENTD_HOME": str(tmp_path)}).model == "file"


def test_flags_win_over_the_environment_and_that_over_the_env_file(user: Path) -> None:
    """Each variable comes from the first place that sets it."""
    file = user / "env"
    file.touch(mode=0o600)
    file.write_text(
        f"DEEPSEEK_API_KEY={KEY}\nDEEPSEEK_MODEL=file\nDEEPSEEK_MAX_TOKENS=1\n"
        "AGENTD_AGENT_WORKERS=3\n"
    )
    environment = {
        "AGENTD_ENV_FILE": str(file),
        "DEEPSEEK_MODEL": "environment",
        "DEEPSEEK_MAX_TOKENS": "2",
    }
    found = load({"DEEPSEEK_MODEL": Flag("--model", "flag")}, environment)
    assert (found.key.reveal(), found.model) == (KEY, "flag")
    assert (found.max_tokens, found.workers) == (2, 3)


def test_a_worker_reads_the_same_settings() -> None:
    """What the loop puts into a worker's environment makes it read what the loop has read."""
    found = loaded(DEEPSEEK_TEMPERATURE="1.25", DEEPSEEK_BASE_URL="http://localhost:1/v1/")
    again = load(None, found.environment())
    assert again._replace(key=found.key) == found
    assert again.key.reveal() == KEY


def test_without_a_key() -> None:
    """What is missing is named, with the way to do without it."""
    with pytest.raises(BadSetting, match=r"DEEPSEEK_API_KEY is not set.*agentd loop --offline"):
        load(None, {})


def test_offline_takes_no_key() -> None:
    """The endpoint on loopback gets no real key, even where there is one."""
    found = load(None, {"DEEPSEEK_API_KEY": KEY}, offline=True)
    assert found.key.reveal() == OFFLINE_KEY


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("DEEPSEEK_MAX_TOKENS", ["0", "x", "1.5", "1000001"], "tokens, a whole number from 1 to"),
        ("AGENTD_AGENT_WORKERS", ["0", "65", "-1"], "workers, a whole number from 1 to 64"),
        ("DEEPSEEK_TEMPERATURE", ["-0.1", "2.1", "nan", "inf", "warm"], "a number from 0 to 2"),
        ("DEEPSEEK_MODEL", ["a\x1bb"], "the name of a model"),
        ("DEEPSEEK_BASE_URL", ["api", "ftp://a", "http://", "http://a:x", "http://a b"], "a URL"),
    ],
)
def test_values_that_do_not_parse(name: str, values: list[str], expected: str) -> None:
    """The variable, the value and what is expected are named."""
    for value in values:
        assert refused(**{name: value}).startswith(f"{name}={value!r}: expected {expected}")


@pytest.mark.parametrize("url", ["https://me:word@host", "https://host/?key=word", "http://h#word"])
def test_a_url_with_a_secret_in_it(url: str) -> None:
    """A user, a query or a fragment is refused, and not repeated."""
    told = refused(DEEPSEEK_BASE_URL=url)
    assert told.startswith("DEEPSEEK_BASE_URL has a user, a query or a fragment in it")
    assert "word" not in told


@pytest.mark.parametrize("key", ["sk 1234", "sk-\u00e41234", "sk-12\n34", "sk-\x7f1234"])
def test_a_key_that_no_header_takes(key: str) -> None:
    """It is refused before it gets into a request, and not repeated."""
    told = refused(DEEPSEEK_API_KEY=key)
    assert told.startswith("DEEPSEEK_API_KEY has ")
    assert "34" not in told


def test_an_empty_key() -> None:
    """An empty variable is pointed out."""
    assert refused(DEEPSEEK_API_KEY=" ").startswith("DEEPSEEK_API_KEY is set but empty")


def test_a_secret_does_not_show() -> None:
    """Neither the settings' repr nor a text that was scrubbed has the key in it."""
    found = loaded()
    assert KEY not in repr(found)
    assert KEY not in f"{found.key} {found.key!r}"
    assert found.key.scrub(f"Bearer {KEY}, again {KEY}") == "Bearer [key], again [key]"


def test_a_secret_is_found_in_other_spellings() -> None:
    """A server may escape what it repeats."""
    scrub = Secret("sk-a/b+c=").scrub
    assert scrub(r"sk-a\/b+c= sk-a%2Fb%2Bc%3D") == "[key] [key]"


def test_doctor_knows_the_names() -> None:
    """The loop's own variables are settings of agentd's; a slip of one is not."""
    names = ["AGENTD_AGENT_WORKERS", "AGENTD_ARTIFACT_DIR", "AGENTD_ARTIFACTS_DIR"]
    [(told, _advice)] = find_misspelled_names(dict.fromkeys(names, "x"), EnvFile(None))
    assert told == "AGENTD_ARTIFACTS_DIR in the environment is no setting of agentd's"


def test_a_flag_wins_over_the_environment() -> None:
    """What stands on the command line is used, whatever the environment says."""
    flags = {"AGENTD_CONTEXT_EVENT_LIMIT": Flag("--events", "8")}
    values = Values({"AGENTD_CONTEXT_EVENT_LIMIT": "6"}, EnvFile(None), flags)
    assert values.whole_number("AGENTD_CONTEXT_EVENT_LIMIT", 5, "events") == 8


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("65", "--events='65': expected events, a whole number from 1 to 64"),
        ("0", "--events='0': expected events, a whole number from 1 to 64"),
        (" ", "--events is set but empty: give it a value or unset it"),
    ],
)
def test_a_flag_that_does_not_parse(value: str, told: str) -> None:
    """The error names the flag, not the variable that it stands for."""
    values = Values({}, EnvFile(None), {"AGENTD_X": Flag("--events", value)})
    with pytest.raises(BadSetting) as refusal:
        values.whole_number("AGENTD_X", 5, "events", 1, 64)
    assert str(refusal.value) == told


def test_the_command_line_knows_the_bound() -> None:
    """As many agents as a setting may ask for, a flag may ask for."""
    assert options.MOST_AGENTS == MOST_WORKERS
