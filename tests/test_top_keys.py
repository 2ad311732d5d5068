"""`agentd top`: keys act on what is seen, and what is told is as it is now."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec import Raw

from agentd.api import RecordedEventView
from agentd.top.journal import Kept
from tests.daemon_process import Connection, DaemonProcess
from tests.top_scene import Shown, on_a_screen, scene

pytestmark = pytest.mark.usefixtures("here")


def look(
    daemon: DaemonProcess, play: Callable[[Shown], Awaitable[Any]], task: str | None = None
) -> None:
    """Play on a screen of its own."""

    async def run() -> None:
        async with on_a_screen(daemon.home, task) as shown:
            await play(shown)

    asyncio.run(run())


def state(connection: Connection, task: str) -> str:
    """Of a task, as the daemon says."""
    return str(connection.call("TaskStatus", task_id=task)["state"])


def test_who_reads_steers_nothing(shared: DaemonProcess, connection: Connection) -> None:
    """While the help or a log is seen, no key does anything to the task behind it."""
    there = scene(connection)

    async def play(shown: Shown) -> None:
        await shown.wait_for("held by")
        await shown.press("question_mark")
        await shown.wait_for("keys and signs")
        await shown.press("p", "c", "t", "question_mark", "escape")
        await shown.wait_for("LIVE")
        await shown.press("r")
        await shown.wait_for("r tries again what FAILED")
        assert shown.app.model.past is None
        assert state(connection, there.task) == "ACTIVE"

    look(shared, play, there.task)


def test_a_task_that_is_not_seen(shared: DaemonProcess, connection: Connection) -> None:
    """Where no task is seen, keys of tasks say so; in the inbox `R` is for the line's own task."""
    there = scene(connection)

    async def play(shown: Shown) -> None:
        await shown.wait_for("held by")
        for tab in ("4", "5", "6", "7"):
            await shown.press(tab, "p")
            await shown.wait_for("choose a task first")
        await shown.press("5", "slash", *"Good enough", "enter", "R")
        await shown.wait_for("R tries again what FAILED; this is none")
        assert state(connection, there.task) == "ACTIVE"

    look(shared, play, there.task)


def test_back_to_a_task(shared: DaemonProcess, connection: Connection) -> None:
    """Whoever comes back to a task finds its first node chosen, as the cursor says."""
    scene(connection, "coming-a")
    scene(connection, "coming-b")

    async def play(shown: Shown) -> None:
        await shown.press("slash", *"coming-", "enter")
        await shown.wait_for("40 % compiled")
        for keys in (("home",), ("down", "up")):
            await shown.press(*keys, "enter")
            await shown.wait_for("held by builder")
            assert shown.app.chosen.node is not None
            await shown.press("escape")
            await shown.wait_for("GOAL")

    look(shared, play)


def test_a_lease_that_goes_on(shared: DaemonProcess, connection: Connection) -> None:
    """Until when a lease lasts is asked for: heartbeats are no events."""
    there = scene(connection)

    async def play(shown: Shown) -> None:
        await shown.wait_for("its lease lasts until")
        shown.app.model.nodes[there.nodes["build"]].lease_expires_at = 1.0
        shown.app.main.explain(())
        await shown.wait_for("its lease lasts until")

    look(shared, play, there.task)


def event(seq: int, moment: str) -> RecordedEventView:
    """One that happened at that second."""
    when = f"2026-01-01T00:00:{moment}.000Z"
    return RecordedEventView(
        id=f"{seq} {moment}",
        task_id=None,
        node_id=None,
        action_type="X",
        payload=Raw(b"{}"),
        timestamp=when,
        seq=seq,
        by_client=False,
    )


def test_the_journal_of_another_history() -> None:
    """What is kept is gone where it does not lead to the newest; else it stays."""
    kept = Kept()
    kept.begin([event(seq, "01") for seq in (1, 2, 3)], {})
    kept.begin([event(seq, "01") for seq in (3, 4)], {})
    assert [each.seq for each in kept.events] == [1, 2, 3, 4]
    kept.begin([event(seq, "02") for seq in (3, 4, 5)], {})
    assert [(each.seq, each.at % 60) for each in kept.events] == [(3, 2), (4, 2), (5, 2)]
    kept.begin([event(9, "03")], {})
    assert [each.seq for each in kept.events] == [9]
