"""`agentd setup`: what it puts into an agent's settings, and takes out again."""

import shutil
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest

from agentd.setup.record import NAME
from tests.command_line import AGENTD
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, environment
from tests.setting_up import SETTINGS, SOMEBODYS, Place, commands, make_place, tree

HARNESSES = ("claude", "codex", "cursor", "gemini")
FILES = {
    "claude": {".mcp.json", ".claude/settings.json", ".claude/skills/agentd/SKILL.md"},
    "codex": {".codex/config.toml", ".codex/hooks.json", ".agents/skills/agentd/SKILL.md"},
    "cursor": {".cursor/mcp.json"},
    "gemini": {".gemini/settings.json"},
}


@pytest.fixture
def place(home: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A project in a user's home, an agentd that stays, and no time to wait."""
    return make_place(home, monkeypatch)


@pytest.mark.parametrize("harness", HARNESSES)
def test_from_nothing_and_back(place: Place, harness: str) -> None:
    """Its files are made, and nothing is left of them after --undo."""
    assert place.setup(harness).code == 0
    made = {name for name, content in tree(place.project).items() if content is not None}
    assert made == FILES[harness]
    assert place.setup(harness, "--check").code == 0
    assert place.setup(harness, "--undo").code == 0
    assert tree(place.project) == {}
    assert not (place.home / NAME).exists()


@pytest.mark.parametrize("harness", HARNESSES)
def test_for_a_user(place: Place, harness: str) -> None:
    """--user writes below the user's home, and no project; new files are for the user only."""
    before = tree(place.project)
    data = place.data(harness, "--user")
    made = [Path(file["path"]) for file in data["files"]]
    assert all(path.is_relative_to(place.home.parent) for path in made)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in made)
    assert tree(place.project) == before
    assert place.setup(harness, "--user", "--undo").code == 0
    assert not any(path.exists() for path in made)


def test_the_files_of_a_user(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Claude Code's servers have a file of their own; variables that move files are followed."""
    root = place.home.parent
    paths = [file["path"] for file in place.data("claude", "--user", "--dry-run")["files"]]
    assert paths[:2] == [f"{root}/.claude.json", f"{root}/.claude/settings.json"]
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", f"{root}/c")
    monkeypatch.setenv("CODEX_HOME", f"{root}/x")
    moved = [file["path"] for file in place.data("claude", "--user")["files"]]
    assert moved[:2] == [f"{root}/c/.claude.json", f"{root}/c/settings.json"]
    codex = [file["path"] for file in place.data("codex", "--user", "--dry-run")["files"]]
    assert codex[:2] == [f"{root}/x/config.toml", f"{root}/x/hooks.json"]
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", f"{root}/other")
    monkeypatch.setenv("CODEX_HOME", "")
    assert place.setup("codex", "--user").code == 0
    monkeypatch.setenv("CODEX_HOME", f"{root}/x")
    for harness in ("claude", "codex"):
        assert place.setup(harness, "--user", "--undo").code == 0
    assert not (root / "c").exists()
    assert not (root / ".codex").exists()


def test_in_ones_home_it_is_for_the_user(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home is no project; it is said which of the two it is."""
    assert place.data("claude", "--dry-run")["scope"] == "project"
    monkeypatch.chdir(place.home.parent)
    ended = place.setup("claude", "--dry-run")
    assert "agentd: Claude Code for you, in every folder: nothing was written" in ended.err
    assert place.data("claude", "--dry-run")["scope"] == "user"
    assert place.data("claude", "--dry-run", "--project")["scope"] == "project"


def test_beside_somebodys_own(place: Place) -> None:
    """What was there stays, in its order and its form, and is there alone after --undo."""
    place.write(SETTINGS, SOMEBODYS)
    place.write(".mcp.json", {"mcpServers": {"other": {"command": "x", "env": {"TOKEN": "s3"}}}})
    before = tree(place.project)
    assert place.setup("claude").code == 0
    after = place.read(SETTINGS)
    assert commands(after, "SessionStart") == ["mine --x", f"{place.program} prime --hook"]
    assert list(place.read(".mcp.json")["mcpServers"]) == ["other", "agentd"]
    assert (place.project / f"{SETTINGS}.before-agentd").read_bytes() == before[SETTINGS]
    assert place.setup("claude", "--undo").code == 0
    assert tree(place.project) == before


def test_empty_files_of_somebodys(place: Place) -> None:
    """They stay, empty, and so do empty brackets; only what was made goes."""
    place.write(".mcp.json", "{}\n")
    place.write(SETTINGS, {"hooks": {"PostToolUse": []}, "sandbox": {}})
    before = tree(place.project)
    assert place.setup("claude").code == 0
    assert place.setup("claude", "--undo").code == 0
    assert tree(place.project) == before


def test_twice(place: Place) -> None:
    """The second time nothing is written, and it is said."""
    place.setup("claude")
    before = tree(place.home.parent)
    ended = place.setup("claude")
    assert ended.code == 0
    assert "all is in place, nothing was written" in ended.err
    assert {line.split("\t")[0] for line in ended.out.splitlines()} == {"unchanged"}
    assert tree(place.home.parent) == before


def test_undo_without_a_set_up(place: Place) -> None:
    """There is nothing to take out, and nothing is."""
    place.write(SETTINGS, SOMEBODYS)
    before = tree(place.project)
    ended = place.setup("claude", "--undo")
    assert ended.code == 0
    assert "nothing of agentd's is in the settings of Claude Code" in ended.err
    assert tree(place.project) == before


def test_undo_after_others_edited(place: Place) -> None:
    """What they put in stays, and so do the files that hold it."""
    place.setup("claude")
    mine = place.read(SETTINGS)
    mine["hooks"]["Stop"] = [{"hooks": [{"type": "command", "command": "theirs"}]}]
    mine["model"] = "opus"
    place.write(SETTINGS, mine)
    skill = place.project / ".claude/skills/agentd/SKILL.md"
    skill.write_text(skill.read_text() + "\nMy own rule.\n")
    ended = place.setup("claude", "--undo")
    assert ended.code == 0
    assert "skill left (somebody changed it: remove it yourself)" in ended.out
    assert place.read(SETTINGS) == {"hooks": {"Stop": mine["hooks"]["Stop"]}, "model": "opus"}
    assert not (place.project / ".mcp.json").exists()
    assert skill.exists()


def test_a_skill_of_somebodys(place: Place) -> None:
    """One that differs is left, and it is said how it would be replaced."""
    path = place.write(".claude/skills/agentd/SKILL.md", "mine\n")
    ended = place.setup("claude")
    assert ended.code == 0
    assert "`agentd skill --install" in ended.out
    place.setup("claude", "--undo")
    assert path.read_text() == "mine\n"


def test_a_skill_of_an_earlier_agentd(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that agentd put there itself is replaced by its successor."""
    with monkeypatch.context() as earlier:
        earlier.setattr("agentd.setup.target.skill_text", lambda: b"of yesterday\n")
        place.setup("claude")
    assert "skill changed" in place.setup("claude").out
    assert place.setup("claude", "--undo").code == 0
    assert tree(place.project) == {}


@pytest.mark.parametrize("harness", HARNESSES)
def test_a_dry_run_writes_nothing(place: Place, harness: str) -> None:
    """It shows what would be written; the user's whole home is as it was."""
    place.write(SETTINGS, SOMEBODYS)
    before = tree(place.home.parent)
    ended = place.setup(harness, "--dry-run")
    assert ended.code == 0
    assert f"+{' ' * 6}" in ended.out or "+[mcp_servers.agentd]" in ended.out
    assert tree(place.home.parent) == before


def test_a_dry_undo_writes_nothing(place: Place) -> None:
    """The same of --undo."""
    place.setup("claude")
    before = tree(place.home.parent)
    assert "-  " in place.setup("claude", "--undo", "--dry-run").out
    assert tree(place.home.parent) == before


def test_check_of_all(place: Place) -> None:
    """Without a harness all that was set up is looked at; with nothing set up that is said."""
    assert "nothing was set up" in place.setup("--check").err
    place.setup("claude")
    place.setup("cursor", "--user")
    looked = place.setup("--check")
    assert looked.code == 0
    assert len(looked.out.splitlines()) == 7
    assert [each["problem"] for each in place.data("--check")["entries"]] == [""] * 7
    (place.home.parent / ".cursor/mcp.json").write_text("{}")
    assert place.setup("--check").code == 1
    assert place.setup("claude", "--check").code == 0


def test_a_project_that_is_gone(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody works there any more: nothing is amiss."""
    place.setup("gemini")
    monkeypatch.chdir(place.home)
    shutil.rmtree(place.project)
    assert place.setup("--check").code == 0


def test_an_entry_that_runs_another(place: Place) -> None:
    """Another agentd's path in our entry is told."""
    place.setup("cursor")
    settings = place.read(".cursor/mcp.json")
    settings["mcpServers"]["agentd"]["command"] = "/old/agentd"
    place.write(".cursor/mcp.json", settings)
    checked = place.setup("cursor", "--check")
    assert checked.code == 1
    assert "it is another one: it ran /old/agentd" in checked.out


def test_a_program_that_has_gone(place: Place) -> None:
    """Entries that name an agentd which was removed are no good, although they are in place."""
    place.setup("claude")
    place.program.unlink()
    for words in (("claude", "--check"), ("--check",)):
        checked = place.setup(*words)
        assert checked.code == 1
        assert f"gone\t{place.program}\tprogram\tit is not there: set up again" in checked.out


def test_where_the_daemon_is(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is told the settings that are not the default; nothing else of the environment."""
    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    told = place.setup("codex").err
    assert "agentd: start Codex with AGENTD_HOME set as now: its hooks and its shell find" in told
    assert place.data("codex", "--dry-run")["needs"][0].startswith("start Codex with AGENTD_HOME")
    server = tomllib.loads((place.project / ".codex/config.toml").read_text())["mcp_servers"]
    assert server["agentd"]["env"] == {"AGENTD_HOME": str(place.home), "AGENTD_AUTOSTART": "1"}
    assert b"s3cret" not in b"".join(filter(None, tree(place.project).values()))


@pytest.mark.parametrize("line", ["AGENTD_AUTOSTART=0", "AGENTD_ADDRESS=tcp://127.0.0.1:7777"])
def test_a_daemon_that_is_not_to_be_started(place: Place, line: str) -> None:
    """The server starts none where the user has decided that, or where it is elsewhere."""
    place.home.mkdir(mode=0o700, exist_ok=True)
    (place.home / ".env").write_text(f"{line}\n")
    place.setup("cursor")
    entry = place.read(".cursor/mcp.json")["mcpServers"]["agentd"]
    assert "AGENTD_AUTOSTART" not in entry["env"]


def test_what_a_person_has_to_confirm(place: Place) -> None:
    """Trust is not forged: who has to say yes is told where."""
    assert "type /hooks to trust the hooks" in place.setup("codex").err
    assert "asks whether to trust the project's MCP server" in place.setup("claude").err
    assert "asks whether to trust" not in place.setup("claude", "--user").err


def test_permissions_that_are_not_selected(place: Place) -> None:
    """That Codex' sandbox was left as it is is no failure, and is told."""
    assert place.setup("codex").code == 0
    checked = place.setup("codex", "--check")
    assert checked.code == 0
    assert "left\t" in checked.out
    assert "`default_permissions` selects none" in checked.out


def test_for_real(place: Place) -> None:
    """A process of its own, in a folder with a space, set up, looked at and undone."""
    folder = place.project / "my shop"
    folder.mkdir()
    env = environment(place.home, {"PYTHONPATH": str(REPOSITORY)})
    codes = []
    program = ("--program", str(place.program))
    for words in (("claude", *program), ("--check",), ("claude", "--undo")):
        ended = subprocess.run(
            [*AGENTD, "setup", *words],
            cwd=folder,
            env=env,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        codes.append(ended.returncode)
    assert codes == [0, 0, 0]
    assert tree(folder) == {}
    assert tree(place.home) == {}
