"""A screen of text to read: a log, all about a node, or the keys.

The rule this file keeps: it is text: it is cut into lines that fit, and nothing in it means
anything to the terminal.
"""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from agentd.top.fit import fit
from agentd.top.lines import Bar, Line, Lines, Part
from agentd.top.wrapped import wrap


class _Text(Lines[str]):
    empty = ""

    def __init__(self, title: str, text: Sequence[str], *, at_end: bool) -> None:
        super().__init__(id="text")
        self._title = title
        self._text = text
        self._at_end = at_end

    def on_resize(self) -> None:
        """Cut it anew."""
        super().on_resize()
        cells = self.size.width - 2
        wrapped = (part for line in self._text for part in wrap(line, cells))
        is_new = not self._lines
        self.show([Line(str(number), part) for number, part in enumerate(wrapped)])
        if is_new and self._at_end:
            self.action_edge(at_end=True)

    def heading(self, cells: int) -> Sequence[Part]:
        return [(fit(self._title, cells), "")]

    def parts(self, item: str, cells: int) -> Sequence[Part]:
        return [(fit(item, cells), "")]


class Reading(Screen[None]):
    """Text, until somebody has read it."""

    DEFAULT_CSS = "Reading { background: ansi_default; color: ansi_default; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "leave", show=False, priority=True)
    ]

    def __init__(self, title: str, text: Sequence[str], *, at_end: bool = False) -> None:
        """`at_end`: what comes last is read first."""
        super().__init__()
        self._text = _Text(title, text, at_end=at_end)

    def compose(self) -> ComposeResult:
        """The text, and the keys."""
        yield self._text
        yield Bar(id="keys")

    def on_mount(self) -> None:
        """Begin to read."""
        self.query_one("#keys", Bar).show([("  ↑ ↓ PgUp PgDn Home End: move    Esc: back", "dim")])
        self._text.focus()

    def action_leave(self) -> None:
        """Back."""
        self.dismiss()
