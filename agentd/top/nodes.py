"""The nodes of the chosen task, a line each: who holds what, since when, and what was said last.

The rule this file keeps: what asks for attention stands first. At most 500 are lines; the last
line says how many are not, and the filter finds them.
"""

from collections.abc import Callable, Collection, Iterable, Sequence

from agentd.live import NodeRow, by_attention, silent_secs
from agentd.states import FAILED, GATE, RUNNING, STATES
from agentd.times import format_duration
from agentd.top.fit import fit, fit_right
from agentd.top.lines import Line, Lines, Part

MOST = 500
"""Lines: who has more nodes looks for some."""

BY_WORD = {state.word: state for state in STATES}
_STATE, _SINCE, _ATTEMPT = 11, 7, 3
_LEAST_NAME, _LEAST_OWNER = 14, 10


class Nodes(Lines[NodeRow | str]):
    """As many of them as are shown."""

    empty = "no node"

    def __init__(self, now: Callable[[], float], *, id: str) -> None:  # noqa: A002 - Textual's name
        """`now` is the moment that is looked at, in Unix seconds."""
        super().__init__(id=id)
        self._now = now

    def heading(self, cells: int) -> Sequence[Part]:
        """What the columns are."""
        return heading(cells)

    def parts(self, item: NodeRow | str, cells: int) -> Sequence[Part]:
        """A node's line, or what is said of those that are not shown."""
        return (
            [(fit(item, cells), "dim")]
            if isinstance(item, str)
            else node_line(item, cells, self._now())
        )


def heading(cells: int) -> list[Part]:
    """The names of the columns of `node_line`."""
    name, owner, rest = _widths(cells)
    head = f"{fit('STATE', _STATE)} {fit('NODE', name)} {fit('OWNER', owner)} "
    head += f"{fit_right('SINCE', _SINCE)} {fit_right('TRY', _ATTEMPT)}  {fit('LAST WORD', rest)}"
    return [(fit(head, cells), "")]


def node_line(node: NodeRow, cells: int, now: float) -> list[Part]:
    """State, name, owner, since when, which attempt, and the last word, which gets what is left."""
    name, owner, rest = _widths(cells)
    state = BY_WORD.get(node.state)
    sign, colour = (state.sign, state.colour) if state else ("?", "")
    begun = node.acquired_at if node.state == RUNNING.word else node.updated_at
    since = format_duration(int(now - (begun or now)))
    return [
        (fit(f"{sign} {node.state}", _STATE) + " ", colour),
        (fit(node.label, name) + " ", ""),
        (fit(node.owner or "", owner) + " ", ""),
        (fit_right(since, _SINCE) + " ", "dim"),
        (fit_right(str(node.attempt or "-"), _ATTEMPT) + "  ", ""),
        (fit(_words(node, now), rest), _colour(node, now)),
    ]


def node_lines(nodes: Collection[NodeRow], wanted: str) -> list[Line[NodeRow | str]]:
    """The first 500 of the nodes that the filter leaves, and a line about the others."""
    words = wanted.casefold()
    found = by_attention(each for each in nodes if not words or _fits(each, words))
    lines: list[Line[NodeRow | str]] = [Line(each.id, each) for each in found[:MOST]]
    if (more := len(found) - MOST) > 0:
        lines.append(Line(None, f"and {more:,} more nodes: / finds them by name or state"))
    return lines


def first_of(nodes: Iterable[NodeRow], word: str) -> NodeRow | None:
    """The first node in this state."""
    return next((each for each in nodes if each.state == word), None)


def _words(node: NodeRow, now: float) -> str:
    if node.state == GATE.word and node.ask:
        return f"asks: {node.ask[:MOST]}"
    silent = silent_secs(node, now)
    ago = "" if silent is None else f"{format_duration(silent)} ago: "
    return ago + (node.last_word or "")


def _colour(node: NodeRow, now: float) -> str:
    """Of the last word: whoever failed, or has been silent for long, is seen at once."""
    if node.state == FAILED.word:
        return FAILED.colour
    return "" if silent_secs(node, now) is None else RUNNING.colour


def _fits(node: NodeRow, words: str) -> bool:
    return any(
        words in each.casefold() for each in (node.label, node.state, node.owner or "", node.id)
    )


def _widths(cells: int) -> tuple[int, int, int]:
    """Cells for the name, the owner and the last word."""
    free = max(cells - _STATE - _SINCE - _ATTEMPT - 6, 0)
    name = max(free * 25 // 100, _LEAST_NAME)
    owner = max(free * 18 // 100, _LEAST_OWNER)
    return name, owner, max(free - name - owner, 0)
