"""The picture of `agentd top` in docs/pictures, drawn by `agentd top` itself.

The rule this file keeps: all of it is real but how long things have taken: nobody waits for that.
"""

import asyncio
import html
import os
import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.daemon_process import REPOSITORY, Connection
from tests.top_scene import Shown, acquire, on_a_screen

PICTURE = REPOSITORY / "docs" / "pictures" / "top.svg"
SIZE = (96, 28)

_FONTS = re.compile(r"@font-face \{[^}]*\}\s*")
"""Who looks at a picture is not to ask a server for its letters."""

_TIMES = re.compile(r"\d\d:\d\d:\d\d|[\d ]\d (?:s|min|h)\b|(?<=by )\S+(?= for)")
_RELEASE: list[dict[str, Any]] = [
    {"name": "plan"},
    *({"name": f"build-{part}", "dependencies": ["plan"]} for part in ("api", "web", "docs")),
    *({"name": f"test-{part}", "dependencies": [f"build-{part}"]} for part in ("api", "web")),
    {"name": "train", "dependencies": ["plan"], "limits": ["gpu"]},
    {"name": "tune", "dependencies": ["plan"], "limits": ["gpu"]},
    {"name": "review", "dependencies": ["plan"], "gate": {"ask": "Is the plan good enough?"}},
    {"name": "publish", "dependencies": ["test-api", "test-web", "review"]},
]
_SAYS = {"build-web": "bundling 212 of 340 modules", "train": "epoch 3 of 10, loss 0.41"}


def top_picture(home: Path) -> bytes:
    """The picture, as SVG, from the home of a daemon that is new."""
    with Connection(home / "agentd.sock") as connection:
        task = _play(connection)
    with patch.dict(os.environ, {"AGENTD_HOME": str(home), "TZ": "UTC"}):
        return asyncio.run(_draw(home, task)).encode()


def words_of(picture: str) -> list[str]:
    """What stands in a picture, line by line, without its times."""
    lines: dict[float, list[str]] = {}
    texts = re.findall(r'<text [^>]*\by="([\d.]+)"[^>]*>([^<]*)</text>', picture)
    for height, text in texts:
        lines.setdefault(float(height), []).append(html.unescape(text).replace("\xa0", " "))
    joined = (_TIMES.sub("?", " ".join(parts)) for _, parts in sorted(lines.items()))
    return [" ".join(line.split()) for line in joined]


def _play(connection: Connection) -> str:
    connection.call("SetLimit", name="gpu", max_running=1)
    nightly: list[Any] = [{"name": f"page-{number}"} for number in range(12)]
    connection.call("RegisterTask", goal="Nightly index of the wiki", initial_nodes=nightly)
    digest = connection.call("RegisterTask", goal="Weekly digest", initial_nodes=[{"name": "w"}])
    connection.call("CompleteNode", **acquire(connection, digest["task_id"]))
    made = connection.call(
        "RegisterTask",
        goal="Release 2.1: build, test and publish",
        initial_nodes=_RELEASE,
        budget={"cost_usd": 5},
    )
    task: str = made["task_id"]
    plan = acquire(connection, task)
    connection.call("CompleteNode", **plan, result_payload="ok", usage={"cost_usd": 0.42})
    names = {i: str(n["name"]) for i, n in zip(made["node_ids"], _RELEASE, strict=True)}
    for worker in range(1, 5):
        held = acquire(connection, task, f"worker-{worker}")
        name = names[held["node_id"]]
        if name == "build-api":
            connection.call("FailNode", **held, error_payload={"message": "undefined symbol foo"})
        elif name in _SAYS:
            connection.call("CommitEvent", **held, payload={"message": _SAYS[name]})
    return task


async def _draw(home: Path, task: str) -> str:
    async with on_a_screen(home, size=SIZE) as shown:
        await shown.wait_for("cost_usd 0.42 of 5")
        await shown.wait_for("why:")
        await _age(shown, task)
        drawn = shown.app.export_screenshot(title="agentd top")
    return _FONTS.sub("", drawn)


async def _age(shown: Shown, task: str) -> None:
    """Have things be so old as they are where work is done."""
    live = shown.app.model.live
    assert live is not None
    assert live.task.id == task
    for number, row in enumerate(live.nodes.values()):
        row.updated_at -= 130 + 47 * number
        row.acquired_at = row.acquired_at and row.acquired_at - 75 * number
    shown.app.main.draw()
    await shown.wait_for("min")
