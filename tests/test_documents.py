"""What the documents say is what the program does.

README.md and .env.example are compared with the program, table by table. What the README tells
people to type is run in test_readme_session.py.
"""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import agentd
from agentd import config
from agentd.config.envfile import DEFAULT_ENV_FILE
from agentd.errors import WIRE_ERRORS
from agentd.logfilter import DEFAULT_LEVEL, parse_filter
from agentd.loop import settings as loop_settings
from agentd.methods import METHODS
from tests.daemon_process import REPOSITORY
from tests.documents import README, found, quoted, rows, section, settings, text

PACKAGE = REPOSITORY / "agentd"
CONTRACT = REPOSITORY.parent / "shared" / "design" / "wire-protocol.md"
LOOP = REPOSITORY / "docs" / "agent-loop.md"
LONGEST_README = 320


def example_settings() -> dict[str, str]:
    """The variables of .env.example, with their defaults."""
    lines = found(r"^# ([A-Z_]+=.*)$", text(REPOSITORY / ".env.example"))
    return {name: default for name, _, default in (line.partition("=") for line in lines)}


def rooms() -> set[str]:
    """The files and folders of the package, as the layout names them."""
    files = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py"}
    return files | {f"{path.parent.name}/" for path in PACKAGE.glob("*/__init__.py")}


@cache
def help_of_agentd() -> str:
    """What `agentd --help` prints."""
    command = [sys.executable, "-m", "agentd", "--help"]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return ended.stdout


# The README's tables


def test_the_readme_lists_the_methods() -> None:
    """The methods of the README are those of the program, in its order, with their aliases."""
    told = [(quoted(name)[0], quoted(aliases)) for name, aliases, _ in rows(section("Methods"))]
    assert told == [(method.name, method.aliases) for method in METHODS]


def test_the_readme_lists_the_errors() -> None:
    """Every kind of error that a client can see is in the README with its code."""
    told = {(int(code), quoted(kind)[0]) for code, kind, _ in rows(section("Errors"))}
    assert told == {(error.code, error.kind) for error in WIRE_ERRORS}


def test_the_readme_lists_the_settings() -> None:
    """The README, the loop's page and .env.example tell of the same variables and defaults."""
    told = settings(rows(section("Configuration"))) | settings(rows(section("Settings", LOOP)))
    assert told == example_settings()


def test_the_readme_lists_the_exit_codes() -> None:
    """The exit codes of the README are those of `agentd --help`, word for word."""
    told = ["  ".join(row) for row in rows(section("Command line")) if row[0].isdigit()]
    assert told == found(r"^  (\d+  .+)$", help_of_agentd())


def test_the_readme_lists_the_verbs() -> None:
    """The verbs of the README are those of `agentd --help`."""
    told = [quoted(row[0]) for row in rows(section("Command line"))]
    verbs = {command[0].split()[1] for command in told if command}
    assert verbs == set(found(r"^    ([\w-]+) ", help_of_agentd()))


def test_the_readme_quotes_what_the_program_says() -> None:
    """A message that Troubleshooting explains is a message of the program."""
    source = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    messages = [quoted(row[0])[0] for row in rows(section("Troubleshooting"))]
    parts = [part.strip() for message in messages for part in message.split("…") if part.strip()]
    assert len(parts) >= len(messages) >= 5
    assert [part for part in parts if part not in source] == []


# The layout, and what the README points at


def test_the_readme_maps_every_room() -> None:
    """Every file and folder of the package stands in the layout, and nothing that is not there."""
    names = {name for row in rows(section("Layout")) for name in quoted(row[0])}
    folders = {f"{path.name}/" for path in REPOSITORY.iterdir() if path.is_dir()}
    assert {name.removeprefix("agentd/") for name in names} - folders == rooms()


def test_the_package_maps_every_room() -> None:
    """The map in the package's docstring names every room, and none that is not there."""
    mapped = re.findall(r"^    (\w+)/?  |; (\w+):", agentd.__doc__ or "", re.MULTILINE)
    names = {room.removesuffix(".py").strip("/") for room in rooms()}
    assert {first or second for first, second in mapped} - {"agentd"} == names - {"__main__"}


def test_the_readme_links_to_what_is_there() -> None:
    """A link into the repository leads to a file."""
    targets = found(r"\]\((?!https?:)([^)#]+)\)", text(README))
    assert targets
    assert [target for target in targets if not (REPOSITORY / target).is_file()] == []


def test_the_readme_names_targets_that_make_knows() -> None:
    """A `make` command in the README is a target of the Makefile."""
    named = set(found(r"`make (\w+)`", text(README)))
    targets = set(found(r"^(\w+):", text(REPOSITORY / "Makefile")))
    assert {"demo", "test"} <= named <= targets


def test_the_readme_is_short() -> None:
    """A stranger gets through it."""
    assert len(text(README).splitlines()) <= LONGEST_README


# .env.example


def test_the_example_has_each_variable_once() -> None:
    """Every variable that the program reads is there once, and no other."""
    source = (
        text(PACKAGE / "config" / "__init__.py")
        + text(PACKAGE / "config" / "envfile.py")
        + text(PACKAGE / "loop" / "settings.py")
    )
    read = set(re.findall(r'"((?:AGENTD|DEEPSEEK)_[A-Z_]+)"', source))
    assert sorted(found(r"^#? ?(\w+)=", text(REPOSITORY / ".env.example"))) == sorted(read)


def test_the_example_is_comments_only() -> None:
    """Copied as it is, the example changes nothing."""
    lines = text(REPOSITORY / ".env.example").splitlines()
    assert [line for line in lines if line and not line.startswith("# ")] == []


def test_the_example_has_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every line of the example uncommented, the settings are those without it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "env"
    file.touch(mode=0o600)
    file.write_text("".join(f"{name}={value}\n" for name, value in example_settings().items()))
    environment = {"AGENTD_ENV_FILE": str(file)}
    assert config.load(environment) == config.load({})
    told, default = (loop_settings.load(None, env, offline=True) for env in (environment, {}))
    assert told._replace(key=default.key) == default


def test_the_example_names_the_default_file_and_filter() -> None:
    """The two defaults that do not show in the settings are right as well."""
    told = example_settings()
    assert told["AGENTD_ENV_FILE"] == DEFAULT_ENV_FILE
    assert parse_filter("AGENTD_LOG", told["AGENTD_LOG"]) == DEFAULT_LEVEL


# The contract


def test_the_contract_is_kept() -> None:
    """Methods, aliases, error kinds and settings are those of the wire protocol's own document."""
    if not CONTRACT.is_file():
        pytest.skip(f"the wire protocol's document is outside this repository: no {CONTRACT}")
    headings = found(r"^### ([A-Z]\w+(?: / \w+)?)", section("Methods", CONTRACT))
    names = [name for heading in headings for name in heading.split(" / ")]
    aliases = {name: {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()} for name in names}
    aliases["TaskStatus"] |= {"GetTaskStatus", "get_task_status"}
    ours = {method.name: set(method.aliases) for method in METHODS}
    assert aliases.items() <= ours.items()
    table = [(int(row[0]), quoted(row[2])) for row in rows(section("Errors", CONTRACT))]
    errors = {(code, kind) for code, kinds in table for kind in kinds if kind.isidentifier()}
    assert errors <= {(error.code, error.kind) for error in WIRE_ERRORS}
    environment = settings(rows(section("Environment", CONTRACT)))
    ours_too = {
        "AGENTD_ADDRESS": "",
        "AGENTD_SECRET_FILE": "~/.agentd/tcp.secret",
        "AGENTD_ALLOW_UID": "0",
        "AGENTD_CONTEXT_BYTES": "262144",
        "AGENTD_LOG_BYTES": "1073741824",
        "AGENTD_NOTIFY": "",
        "AGENTD_CONNECT_SECS": "2",
        "AGENTD_AUTOSTART": "0",
    }
    assert environment | ours_too == settings(rows(section("Configuration")))
