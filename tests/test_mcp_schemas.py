"""What every conversation pays for: names, descriptions and schemas of the tools.

The rule this file keeps: a tool changes only where somebody means it. `mcp_tools.json` has all that
clients are shown; it is written anew by `python -m tests.mcp_tools`.
"""

from __future__ import annotations

import json
import re

import pytest

from agentd.mcp.server import INSTRUCTIONS
from agentd.mcp.tool import slim
from tests.daemon_process import REPOSITORY
from tests.documents import quoted, rows, section
from tests.mcp_play import played, playing
from tests.mcp_tools import KEPT, shown_tools

PAGE = REPOSITORY / "docs" / "agents.md"
MOST_TOOLS = 12
MOST_BYTES = 16 * 1024
LONGEST_TEXT = 2_048
"""Characters: clients cut what is longer."""


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No daemon is there: whoever lists tools needs none."""
    monkeypatch.setenv("AGENTD_HOME", str(REPOSITORY / "there-is-none"))


@played
async def test_tools_are_what_they_were() -> None:
    """Names, descriptions, arguments, answers and annotations are those that are kept."""
    assert await shown_tools() == json.loads(KEPT.read_text())


@played
async def test_tools_are_few_and_short() -> None:
    """At most 12 tools, in 16 KiB of JSON, and no text that a client would cut."""
    tools = await shown_tools()
    assert len(tools) <= MOST_TOOLS
    assert len(json.dumps(tools).encode()) <= MOST_BYTES
    assert len(INSTRUCTIONS) <= LONGEST_TEXT
    assert max(len(tool["description"]) for tool in tools) <= LONGEST_TEXT


@played
async def test_tools_say_what_they_do_to_the_world() -> None:
    """Each is a verb and a noun, has an answer's schema, and says whether it changes anything."""
    for tool in await shown_tools():
        assert re.fullmatch(r"[a-z]+_[a-z]+", tool["name"])
        assert tool["outputSchema"]["type"] == "object"
        assert tool["inputSchema"]["additionalProperties"] is False
        only_looks = tool["name"].startswith("show_")
        assert tool["annotations"]["readOnlyHint"] is only_looks
        assert tool["annotations"]["openWorldHint"] is False


@played
async def test_without_a_daemon() -> None:
    """The server says what it can; a call says what to do."""
    async with playing() as player:
        listed = (await player.client.list_tools()).tools
        told = await player.refused("acquire_node", wait_secs=50)
    assert len(listed) == MOST_TOOLS - 1
    assert "why: no socket at " in told
    assert "next: ask your person to start it with `agentd serve`, then call again" in told


@played
async def test_the_page_lists_the_tools() -> None:
    """docs/agents.md has all of them, in their order."""
    listed = [name for told, _ in rows(section("MCP", PAGE)) for name in quoted(told)]
    assert listed == [tool["name"] for tool in await shown_tools()]


def test_a_schema_without_what_says_nothing() -> None:
    """Titles and the null of what is left out go; a property that is called title stays."""
    written = {
        "title": "T",
        "properties": {
            "title": {"title": "Title", "anyOf": [{"type": "string"}, {"type": "null"}]},
            "one": {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
        },
        "additionalProperties": True,
    }
    assert slim(written) == {
        "properties": {
            "title": {"type": "string"},
            "one": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        }
    }
