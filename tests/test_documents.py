"""What the documents say is what the program does.

The pages of docs/ and .env.example are compared with the program, table by table. What the README
tells people to type is run in test_readme.py.
"""

import re
import subprocess
import sys
import tomllib
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
from tests.documents import README, blocks, found, quoted, rows, section, settings, text

PACKAGE = REPOSITORY / "agentd"
CONTRACT = REPOSITORY.parent / "shared" / "design" / "wire-protocol.md"
DOCS = REPOSITORY / "docs"
ARCHITECTURE = DOCS / "architecture.md"
COMMAND_LINE = DOCS / "command-line.md"
CONFIGURATION = DOCS / "configuration.md"
INSTALL = DOCS / "install.md"
LOOP = DOCS / "agent-loop.md"
PROTOCOL = DOCS / "protocol.md"
TROUBLESHOOTING = DOCS / "troubleshooting.md"
DEVELOPERS = {"dev", "browser", "bench", "soak", "dist"}
"""Extras for those who change agentd."""


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


# The tables


def test_the_protocol_lists_the_methods() -> None:
    """The methods in short are those of the program, in its order; each leads to its part."""
    table = rows(section("Methods", PROTOCOL).partition("### ")[0])
    told = [(quoted(link)[0], link.partition("](")[2]) for link, _ in table]
    assert told == [(method.name, f"#{method.name.lower()})") for method in METHODS]


def test_the_settings() -> None:
    """The page of settings, the loop's and .env.example tell of the same variables and defaults."""
    told = settings(rows(section("Settings", CONFIGURATION)))
    assert told | settings(rows(section("Settings", LOOP))) == example_settings()


def test_the_exit_codes() -> None:
    """The exit codes of the page are those of `agentd --help`, word for word."""
    told = ["  ".join(row) for row in rows(section("Exit codes", COMMAND_LINE))]
    assert told == found(r"^  (\d+  .+)$", help_of_agentd())


def test_the_verbs() -> None:
    """The verbs of the page are those of `agentd --help`."""
    verbs = {quoted(row[0])[0].split()[1] for row in rows(section("Verbs", COMMAND_LINE))}
    assert verbs == set(found(r"^    ([\w-]+) ", help_of_agentd()))


def test_the_extras() -> None:
    """The extras of the page are those that pyproject.toml has for users."""
    told = {quoted(row[0])[0] for row in rows(section("Extras", INSTALL))}
    extras = tomllib.loads(text(REPOSITORY / "pyproject.toml"))["project"]["optional-dependencies"]
    assert told == extras.keys() - DEVELOPERS


def test_the_messages() -> None:
    """A message that is explained is a message of the program."""
    source = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    told = rows(section("What agentd says", TROUBLESHOOTING))
    messages = [message for row in told for message in quoted(row[0])]
    parts = [part.strip() for message in messages for part in message.split("…") if part.strip()]
    assert len(parts) >= len(messages) >= len(told) >= 5
    assert [part for part in parts if part not in source] == []


# The layout


def test_the_page_maps_every_folder() -> None:
    """Every folder of the repository stands in the layout, and none that is not there."""
    told = {quoted(row[0])[0] for row in rows(section("Layout", ARCHITECTURE))}
    built = tomllib.loads(text(REPOSITORY / "pyproject.toml"))["tool"]["hatch"]["build"]
    packed = [name.strip("/") for name in built["targets"]["sdist"]["include"]]
    folders = {name for name in packed if (REPOSITORY / name).is_dir() and name[0] != "."}
    assert told == {f"{name}/" for name in folders}


def test_the_page_maps_every_room() -> None:
    """The map of the package in the layout is that of its docstring, letter by letter."""
    _, head, rest = (agentd.__doc__ or "").partition("pure, without clock")
    assert blocks(section("Layout", ARCHITECTURE), "text") == [head + rest]


def test_the_package_maps_every_room() -> None:
    """The map in the package's docstring names every room, and none that is not there."""
    mapped = re.findall(r"^    (\w+)/?  |; (\w+):", agentd.__doc__ or "", re.MULTILINE)
    names = {room.removesuffix(".py").strip("/") for room in rooms()}
    assert {first or second for first, second in mapped} - {"agentd"} == names - {"__main__"}


def test_the_make_commands() -> None:
    """A `make` command in the README and the page of the layout is a target of the Makefile."""
    named = {page: set(found(r"`make ([\w-]+)", text(page))) for page in (README, ARCHITECTURE)}
    targets = set(found(r"^([\w-]+):", text(REPOSITORY / "Makefile")))
    assert {"demo", "test"} <= named[README]
    assert named[README] | named[ARCHITECTURE] <= targets


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
        "AGENTD_DATABASE_WAIT_SECS": "10",
        "AGENTD_ADDRESS": "",
        "AGENTD_SECRET_FILE": "~/.agentd/tcp.secret",
        "AGENTD_ALLOW_UID": "0",
        "AGENTD_CONTEXT_BYTES": "262144",
        "AGENTD_LOG_BYTES": "1073741824",
        "AGENTD_NOTIFY": "",
        "AGENTD_CONNECT_SECS": "2",
        "AGENTD_AUTOSTART": "0",
        "AGENTD_LOG_FORMAT": "text",
    }
    assert environment | ours_too == settings(rows(section("Settings", CONFIGURATION)))
