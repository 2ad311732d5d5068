"""Which events are wanted, and the line that a program reads of one."""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Raw

from agentd.api import RecordedEventView
from agentd.text import printable


class Wanted(NamedTuple):
    """Those of a task, of some types, and with a text in their line; None leaves out none.

    The daemon picks by task and type, `fits` by text.
    """

    task_id: str | None = None
    kinds: Sequence[str] | None = None
    text: str | None = None

    def fits(self, event: RecordedEventView) -> bool:
        """Has its line the text?"""
        return self.text is None or self.text.casefold() in _line(event).casefold()


def known_kinds(given: Sequence[str] | None) -> list[str] | None:
    """The types as they were given, and in the large letters of agentd's own."""
    return None if given is None else [*dict.fromkeys((*given, *(each.upper() for each in given)))]


def fields(event: RecordedEventView) -> tuple[object, ...]:
    """What stands between the tabs of its line."""
    of = event.task_id, event.node_id, event.payload
    return event.seq, event.timestamp, event.action_type, *of


def _line(event: RecordedEventView) -> str:
    return "\t".join(
        bytes(field).decode(errors="replace") if isinstance(field, Raw) else printable(field or "")
        for field in fields(event)
    )
