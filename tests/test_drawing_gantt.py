"""Who worked when, as SVG."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.live import Span
from agentd.live.spans import _ENDS
from agentd.ui.drawing import Bar, gantt_svg, span_bars
from agentd.ui.drawing.gantt import SIGNS
from agentd.ui.drawing.time_axis import ticks
from tests.drawing import SVG, links, texts

BEGIN = 1_700_000_000.0
"""2023-11-14 22:13:20 UTC."""


def bar(row: str, begin: float, end: float | None, how: str = "completed") -> Bar:
    """An attempt, in seconds from `BEGIN`."""
    return Bar(row, "build", BEGIN + begin, end if end is None else BEGIN + end, how, "#n")


def outlines(svg: str) -> list[tuple[float, float, float]]:
    """Left, top and width of every bar that has ended, without those of the legend."""
    return [
        tuple(float(rect.get(name, "")) for name in ("x", "y", "width"))  # type: ignore[misc] # three
        for link in links(svg)
        for rect in link.findall(f"{SVG}rect[@class='outline']")
    ]


def test_attempts_become_bars() -> None:
    """Each attempt is in its owner's row, with its node's name and the word for how it ended."""
    spans = [Span("n1", 1, "alice", 5.0, 9.0, "failed"), Span("n2", 1, None, 6.0)]
    assert span_bars(spans, lambda each: each.node_id.upper(), "/nodes/{}".format) == [
        Bar("alice", "N1", 5.0, 9.0, "failed", "/nodes/n1"),
        Bar("nobody", "N2", 6.0, None, "running", "/nodes/n2"),
    ]


def test_every_end_of_an_attempt_has_a_sign() -> None:
    """However an attempt may end, it has a sign of its own, and going on is one more."""
    assert {*SIGNS} == {*_ENDS.values(), "running"}
    assert len({*SIGNS.values()}) == len(SIGNS)


def test_bars_stand_where_their_time_is() -> None:
    """The chart goes from the first attempt to now; a bar's left and width are its times."""
    svg = gantt_svg([bar("a", 0, 50), bar("b", 50, 100)], BEGIN + 100)
    (left, top, width), (next_left, next_top, next_width) = outlines(svg)
    assert width == next_width
    assert next_left == left + width
    assert next_top > top


def test_attempts_at_once_stand_below_each_other() -> None:
    """An owner with several attempts at a time has a lane for each, and uses them again."""
    svg = gantt_svg([bar("a", 0, 60), bar("a", 10, 30), bar("a", 40, 60)], BEGIN + 100)
    tops = [top for _, top, _ in outlines(svg)]
    assert tops[0] < tops[1] == tops[2]


def test_what_goes_on_reaches_to_now() -> None:
    """An attempt without an end points to the right border."""
    svg = gantt_svg([bar("a", 0, None, "running")], BEGIN + 100)
    (link,) = links(svg)
    (outline,) = link.findall(f"{SVG}path")
    assert outline.get("d", "").startswith("M162.0 30h778.0l6.0 10")
    assert texts(link) == ["● build"]


@pytest.mark.parametrize("how", SIGNS)
def test_how_it_ended_is_told_in_four_ways(how: str) -> None:
    """By class (so by colour), by sign, by word, and by outline or hatch."""
    svg = gantt_svg([bar("a", 0, 50, how), bar("a", 50, 50.1, how)], BEGIN + 100)
    long, short = links(svg)
    assert long.get("class") == f"attempt how-{how}"
    assert texts(long) == [f"{SIGNS[how]} build"]
    assert texts(short) == []
    assert [link.findtext(f"{SVG}title") for link in (long, short)] == [f"build · {how} · a"] * 2
    assert f"{SIGNS[how]} {how}" in texts(ET.fromstring(svg))  # noqa: S314 - our own
    assert ("url(#drawing-crossed)" in svg) == (how == "failed")


def test_what_has_no_room_is_counted() -> None:
    """The latest rows and attempts are drawn, and how many are not."""
    bars = [bar(f"owner-{number}", number, number + 1) for number in range(100)]
    svg = gantt_svg(bars, BEGIN + 200, most_rows=10)
    assert len(links(svg)) == 10
    assert "owner-99" in svg
    assert "owner-89" not in svg
    assert "90 more attempts are not drawn: these are the latest" in svg
    assert "more attempts" not in gantt_svg(bars, BEGIN + 200, most_rows=100)
    assert len(links(gantt_svg(bars, BEGIN + 200, most_bars=5))) == 5


def test_what_others_wrote_is_text() -> None:
    """An owner's name and a node's label are no markup and steer nothing."""
    name = "</svg><script>\x1b[2J\u202e" + "w" * 9_000
    svg = gantt_svg([Bar(name, name, BEGIN, BEGIN + 60, "failed", '"><b>')], BEGIN + 60)
    assert len(links(svg)) == 1
    assert all(c.isprintable() for c in svg)
    assert len(svg) < 6_000


def test_a_chart_of_no_attempts_is_one() -> None:
    """A task that nobody has worked on yet has an empty chart."""
    assert links(gantt_svg([], BEGIN)) == []


def test_clocks_that_went_back_draw_bars_all_the_same() -> None:
    """An end before its beginning is drawn as short as can be."""
    svg = gantt_svg([bar("a", 50, 20)], BEGIN)
    assert [width for _, _, width in outlines(svg)] == [3.0]


def test_ticks_are_round_on_the_clock_of_who_looks() -> None:
    """Hours are full ones there, and midnight is a date."""
    india = timezone(timedelta(hours=5, minutes=30))
    assert [tick.name for tick in ticks(BEGIN, BEGIN + 4 * 3_600, UTC)][:4] == [
        "23:00",
        "11-15",
        "01:00",
        "02:00",
    ]
    assert ticks(BEGIN, BEGIN + 4 * 3_600, india)[0].name == "04:00"
    assert ticks(BEGIN, BEGIN + 5, UTC)[0].name == "22:13:20"


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_ticks_are_few_and_inside(begin: int, span: int) -> None:
    """Whatever the times, there are at most nine moments, in order, within them."""
    found = [tick.at for tick in ticks(begin, begin + span, UTC)]
    assert len(found) <= 9
    assert found == sorted(set(found))
    assert all(begin <= at <= begin + span for at in found)
