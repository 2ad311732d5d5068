"""A list of lines with a cursor, for lists of any length.

The rule this file keeps: only lines that are seen are made, and only those that look different are
painted. Textual's own table takes 3 s to be filled with 10,000 rows, and 16 ms to lose one of them:
here both cost nothing. Whoever uses it shortens text of others before (`agentd.top.fit`).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

Part = tuple[str, str]
"""Text, and how it looks: words of Rich such as `bold` and the eight colours, or none."""

Item = TypeVar("Item")

_CURSOR, _NO_CURSOR = "▸ ", "  "
_MARGIN = len(_CURSOR)


class Line(NamedTuple, Generic[Item]):
    """What stands on a line; without `key` the cursor passes it by."""

    key: str | None
    item: Item


@lru_cache(maxsize=256)
def _style(words: str) -> Style:
    return Style.parse(words)


def strip_of(parts: Sequence[Part], cells: int, look: Style) -> Strip:
    """The parts as a line of so many cells, cut or filled."""
    strip = Strip([Segment(text, look + _style(words)) for text, words in parts])
    return strip.adjust_cell_length(cells, look)


class Bar(Widget):
    """One line of parts, which say what is going on."""

    DEFAULT_CSS = "Bar { height: 1; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._parts: Sequence[Part] = ()

    def show(self, parts: Sequence[Part]) -> None:
        """Show these from now on."""
        if parts != self._parts:
            self._parts = parts
            self.refresh()

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - there is one
        """The line, as Textual asks for it."""
        return strip_of(self._parts, self.size.width, self.rich_style)


class Lines(ScrollView, Generic[Item], can_focus=True, inherit_bindings=False):
    """The lines, below a heading that stays."""

    DEFAULT_CSS = """
    Lines { height: 1fr; width: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1)", show=False),
        Binding("down,j", "step(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "edge(False)", show=False),
        Binding("end,G", "edge(True)", show=False),
        Binding("enter", "open", show=False),
    ]
    empty: ClassVar[str] = "nothing"
    """What is said where there is no line."""

    class Moved(Message):
        """The cursor stands on another line."""

        def __init__(self, lines: "Lines[Any]") -> None:
            super().__init__()
            self.lines = lines

        @property
        def control(self) -> "Lines[Any]":
            """Whose cursor."""
            return self.lines

    class Opened(Moved):
        """What the cursor stands on was asked for."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._lines: Sequence[Line[Item]] = ()
        self._places: dict[str, int] = {}
        self._painted: dict[int, Strip] = {}
        self.key: str | None = None
        """Of the line that the cursor stands on."""

        self.is_held = False
        """Somebody put the cursor where it is; else it stays on the first line."""

    def heading(self, cells: int) -> Sequence[Part]:
        """What stands above the lines."""
        raise NotImplementedError

    def parts(self, item: Item, cells: int) -> Sequence[Part]:
        """A line in so many cells."""
        raise NotImplementedError

    def show(self, lines: Sequence[Line[Item]]) -> None:
        """Show these from now on; the cursor stays on the key that it is on, if that is there."""
        before = self._places.get(self.key or "", 0)
        self._lines = lines
        self._places = {line.key: at for at, line in enumerate(lines) if line.key is not None}
        key = self.key
        if key not in self._places or not self.is_held:
            key = self._nearest_key(before if self.is_held else 0)
        self.virtual_size = Size(self.scrollable_content_region.width, len(lines) + 1)
        if key != self.key:
            self.key = key
            self.call_later(self._tell_moved)
        if self._places.get(key or "", 0) != before:
            self._bring_into_view()
        self._paint()

    @property
    def item(self) -> Item | None:
        """What the cursor stands on."""
        at = self._places.get(self.key or "")
        return None if at is None else self._lines[at].item

    def forget(self) -> None:
        """The cursor is nowhere: what is shown next is something else."""
        self.key, self.is_held = None, False

    def go_to(self, key: str) -> bool:
        """Put the cursor there, and have it stay there; False where there is no such line."""
        if key not in self._places:
            return False
        self.is_held = True
        if key != self.key:
            self.key = key
            self._bring_into_view()
            self._paint()
            self.call_later(self._tell_moved)
        return True

    def action_step(self, by: int) -> None:
        """Move the cursor by so many lines."""
        keys = list(self._places)
        if keys:
            at = keys.index(self.key) if self.key in self._places else 0
            self.go_to(keys[min(max(at + by, 0), len(keys) - 1)])

    def action_page(self, by: int) -> None:
        """Move it by so many screens."""
        self.action_step(by * max(self.size.height - 2, 1))

    def action_edge(self, at_end: bool) -> None:  # noqa: FBT001 - Textual's actions are positional
        """Move it to the first or the last line; on the first it stays, whichever that is."""
        keys = list(self._places)
        if keys:
            self.go_to(keys[-1 if at_end else 0])
            self.is_held = at_end

    def action_open(self) -> None:
        """Ask for what it stands on."""
        if self.key is not None:
            self.is_held = True
            self.post_message(self.Opened(self))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor there; a second click asks for it."""
        at = event.y - 1 + self.scroll_offset.y
        if 0 <= at < len(self._lines) and (key := self._lines[at].key) is not None:
            self.go_to(key)
            if event.chain > 1:
                self.action_open()

    def on_focus(self) -> None:
        """The cursor is seen better."""
        self._paint()

    def on_blur(self) -> None:
        """And less."""
        self._paint()

    def on_resize(self) -> None:
        """What fits is another."""
        self._painted = {}
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._lines) + 1)
        self._bring_into_view()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Other lines are seen."""
        self._painted = {}
        super().watch_scroll_y(old_value, new_value)

    def render_line(self, y: int) -> Strip:
        """A line of the screen, as Textual asks for it."""
        if y not in self._painted:
            self._painted[y] = self._strip(y)
        return self._painted[y]

    def _tell_moved(self) -> None:
        """By itself: a message that its screen had made would go no further than there."""
        self.post_message(self.Moved(self))

    def _paint(self) -> None:
        """Have those lines painted that look different."""
        for y in range(self.size.height):
            strip = self._strip(y)
            if self._painted.get(y) != strip:
                self._painted[y] = strip
                self.refresh(Region(0, y, self.scrollable_content_region.width, 1))

    def _strip(self, y: int) -> Strip:
        width, look = self.scrollable_content_region.width, self.rich_style
        cells = max(width - _MARGIN, 0)
        if y == 0:
            return strip_of([(_NO_CURSOR, ""), *self.heading(cells)], width, look + _style("bold"))
        at = y - 1 + self.scroll_offset.y
        if not self._lines and y == 1:
            return strip_of([(_NO_CURSOR, ""), (self.empty, "dim")], width, look)
        if at >= len(self._lines):
            return Strip.blank(width, look)
        line = self._lines[at]
        parts = self.parts(line.item, cells)
        if line.key is None or line.key != self.key:
            return strip_of([(_NO_CURSOR, ""), *parts], width, look)
        if not self.has_focus:
            return strip_of([(_CURSOR, "bold"), *parts], width, look)
        plain = "".join(text for text, _ in parts)
        return strip_of([(_CURSOR + plain, "")], width, look + _style("reverse"))

    def _nearest_key(self, at: int) -> str | None:
        """The key at this line, or of the next one that has one."""
        keys = list(self._places)
        return next((key for key in keys if self._places[key] >= at), keys[-1] if keys else None)

    def _bring_into_view(self) -> None:
        at = self._places.get(self.key or "")
        if at is None:
            return
        if at == max(self._places.values()):
            at = len(self._lines) - 1  # what is said below the last one is seen with it
        seen = max(self.size.height - 1, 1)
        top = self.scroll_offset.y
        if at < top:
            top = at if at > 1 else 0
        elif at >= top + seen:
            top = at - seen + 1
        else:
            return
        # By force: what has come to an empty list has no scrollbar before the next layout.
        self.scroll_to(y=top, animate=False, force=True, immediate=True)
