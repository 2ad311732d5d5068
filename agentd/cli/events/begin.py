"""The place in the journal where a moment stands.

The rule this file keeps: what happened later stands later, so the place is found by halving, and a
journal of a million events is asked some twenty times.
"""

from agentd.api import to_milliseconds
from agentd.client import Client


def place_of(client: Client, moment: float | str, end: int) -> int:
    """The place behind which everything happened at that moment or later; `end` where nothing did.

    Between two events that are not hidden any place will do.
    """
    at = to_milliseconds(moment, "--since")
    begin = 0
    while begin < end:
        middle = (begin + end) // 2
        seq, happened = _next_event(client, middle, end)
        if happened is not None and happened < at:
            begin = seq
        else:
            end = middle
    return begin


def _next_event(client: Client, place: int, end: int) -> tuple[int, int | None]:
    """The seq of the first event behind a place, and when it happened; None where there is none."""
    while place < end:
        page = client.watch_events(after_seq=place, limit=1)
        for event in page.events:
            return event.seq, to_milliseconds(event.timestamp, "timestamp")
        if page.last_seq == place:
            break
        place = page.last_seq
    return place, None
