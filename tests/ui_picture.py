"""The picture of `agentd ui` in the documents: `make pictures ARGS=ui.png` makes it anew.

The rule this file keeps: it shows what the program shows, of the plan that `make demo-views` has,
half worked off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.chromium import chromium, opened
from tests.command_line import agentd_here
from tests.daemon_process import REPOSITORY, Connection
from tests.ui_process import UiProcess

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

PLACE = REPOSITORY / "docs" / "pictures" / "ui.png"
MOST_BYTES = 150_000
WIDTH, HEIGHT = 1180, 930
DONE = ("plan", "storage", "api", "web", "icons", "texts", "test-storage", "docs")
HELD = (
    ("migrate", "codex/orchard-1", "waiting for the lock on orchard.db"),
    ("test-api", "claude/orchard-1", "12 s to go"),
    ("search", "claude/orchard-2", "7 s to go"),
)


def ui_picture(home: Path) -> bytes:
    """As `taken_by`, with a browser of its own."""
    with chromium() as browser:
        return taken_by(browser, home)


def taken_by(browser: Browser, home: Path) -> bytes:
    """The page of a task, as PNG, on the home of a daemon that is new."""
    with Connection(home / "agentd.sock") as connection:
        task = play(connection, home)
    with UiProcess(home) as ui, opened(browser, ui.first_link) as page:
        page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        page.goto(f"http://127.0.0.1:{ui.port}/tasks/{task}")
        page.wait_for_selector(".drawing-frame.moves .s-failed")
        picture: bytes = page.screenshot()
        return picture


def play(connection: Connection, home: Path) -> str:
    """A plan of which some is done, something failed, an agent hangs and a limit is full."""
    connection.call("SetLimit", name="test-machine", max_running=1)
    plan = REPOSITORY / "examples" / "orchard.yaml"
    task = agentd_here(home, "task", "register", str(plan)).out.strip()
    for name in DONE:
        lease = acquire(connection, task, name, "claude/orchard-1")
        usage = {"cost_usd": 0.31}
        connection.call("CompleteNode", **lease, result_payload={"ok": True}, usage=usage)
    lease = acquire(connection, task, "sync", "claude/orchard-2")
    error = {"message": "merge conflict in src/sync.py"}
    connection.call("FailNode", **lease, error_payload=error, retryable=False)
    for name, owner, word in HELD:
        lease = acquire(connection, task, name, owner)
        connection.call("CommitEvent", **lease, action_type="NOTE", payload={"message": word})
    return task


def acquire(connection: Connection, task: str, name: str, owner: str) -> dict[str, Any]:
    """That node, for somebody."""
    held = connection.call(
        "AcquireNextNode", task_id=task, node_id=name, lease_owner=owner, lease_secs=3600
    )
    return {each: held[each] for each in ("task_id", "node_id", "lease_id")}
