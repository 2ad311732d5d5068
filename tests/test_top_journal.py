"""The journal of `agentd top` by itself: which of its lines are seen."""

import asyncio

from textual.app import App, ComposeResult

from agentd.top.journal import Journal, KeptEvent
from agentd.top.lines import Line


class OnlyJournal(App[None]):
    """Nothing but the journal."""

    def compose(self) -> ComposeResult:
        """As Textual asks for it."""
        yield Journal(id="journal")


def lines(count: int) -> list[Line[KeptEvent]]:
    """So many events."""
    return [
        Line(str(seq), KeptEvent(seq, 0.0, "SAY", None, None, "", "", by_client=True))
        for seq in range(1, count + 1)
    ]


def test_the_newest_is_seen_though_the_screen_was_empty() -> None:
    """What comes to a screen that shows nothing yet is seen at its end, not at its beginning."""

    async def newest() -> str:
        app = OnlyJournal()
        async with app.run_test(size=(80, 24)) as pilot:
            journal = app.query_one(Journal)
            journal.show([])
            await pilot.pause()
            journal.show(lines(200))
            await pilot.pause()
            return journal.render_line(journal.size.height - 1).text

    assert asyncio.run(newest()).split()[:2] == ["▸", "200"]
