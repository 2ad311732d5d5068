"""How kept output is shown: on a terminal, in a pipe, or in envelopes.

The rule this file keeps: in a pipe it is byte for byte what the command wrote; on a terminal it is
text, which moves no cursor. What is left out is told wherever it is.
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence

from agentd.cli.node.stream_log import StreamLog
from agentd.cli.printing import print_data
from agentd.cli.remarks import say
from agentd.cli.screen import console, plain_text
from agentd.text import printable


class LogPrinter(ABC):
    """Shows what has come in the streams of an attempt."""

    @abstractmethod
    def show(self, logs: Sequence[StreamLog], *, is_all: bool) -> None:
        """Show what has come since the last time; `is_all`: nothing more will be shown.

        Raises `OSError`.
        """


class BytePrinter(LogPrinter):
    """Standard output has what both streams have, standard error what is left out."""

    def show(
        self,
        logs: Sequence[StreamLog],
        *,
        is_all: bool,  # noqa: ARG002 - bytes are shown as they come
    ) -> None:
        """Show what has come since the last time. Raises `OSError`."""
        for log in logs:
            for written in log.pieces():
                if written.left_out:
                    sys.stdout.flush()
                    say(f"{written.left_out:,} bytes of {log.name} are left out here")
                sys.stdout.buffer.write(written.content)
        sys.stdout.flush()


class EnvelopePrinter(LogPrinter):
    """An envelope for what is there, and for whatever comes later."""

    def __init__(self, attempt: int, status: str) -> None:
        self._attempt = attempt
        self._status = status
        self._has_shown = False

    def show(self, logs: Sequence[StreamLog], *, is_all: bool) -> None:
        """Show what has come since the last time. Raises `OSError`."""
        texts: dict[str, str] = {}
        left_out: dict[str, int] = {}
        for log in logs:
            parts, missing = [], 0
            for written in log.pieces():
                before, text = log.decode(written)
                note = _left_out_line(written.left_out) if written.left_out else ""
                parts += [before, note, text]
                missing += written.left_out
            if is_all:
                parts.append(log.decode_end())
            texts[log.name], left_out[log.name] = "".join(parts), missing
        if any(texts.values()) or not self._has_shown:
            self._has_shown = True
            about = {"attempt": self._attempt, "status": self._status}
            print_data({**about, **texts, "left_out": left_out})


class TerminalPrinter(LogPrinter):
    """Lines, below a heading where the stream is another one than before."""

    def __init__(self, attempt: int, status: str) -> None:
        self._attempt = attempt
        self._status = status
        self._screen = console()
        self._rests: dict[str, str] = {}
        self._last: str | None = None

    def show(self, logs: Sequence[StreamLog], *, is_all: bool) -> None:
        """Show what has come since the last time. Raises `OSError`."""
        for log in logs:
            for written in log.pieces():
                before, text = log.decode(written)
                if written.left_out:
                    self._show_text(log.name, before)
                    self._end_line(log.name)
                    self._note(_left_out_line(written.left_out).strip())
                self._show_text(log.name, text)
            if is_all:
                self._show_text(log.name, log.decode_end())
                self._end_line(log.name)
        if is_all and self._last is None:
            self._note(f"attempt {self._attempt} ({self._status}) has written nothing")

    def _show_text(self, name: str, text: str) -> None:
        *lines, rest = (self._rests.get(name, "") + text).split("\n")
        self._rests[name] = rest
        for line in lines:
            self._show_line(name, line)

    def _end_line(self, name: str) -> None:
        if rest := self._rests.pop(name, ""):
            self._show_line(name, rest)

    def _show_line(self, name: str, line: str) -> None:
        if name != self._last:
            self._last = name
            self._note(f"--- {name} of attempt {self._attempt} ({self._status}) ---")
        print("\t".join(map(printable, line.rstrip("\r").split("\t"))).expandtabs())

    def _note(self, words: str) -> None:
        self._screen.print(plain_text(words, "dim"), soft_wrap=True)


def _left_out_line(number: int) -> str:
    return f"\n[{number:,} bytes are left out here]\n"
