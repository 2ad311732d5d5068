"""`agentd setup` where something is in its way, and what it shows."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from agentd.cli.setup import run
from agentd.cli.setup.show import diff_lines
from agentd.setup.files import Change
from agentd.setup.plan import Planned, plan_set_up
from agentd.setup.record import NAME
from tests.command_line import on_a_terminal
from tests.setting_up import SETTINGS, SOMEBODYS, Place, make_place, tree

SOCKET = "socket in the sandbox"


@pytest.fixture
def place(home: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A project in a user's home, an agentd that stays, and no time to wait."""
    return make_place(home, monkeypatch)


@pytest.mark.parametrize(
    ("harness", "name", "content", "told"),
    [
        ("claude", SETTINGS, '{"a": 1,\n  nope}', "it is no JSON: line 2, column 3"),
        ("claude", ".mcp.json", '{"mcpServers": []}', "its mcpServers is a list"),
        ("claude", ".mcp.json", b"\xff{}", "is not UTF-8 (byte 0)"),
        ("codex", ".codex/config.toml", "a = \n", "it is no TOML: Invalid value (at line 1"),
        ("codex", ".codex/hooks.json", "{", "it is no JSON: line 1, column 2"),
        ("gemini", ".gemini/settings.json", "\x00", "it is no JSON: line 1, column 1"),
    ],
)
def test_a_file_that_cannot_be_edited(
    place: Place, harness: str, name: str, content: str | bytes, told: str
) -> None:
    """It is named with what is wrong, and neither it nor any other is written."""
    path = place.write(name, content)
    before = tree(place.home.parent)
    ended = place.setup(harness)
    assert ended.code == 1
    assert ended.error.startswith(f"agentd: {path}")
    assert told in ended.error
    assert tree(place.home.parent) == before
    failure = place.data(harness)
    assert (failure["kind"], told in failure["message"]) == ("cannot_set_up", True)


def test_a_file_with_comments(place: Place) -> None:
    """It is left as it is, and what is to be added is told; the others are written."""
    path = place.write(".mcp.json", '{\n  // mine\n  "mcpServers": {}\n}\n')
    before = path.read_bytes()
    ended = place.setup("claude")
    assert ended.code == 1
    (line,) = [line for line in ended.out.splitlines() if line.startswith("left\t")]
    _, _, by_hand = line.partition("add by hand: ")
    assert json.loads(by_hand.removesuffix(")"))["mcpServers"]["agentd"]["args"] == ["mcp"]
    assert path.read_bytes() == before
    assert (place.project / SETTINGS).exists()
    assert place.setup("claude", "--undo").code == 0
    assert tree(place.project) == {".mcp.json": before}


def test_bytes_that_stay(place: Place) -> None:
    """Byte order mark, ends of lines and a link are as they were."""
    real = place.write("dotfiles/s.json", b'\xef\xbb\xbf{\r\n\t"a": 1\r\n}\r\n')
    (place.project / ".claude").mkdir()
    (place.project / SETTINGS).symlink_to("../dotfiles/s.json")
    before = tree(place.project)
    place.setup("claude")
    assert (place.project / SETTINGS).is_symlink()
    content = real.read_bytes()
    assert content.startswith(b'\xef\xbb\xbf{\r\n\t"a": 1,\r\n\t"hooks": {\r\n')
    assert content.count(b"\n") == content.count(b"\r\n")
    place.setup("claude", "--undo")
    assert tree(place.project) == before


def test_an_agent_that_writes_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it wrote over is told, with what to do; --check and doctor say so later, too."""
    path = place.write(SETTINGS, SOMEBODYS)
    before = path.read_bytes()
    monkeypatch.setattr("time.sleep", lambda _secs: path.write_bytes(before))
    ended = place.setup("claude")
    assert ended.code == 1
    assert f"{path}: SessionStart hook: it is not there: an agent that runs wrote" in ended.err
    told = {each["entry"] for each in place.data("claude")["gone"]}
    assert told == {"SessionStart hook", "PostToolUse hook", "PreToolUse hook"} | {SOCKET}
    checked = place.setup("claude", "--check")
    assert checked.code == 1
    assert f"gone\t{path}\tSessionStart hook\tit is not there" in checked.out
    assert f"ok\t{place.project}/.mcp.json\tMCP server\t" in checked.out


def test_an_agent_that_writes_while_we_do(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it wrote since we read is not lost: nothing is written, the record included."""
    path = place.write(SETTINGS, SOMEBODYS)

    def planned(*arguments: Any) -> list[Planned]:
        made = plan_set_up(*arguments)
        path.write_text('{"theirs": 1}')
        return made

    monkeypatch.setattr(run, "plan_set_up", planned)
    ended = place.setup("claude")
    assert ended.error.endswith("settings.json changed meanwhile: run it again")
    assert place.read(SETTINGS) == {"theirs": 1}
    assert not (place.project / ".mcp.json").exists()
    assert not (place.home / NAME).exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "say which agent: claude, codex, cursor or gemini"),
        (("emacs",), "invalid choice: 'emacs'"),
        (("claude", "--user", "--project"), "not allowed with argument"),
        (("claude", "--undo", "--check"), "not allowed with argument"),
    ],
)
def test_usage(place: Place, words: tuple[str, ...], told: str) -> None:
    """A command line that says too little or too much."""
    ended = place.setup(*words)
    assert ended.code == 2
    assert told in ended.err


def test_a_record_that_is_broken(place: Place) -> None:
    """It is named, and nothing is written."""
    place.home.mkdir()
    (place.home / NAME).write_text("{")
    ended = place.setup("claude")
    assert ended.code == 1
    assert f"{place.home / NAME} is no record of set-ups" in ended.error
    assert tree(place.project) == {}


def test_secrets_of_others(place: Place) -> None:
    """What stands beside ours is not shown where it is a secret."""
    other = {"command": "x", "env": {"GITHUB_TOKEN": 's3"cret', "API_KEY": "s3cret", "A": "b"}}
    place.write(".mcp.json", json.dumps({"mcpServers": {"other": other}}))
    place.write(".codex/config.toml", '[x]\nbearer_token = "s3cret"\nb = 1\n')
    shown = place.setup("claude", "--dry-run").out + place.setup("codex", "--dry-run").out
    assert '"GITHUB_TOKEN": "***", "API_KEY": "***", "A": "b"' in shown
    assert "s3" not in shown + json.dumps(place.data("claude", "--dry-run"))


def test_text_of_others(place: Place) -> None:
    """What steers a terminal is spelled out in the diff, and long lines are cut."""
    place.write(SETTINGS, json.dumps({"a\x1b[31m": "\x9b", "b": "x" * 5000}, ensure_ascii=False))
    ended = place.setup("claude", "--dry-run")
    assert "\x1b" not in ended.out
    assert "\x9b" not in ended.out
    assert max(map(len, ended.out.splitlines())) < 600


def test_on_a_terminal(place: Place) -> None:
    """The diff is coloured, and NO_COLOR is heeded."""
    words = ("setup", "claude", "--user", "--dry-run", "--program", str(place.program))
    shown = on_a_terminal(place.home, *words)
    assert shown.code == 0
    assert '\x1b[32m+  "mcpServers": {\x1b[0m' in shown.out
    assert f"created  {place.home.parent}/.claude.json" in shown.plain
    assert "\x1b[32m" not in on_a_terminal(place.home, *words, NO_COLOR="1").out


@pytest.mark.parametrize(
    "line",
    [
        "token = 's3cret'",
        "env = { GITHUB_PAT = 's3cret', PWD = \"s3cret\" }",
        "password = '''s3cret",
        'key = """s3cret',
        'args = ["--api-key", "s3cret"]',
        'command = "x --token s3cret --api-key=s3cret"',
        "command = \"curl -H 'X: Bearer s3cret00'\"",
        'env = { X = "ghp_s3cretabcd", Y = "sk-s3cretabcd" }',
        'url = "https://me:s3cret@example.org/"',
    ],
)
def test_a_secret_in_another_form(line: str) -> None:
    """However it is quoted, and whether a name, an option or its own form tells what it is."""
    change = Change(Path("x.toml"), f"{line}\n".encode(), f"{line}\n[a]\n".encode())
    shown = "\n".join(diff_lines(change))
    assert "***" in shown
    assert "s3cret" not in shown


@pytest.mark.parametrize(
    "line", ['path = "/a"', 'args = ["a", "task-forces-of-mine"]', 'url = "http://a:1/x"']
)
def test_what_is_no_secret(line: str) -> None:
    """It is shown."""
    change = Change(Path("x.toml"), f"{line}\n".encode(), b"")
    assert f"-{line}" in list(diff_lines(change))


def test_half_a_character(place: Place) -> None:
    """JSON can hold what no text can be: it is spelled out, for people and for programs."""
    server = '{"mcpServers": {"agentd": {"command": "/\\ud800/agentd", "args": ["mcp"]}}}'
    place.write(".mcp.json", server)
    assert "it ran /\\ud800/agentd" in place.setup("claude", "--dry-run").out
    told = place.data("claude", "--dry-run")["files"][0]["entries"][0]["note"]
    assert told.startswith("it ran /\\ud800/agentd")


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no such names")
def test_a_folder_that_is_not_utf8(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings can name it: that is said."""
    folder = place.project / "\udcff"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert place.setup("claude").error.endswith("has a name that is not UTF-8: rename it")
    assert tree(folder) == {}


def test_a_link_that_leads_nowhere(place: Place) -> None:
    """What it leads to is made, and goes again: the link is somebody's."""
    link = place.project / ".mcp.json"
    link.symlink_to(place.project / "servers.json")
    assert place.setup("claude").code == 0
    assert place.setup("claude", "--undo").code == 0
    assert link.is_symlink()
    assert not link.exists()
