"""The lines at the top: how things stand, which tab is seen, and which task is chosen.

The rule this file keeps: whether what is seen is now, was once, or cannot be known is the first
thing that is said.
"""

from rich.cells import cell_len

from agentd.quantities import format_amount
from agentd.states import COMPLETED, FAILED, PENDING, RUNNING, TASK_COLOURS
from agentd.task_progress import progress_bar
from agentd.times import format_clock, format_day_and_clock
from agentd.top.fit import fit, shorten
from agentd.top.keys import TABS
from agentd.top.lines import Part
from agentd.top.model import Model
from agentd.top.past import Past
from agentd.top.tasks import SIGNS

_BAR = 8
_SIGN = len("● LIVE ")


def status_parts(model: Model, cells: int) -> list[Part]:
    """Whether the daemon is there, where the journal ends, and what there is in all."""
    if model.away is not None:
        return [
            ("✗ AWAY ", "bold red reverse"),
            (fit(f" {model.away}: trying again", cells - _SIGN), ""),
        ]
    if model.past is not None:
        return _past_parts(model.past, cells)
    tasks = model.board.tasks
    running = sum(task.counts.get(RUNNING.word, 0) for task in tasks)
    waiting = len(model.board.waiting)
    more = "more than " if model.board.has_more else ""
    told = f" {more}{len(tasks):,} {'task' if len(tasks) == 1 else 'tasks'}, {running:,} running"
    asks = f", {waiting:,} for you" if waiting else ""
    right = f"seq {model.last_seq:,}  {format_clock(int(model.clock()))} "
    left = shorten(told + asks, cells - _SIGN - len(right))
    gap = " " * max(cells - _SIGN - cell_len(left) - len(right), 0)
    return [("● LIVE ", "bold green reverse"), (left + gap, ""), (right, "dim")]


def _past_parts(past: Past, cells: int) -> list[Part]:
    event = past.event
    if event is None:
        return [("◷ PAST ", "bold yellow reverse"), (" asking how it was", "")]
    node = past.nodes.get(event.node_id or "")
    when = format_day_and_clock(event.timestamp)
    what = (
        f" after seq {event.seq:,}  {when}  {event.action_type[:40]} {node.label if node else ''}"
    )
    first = "  (its first event)" if past.is_first else ""
    return [("◷ PAST ", "bold yellow reverse"), (fit(what + first, cells - _SIGN), "")]


def tab_parts(chosen: str, model: Model, wanted: str) -> list[Part]:
    """The tabs' names with their numbers, and the filter."""
    parts: list[Part] = [("  ", "")]
    for number, (name, title) in enumerate(TABS.items(), start=1):
        mark = "! " if name == "inbox" and model.board.waiting else "  "
        look = "bold reverse" if name == chosen else ""
        parts += [(f"{number} {title}", look), (mark, "bold yellow")]
    return [*parts, (f"/{shorten(wanted, 20)}", "bold yellow")] if wanted else parts


def tab_at(column: int) -> str | None:
    """The tab whose name stands there."""
    begin = 2
    for number, (name, title) in enumerate(TABS.items(), start=1):
        end = begin + len(f"{number} {title}") + 2
        if begin <= column < end:
            return name
        begin = end
    return None


def goal_parts(model: Model, cells: int) -> list[Part]:
    """What the chosen task is for."""
    found = model.past.status if model.past is not None else model.live
    if found is None:
        return [("  reading it ..." if model.task_id else "  no task is chosen", "dim")]
    return [("  " + fit(found.task.goal, cells - 2), "bold")]


def progress_parts(model: Model, cells: int) -> list[Part]:
    """How far the chosen task is, and what it has used."""
    found = model.past.status if model.past is not None else model.live
    if found is None:
        return goal_parts(model, cells)
    state = str(found.state or "")
    budget = found.budget or {}
    used = [
        f", {unit[:40]} {format_amount(number)}"
        + (f" of {format_amount(budget[unit])}" if unit in budget else "")
        for unit, number in found.usage.items()
    ]
    done, total = found.counts.get(COMPLETED.word, 0), sum(found.counts.values())
    told = f"{SIGNS.get(state, '?')} {state} {progress_bar(found.counts, _BAR)} {done:,}/{total:,}"
    for of, word in ((RUNNING, "running"), (FAILED, "failed"), (PENDING, "waiting")):
        if number := found.counts.get(of.word, 0):
            told += f", {number:,} {word}"
    told += "".join(used)
    return [("  " + fit(told, cells - 2), TASK_COLOURS.get(state, ""))]
