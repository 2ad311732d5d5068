"""docs/agents.md says which files `agentd setup` writes."""

from agentd.setup.harness import HARNESSES, Part
from tests.daemon_process import REPOSITORY
from tests.documents import quoted, rows, section

PAGE = REPOSITORY / "docs" / "agents.md"
PARTS = {
    "MCP server": Part.SERVER,
    "hooks": Part.HOOKS,
    "skill": Part.SKILL,
    "socket in the sandbox": Part.SOCKET,
}


def test_its_files() -> None:
    """Every harness has its column, every part its row, and no file is left out."""
    table = rows(section("Setting up", PAGE))
    told = {
        (harness, PARTS[row[0]], path)
        for row in table
        for harness, cell in zip(HARNESSES, row[1:], strict=True)
        for path in quoted(cell)
    }
    assert told == {
        (name, part, file.path)
        for name, harness in HARNESSES.items()
        for file in harness.project
        for part in file.parts
    }


def test_a_users_files_are_the_same() -> None:
    """Below ~, as the page says, but for the servers of Claude Code."""
    for name, harness in HARNESSES.items():
        for project, user in zip(harness.project, harness.user, strict=True):
            assert user.parts == project.parts
            moved = "~/.claude.json" if (name, project.path) == ("claude", ".mcp.json") else None
            assert user.path == (moved or f"~/{project.path}")
