"""The tools as clients are shown them, and the copy of that which the suite keeps.

`python -m tests.mcp_tools` writes the copy anew.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.mcp_play import playing

KEPT = Path(__file__).with_suffix(".json")


async def shown_tools() -> list[dict[str, Any]]:
    """All tools, those for people among them."""
    async with playing(for_human=True) as player:
        tools = (await player.client.list_tools()).tools
    return [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools]


if __name__ == "__main__":
    KEPT.write_text(json.dumps(asyncio.run(shown_tools()), indent=1) + "\n")
