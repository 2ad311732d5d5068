"""The process that lays out graphs: a question on a line of its input, the answer on its output.

The rule this file keeps: it ends by itself. With its input, because whoever asks is gone; and when
a layout takes too long, even while the library holds the interpreter, by the system's alarm.
"""

import contextlib
import signal
import sys
from math import ceil

import msgspec
from msgspec import Struct

from agentd.ui.layout.place import place


class Question(Struct, array_like=True):
    """A graph without names: so many nodes, and the edges between them."""

    count: int
    edges: list[tuple[int, int]]
    patience: float
    """Seconds after which nobody waits for the answer any longer."""


def main() -> None:
    """Answer until nobody asks."""
    with contextlib.suppress(BrokenPipeError):
        for line in sys.stdin.buffer:
            question = msgspec.json.decode(line, type=Question)
            signal.alarm(ceil(question.patience))
            answer = place(question.count, question.edges)
            signal.alarm(0)
            sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
