"""A question before something is done, with a line for a note where one may be given.

The rule this file keeps: nothing is done by a key that was meant for something else: without a note
`y` does it, with one Enter does, and Escape leaves everything as it is.
"""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from agentd.top.lines import Bar
from agentd.top.wrapped import wrap

_MOST_LINES = 4


class Ask(ModalScreen[str | None]):
    """Ends with the note, empty where none was typed or asked for; or with None: leave it."""

    DEFAULT_CSS = """
    Ask { align: center middle; background: transparent; }
    Ask > Vertical { background: ansi_default; width: 90%; max-width: 100; height: auto;
        border: round ansi_default; padding: 0 1; }
    Ask Input { border: none; height: 1; padding: 0; background: ansi_default;
        color: ansi_default; text-style: underline; }
    Ask Input:focus { border: none; background: ansi_default; background-tint: ansi_default 0%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("y", "do", show=False),
        Binding("n,q", "leave", show=False),
    ]

    def __init__(self, question: str, note: str | None, given: str = "") -> None:
        super().__init__()
        self._question = question
        self._note = note
        self._given = given

    def compose(self) -> ComposeResult:
        """The question, the line, and the keys."""
        with Vertical():
            for number in range(_MOST_LINES):
                yield Bar(id=f"question-{number}")
            if self._note is not None:
                yield Input(self._given, id="note", select_on_focus=False)
            yield Bar(id="keys")

    def on_mount(self) -> None:
        """Put the words in."""
        lines = wrap(self._question, min(self.app.size.width * 9 // 10, 100) - 4)[:_MOST_LINES]
        for number in range(_MOST_LINES):
            bar = self.query_one(f"#question-{number}", Bar)
            bar.display = number < len(lines)
            bar.show([(lines[number], "bold")] if number < len(lines) else [])
        keys = "y: yes    n or Esc: no"
        if self._note is not None:
            keys = f"{self._note}, if you like    Enter: do it    Esc: leave it"
        self.query_one("#keys", Bar).show([(keys, "dim")])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Do it, with the note."""
        event.stop()
        self.dismiss(event.value)

    def action_do(self) -> None:
        """Do it, where no note is asked for."""
        if self._note is None:
            self.dismiss("")

    def action_leave(self) -> None:
        """Leave it."""
        self.dismiss(None)
