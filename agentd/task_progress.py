"""How far a task has come, in few characters.

The rule this file keeps: what is told follows from the counts of its nodes and its state, which
cost the daemon no look at its nodes.
"""

from collections.abc import Mapping

from agentd.quantities import format_nodes
from agentd.states import COMPLETED, FAILED, PENDING, RUNNING

_WIDTH = 10


def describe_progress(state: str, counts: Mapping[str, int]) -> str:
    """A line such as `ACTIVE, 4 of 12 nodes done, 2 running, 1 failed, 5 waiting`."""
    done, total = counts.get(COMPLETED.word, 0), sum(counts.values())
    parts = [state, f"{done:,} of {format_nodes(total)} done"]
    rest = "waiting" if state in ("ACTIVE", "PAUSED") else "not run"
    for of, word in ((RUNNING, "running"), (FAILED, "failed"), (PENDING, rest)):
        if number := counts.get(of.word, 0):
            parts.append(f"{number:,} {word}")
    return ", ".join(parts)


def progress_bar(counts: Mapping[str, int], width: int = _WIDTH) -> str:
    """`####!=....`: completed, failed, running and the rest; what there is of any is seen."""
    total = sum(counts.values())
    bar = ""
    for of, sign in ((COMPLETED, "#"), (FAILED, "!"), (RUNNING, "=")):
        number = counts.get(of.word, 0)
        cells = number * width // max(total, 1)
        bar += sign * (cells or (1 if number else 0))
    return f"{bar[:width]:.<{width}}"
