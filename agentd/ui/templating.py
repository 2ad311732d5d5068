"""Pages from templates.

The rule this file keeps: whatever is put into a page is text: markup in it is escaped, and what a
browser would obey or not show is spelled out. Only what a filter here makes is markup.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from msgspec import Raw

from agentd.live import NodeRow, silent_secs
from agentd.quantities import format_amount, format_size
from agentd.states import BLOCKED, COMPLETED, FAILED, GATE, PENDING, RUNNABLE, RUNNING, STATES
from agentd.text import printable, printable_json
from agentd.times import format_duration, format_moment

SHORT = 200
"""Characters of a text in a list."""

_NODE_SIGNS = {state.word: state.sign for state in STATES}

_TASK_SIGNS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "ACTIVE": ("active", RUNNABLE.sign),
        "PAUSED": ("paused", "‖"),
        "COMPLETED": ("completed", COMPLETED.sign),
        "FAILED": ("failed", FAILED.sign),
        "CANCELLED": ("blocked", BLOCKED.sign),
    }
)
_BAR = (("completed", COMPLETED), ("failed", FAILED), ("running", RUNNING), ("pending", PENDING))
_BAR_WIDTH = 100.0
_NOTHING = (b"null", b"{}", b'""')

_HOW: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "completed": ("completed", COMPLETED.sign),
        "failed": ("failed", FAILED.sign),
        "timed_out": ("failed", "⧗"),
        "expired": ("running", "⧗"),
        "released": ("pending", "↩"),
        "revoked": ("blocked", BLOCKED.sign),
    }
)


@cache
def environment() -> Environment:
    """The templates of this package."""
    made = Environment(
        loader=PackageLoader("agentd.ui"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_as_text,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        ago=_ago,
        amount=format_amount,
        bar=_bar,
        clock=_clock,
        how=_how,
        node_address=_node_address,
        lasting=_lasting,
        payload_words=_payload_words,
        pre=_pre,
        short=_short,
        silent=_silent,
        size=format_size,
        state=_state,
        taken=_taken,
        task_state=_task_state,
        theirs=_theirs,
        until=_until,
        urlencode=in_address,
    )
    made.globals["NODE_STATES"] = [state.word for state in STATES]
    made.globals["GATE"] = GATE.word
    return made


def render(template: str, values: Mapping[str, Any]) -> str:
    """The page."""
    return environment().get_template(template).render(values)


def markup(drawing: str) -> Markup:
    """A drawing of ours, in which what others wrote is escaped already."""
    return Markup(drawing)  # noqa: S704 - nothing else comes here


def _as_text(value: object) -> object:
    return value if isinstance(value, Markup) else printable(value)


def _theirs(text: object, most: int = SHORT) -> Markup:
    """What somebody else wrote: whichever way it is read, nothing beside it turns round."""
    return Markup("<bdi>{}</bdi>").format(_short(text, most))


def _short(text: object, most: int = SHORT) -> str:
    words = str(text)
    return printable(words if len(words) <= most else f"{words[:most]}…")


def in_address(text: object) -> str:
    """A word as a part of an address."""
    return quote(str(text), safe="")


def _node_address(name: str, task_id: str) -> str:
    """Where the node of that name or id is: by its name in the list, where no path can have it."""
    if "/" in name or name in (".", ".."):
        return f"/tasks/{task_id}?node={in_address(name)}#nodes"
    return f"/tasks/{task_id}/nodes/{in_address(name)}"


def _moment(at: float | str) -> float:
    return datetime.fromisoformat(at).timestamp() if isinstance(at, str) else float(at)


def _time(seconds: float, words: str, kind: str = "") -> Markup:
    moment = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    told = Markup(' data-{}="{}"').format(kind, f"{seconds:.3f}") if kind else Markup("")
    title = format_moment(seconds)
    return Markup('<time datetime="{}" title="{}"{}>{}</time>').format(moment, title, told, words)


def _ago(at: float | str) -> Markup:
    """How long ago: the page counts on."""
    seconds = _moment(at)
    return _time(seconds, f"{format_duration(int(_now() - seconds))} ago", "ago")


def _lasting(at: float | str) -> Markup:
    """For how long already: the page counts on."""
    seconds = _moment(at)
    return _time(seconds, f"for {format_duration(int(_now() - seconds))}", "lasting")


def _silent(node: NodeRow) -> bool:
    """Whether whoever works on it has said nothing for long."""
    return silent_secs(node, _now()) is not None


def _until(at: float | str) -> Markup:
    """How long still: the page counts on."""
    seconds = _moment(at)
    left = int(seconds - _now())
    return _time(seconds, f"{format_duration(left)} left" if left >= 0 else "over", "until")


def _taken(seconds: float) -> str:
    return format_duration(max(round(seconds), 0))


def _clock(at: float | str) -> Markup:
    seconds = _moment(at)
    return _time(seconds, format_moment(seconds))


def _now() -> float:
    return datetime.now(UTC).timestamp()


def _state(word: str) -> Markup:
    """A node's state: its sign and its word, in its colour."""
    return _chip(word.lower(), _NODE_SIGNS.get(word, ""), word)


def _how(how: str) -> Markup:
    """How an attempt ended: sign, word and colour."""
    name, sign = _HOW.get(how, ("pending", "○"))
    return _chip(name, sign, how.replace("_", " "))


def _pre(text: str) -> Markup:
    """Text of several lines, that was made printable line by line."""
    return Markup("\n").join(escape(printable(line)) for line in text.split("\n"))


def _payload_words(payload: Raw) -> Markup:
    """The beginning of an event's payload, empty where it says nothing."""
    written = bytes(payload)
    words = "" if written in _NOTHING else printable_json(written[: SHORT * 4])
    return _theirs(words.replace("\n", " "))


def _task_state(word: str) -> Markup:
    return _chip(*_TASK_SIGNS.get(word, ("pending", "")), word)


def _chip(name: str, sign: str, word: str) -> Markup:
    return Markup('<span class="state {}"><span aria-hidden="true">{}</span> {}</span>').format(
        name, sign, word
    )


def _bar(counts: Mapping[str, int]) -> Markup:
    """How far a task has come, by the counts of its nodes; any that there are can be seen."""
    total = max(sum(counts.values()), 1)
    parts, at = [], 0.0
    for name, state in _BAR:
        if number := counts.get(state.word, 0):
            width = number / total * _BAR_WIDTH
            parts.append(
                Markup('<rect class="{}" x="{:.2f}" width="{:.2f}" height="8"/>').format(
                    name, at, max(width - 0.4, 0.6)
                )
            )
            at += width
    told = ", ".join(
        f"{counts[state.word]:,} {state.word}" for _, state in _BAR if counts.get(state.word)
    )
    return Markup(
        '<svg class="bar" role="img" viewBox="0 0 100 8" preserveAspectRatio="none"'
        ' aria-label="{}"><title>{}</title>{}</svg>'
    ).format(told or "no nodes", told or "no nodes", Markup("").join(map(escape, parts)))
