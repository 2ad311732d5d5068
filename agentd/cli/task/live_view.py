"""What a person sees of a task that is watched: events, and below them a line that tells how far.

The rule this file keeps: a picture is one write: the line is taken away, what happened is printed
where it stood, and the line is drawn below. So events stay in the terminal's history, and nothing
flickers. A terminal that cannot clear a line is shown the events, and the line at the end.
"""

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from agentd.api import TaskStatusResult, WatchEventsResult
from agentd.cli.remarks import say
from agentd.cli.screen import console, plain_text, print_line
from agentd.cli.task.events import show_events
from agentd.states import TASK_COLOURS
from agentd.task_progress import describe_progress, progress_bar

if TYPE_CHECKING:
    from rich.text import Text

_CLEAR = "\r\x1b[K"


class LiveView:
    """Shows page after page; `close` leaves the line where the task has ended, else no trace."""

    def __init__(self, called: Mapping[str, str]) -> None:
        self._called = called
        self._screen = console()
        self._clear = "" if os.environ.get("TERM") == "dumb" else _CLEAR

    def show(self, page: WatchEventsResult, status: TaskStatusResult) -> None:
        """Print what happened, and draw the line anew."""
        screen = self._screen
        with screen.capture() as picture:
            show_events(screen, page.events, self._called)
            if self._clear:
                screen.print(_line(status), no_wrap=True, overflow="ellipsis", end="")
        self._write(picture.get())

    def say(self, words: str) -> None:
        """Say something where the line stood; the next picture has it again."""
        self._write("")
        say(words)

    def close(self, ended: TaskStatusResult | None) -> None:
        """Take the line away, or have it stand where it tells the end."""
        with self._screen.capture() as picture:
            if ended is not None:
                print_line(self._screen, _line(ended))
        self._write(picture.get())

    def _write(self, picture: str) -> None:
        sys.stdout.write(self._clear + picture)
        sys.stdout.flush()


def _line(status: TaskStatusResult) -> "Text":
    state = status.state or ""
    line = plain_text(f"[{progress_bar(status.counts)}] ")
    return line.append(describe_progress(state, status.counts), TASK_COLOURS.get(state, ""))
