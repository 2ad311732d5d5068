"""Who worked when, as SVG: a row for each owner, a bar for each attempt.

The rule this file keeps: how an attempt ended is told by colour, by outline or hatch, by sign and
word. What has no room is counted, and it is said that it is missing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from html import escape
from types import MappingProxyType
from typing import NamedTuple

from msgspec import Struct

from agentd.live import Span
from agentd.ui.drawing.svg_text import cut_to, shown_title
from agentd.ui.drawing.time_axis import ticks

GOES_ON = "running"
SIGNS: Mapping[str, str] = MappingProxyType(
    {
        "completed": "✓",
        "failed": "✗",
        GOES_ON: "●",
        "released": "↩",
        "revoked": "⊘",
        "expired": "⌛︎",
    }
)
"""How attempts end, as `attempt_spans` calls it, and the sign of each."""

_LEFT = 8
_NAME_CELLS, _NAME_WIDTH = 19, 152
_RIGHT = 14
_HEAD = 30
_LANE, _BETWEEN = 24, 8
_MOST_LANES = 10
"""Attempts at once in a row; more of them lie over each other."""

_BAR_HEIGHT = 20
_LEAST_WIDTH = 3.0
_CELL = 6.7
"""Pixels of a letter in a bar, as drawing.css sets them."""

_LEAST_CELLS = 6
_DEFINED = (
    '<defs><pattern id="drawing-crossed" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<path class="hatch" d="M0 0L6 6M6 0L0 6"/></pattern>'
    '<pattern id="drawing-hatched" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<path class="hatch" d="M0 6L6 0"/></pattern></defs>'
)
_HATCHES = {"failed": "crossed", "expired": "hatched", "revoked": "hatched"}


class Bar(Struct):
    """One attempt; times are Unix seconds, `end` is None while it goes on."""

    row: str
    """Whose row it is in."""

    label: str
    begin: float
    end: float | None
    how: str
    """A word of `SIGNS`."""

    href: str


class _Row(NamedTuple):
    name: str
    lanes: list[list[Bar]]


class _Scale(NamedTuple):
    """From moments to pixels."""

    begin: float
    end: float
    left: float
    right: float

    def x(self, at: float) -> float:
        """Where a moment stands."""
        return self.left + (at - self.begin) * (self.right - self.left) / (self.end - self.begin)


def span_bars(
    spans: Iterable[Span], label: Callable[[Span], str], href: Callable[[str], str]
) -> list[Bar]:
    """The bars of attempts, a row for each owner; `href` is that of a node's id."""
    return [
        Bar(
            row=span.owner or "nobody",
            label=label(span),
            begin=span.begin,
            end=span.end,
            how=span.how or GOES_ON,
            href=href(span.node_id),
        )
        for span in spans
    ]


def gantt_svg(
    bars: Sequence[Bar],
    now: float,
    zone: tzinfo = UTC,
    most_rows: int = 40,
    most_bars: int = 2_000,
    width: int = 960,
) -> str:
    """The chart up to `now`, Unix seconds, on the clock of `zone`; the latest where not all fit."""
    latest = sorted(bars, key=lambda bar: (bar.begin, bar.row, bar.label))[-most_bars:]
    rows = _rows(latest, now, most_rows)
    shown = [bar for row in rows for lane in row.lanes for bar in lane]
    begin = min((bar.begin for bar in shown), default=now - 1)
    end = max(now, begin + 1, *(bar.end or now for bar in shown)) if shown else now
    scale = _Scale(begin, end, _NAME_WIDTH + 10, width - _RIGHT)
    drawn, y = [], _HEAD
    for row in rows:
        drawn.append(_row(row, y, scale, now))
        y += len(row.lanes) * _LANE + _BETWEEN
        drawn.append(f'<path class="border" d="M{_LEFT} {y - 6}H{width - _RIGHT}"/>')
    missing = len(bars) - len(shown)
    height = y + (52 if missing else 30)
    head = (
        '<svg xmlns="http://www.w3.org/2000/svg" class="drawing gantt" role="group" '
        f'aria-label="Who worked when: {len(shown):,} attempts" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    )
    legend = _legend({bar.how for bar in shown}, y + 20)
    rest = _missing(missing, y + 42) if missing else ""
    return "".join((head, _DEFINED, *_axis(scale, y, zone), *drawn, *legend, rest, "</svg>"))


def _rows(bars: Sequence[Bar], now: float, most: int) -> list[_Row]:
    """A row for each name, as they began; of too many those that were at work last."""
    by_name: dict[str, list[Bar]] = {}
    for bar in bars:
        by_name.setdefault(bar.row, []).append(bar)
    active = sorted(by_name, key=lambda name: max(bar.end or now for bar in by_name[name]))
    kept = {*active[-most:]}
    return [_Row(name, _lanes(found, now)) for name, found in by_name.items() if name in kept]


def _lanes(bars: Sequence[Bar], now: float) -> list[list[Bar]]:
    """Bars that overlap lie below each other."""
    lanes: list[list[Bar]] = []
    for bar in bars:
        free = (lane for lane in lanes if (lane[-1].end or now) <= bar.begin)
        lane = next(free, None)
        if lane is None and len(lanes) < _MOST_LANES:
            lanes.append([bar])
        else:
            (lane or lanes[-1]).append(bar)
    return lanes


def _axis(scale: _Scale, bottom: int, zone: tzinfo) -> Iterator[str]:
    day = f"{datetime.fromtimestamp(scale.begin, zone):%Y-%m-%d}"
    yield f'<g class="axis"><text x="{_LEFT}" y="16">{day}</text>'
    for tick in ticks(scale.begin, scale.end, zone):
        x = scale.x(tick.at)
        yield f'<path d="M{x:.1f} {_HEAD - 8}V{bottom}"/>'
        yield f'<text x="{x:.1f}" y="16" text-anchor="middle">{tick.name}</text>'
    yield "</g>"


def _row(row: _Row, top: int, scale: _Scale, now: float) -> str:
    middle = top + 14
    bars = "".join(
        _bar(bar, top + lane * _LANE, scale, now)
        for lane, found in enumerate(row.lanes)
        for bar in found
    )
    name = (
        f'<g class="name">{shown_title(row.name)}<text x="{_LEFT}" y="{middle}">'
        f"{escape(cut_to(_NAME_CELLS, row.name))}</text></g>"
    )
    return f"{name}{bars}"


def _bar(bar: Bar, top: int, scale: _Scale, now: float) -> str:
    x = scale.x(bar.begin)
    width = max(scale.x(max(bar.end or now, bar.begin)) - x, _LEAST_WIDTH)
    cells = int((width - 8) / _CELL)
    told = SIGNS[bar.how] if cells else ""
    if cells >= _LEAST_CELLS:
        told += f" {escape(cut_to(cells - 2, bar.label))}"
    text = f'<text x="{x + 5:.1f}" y="{top + 14}">{told}</text>' if told else ""
    return (
        f'<a class="attempt how-{bar.how}" href="{escape(bar.href)}">'
        f"{shown_title(bar.label, bar.how, bar.row)}{_outline(bar.how, x, top, width)}{text}</a>"
    )


def _outline(how: str, x: float, top: int, width: float) -> str:
    """What goes on points to the right; what failed has corners; what was taken away is hatched."""
    if how == GOES_ON:
        tip = min(6.0, width / 2)
        half = _BAR_HEIGHT // 2
        shape = f"h{width - tip:.1f}l{tip:.1f} {half}l-{tip:.1f} {half}h-{width - tip:.1f}z"
        return f'<path class="outline" d="M{x:.1f} {top}{shape}"/>'
    radius = 0 if how == "failed" else 4
    box = f'x="{x:.1f}" y="{top}" width="{width:.1f}" height="{_BAR_HEIGHT}" rx="{radius}"'
    hatch = _HATCHES.get(how)
    over = f'<rect {box} fill="url(#drawing-{hatch})"/>' if hatch else ""
    return f'<rect class="outline" {box}/>{over}'


def _legend(hows: set[str], y: int) -> Iterator[str]:
    x = _NAME_WIDTH + 10
    for how, sign in SIGNS.items():
        if how in hows:
            yield f'<g class="attempt legend how-{how}">{_outline(how, x, y - 14, 26)}'
            yield f'<text x="{x + 32}" y="{y}">{sign} {how}</text></g>'
            x += 132


def _missing(number: int, y: int) -> str:
    noun = "attempt is" if number == 1 else "attempts are"
    return (
        f'<text class="missing" x="{_NAME_WIDTH + 10}" y="{y}">'
        f"{number:,} more {noun} not drawn: these are the latest</text>"
    )
