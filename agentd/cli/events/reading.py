"""The journal in pages: what there is, the newest of it, and what happens.

The rule this file keeps: the daemon waits, and nobody asks in turns; a page is forgotten as soon as
it is printed.
"""

import time
from collections import deque
from collections.abc import Iterator

from agentd.api import RecordedEventView, WatchEventsResult
from agentd.cli.events.wanted import Wanted
from agentd.cli.remarks import say
from agentd.client import Client
from agentd.client.away import AWAY
from agentd.errors import DaemonUnreachable, RequestRefused, StorageError

_PAGE = 1000
_WAIT_SECONDS = 10.0
"""For how long the daemon lets one question wait."""

_PAUSE_SECONDS = 0.5
"""Between two looks for a daemon that is gone."""

_FIRST_STRETCH = 400
_LONGEST_STRETCH = 256_000
"""Places of the journal that are looked through for the newest events, at first and at most."""


def last_place(client: Client) -> int:
    """Where the journal ends."""
    return client.watch_events(limit=1).last_seq


def past_pages(client: Client, wanted: Wanted, place: int, end: int) -> Iterator[WatchEventsResult]:
    """What is wanted of the journal behind a place, up to its end when somebody asked for it."""
    while place < end:
        page = _page(client, wanted, place)
        if page.last_seq == place:  # the journal was replaced by a shorter one
            return
        place = page.last_seq
        page.events = [event for event in page.events if event.seq <= end]
        yield page


def newest_events(client: Client, wanted: Wanted, number: int, end: int) -> list[RecordedEventView]:
    """So many of the newest events that are wanted, the newest last."""
    found: deque[RecordedEventView] = deque()
    stretch = _FIRST_STRETCH
    while end > 0 and len(found) < number:
        begin = max(0, end - stretch)
        part: deque[RecordedEventView] = deque(maxlen=number - len(found))
        for page in past_pages(client, wanted, begin, end):
            part.extend(page.events)
        found.extendleft(reversed(part))
        end, stretch = begin, min(stretch * 4, _LONGEST_STRETCH)
    return [*found]


def coming_pages(client: Client, wanted: Wanted, place: int) -> Iterator[WatchEventsResult]:
    """What happens behind a place, for ever; an empty page when nothing has for a while.

    A daemon that goes is waited for, and the same place gone on from.
    """
    is_gone = False
    while True:
        try:
            if is_gone:
                place, is_gone = place_that_is_there(place, last_place(client)), False
            page = _page(client, wanted, place, _WAIT_SECONDS)
        except AWAY as error:
            if not is_gone:
                say(f"{_first_words(error)}: going on as soon as a daemon is back")
            is_gone = True
            time.sleep(_PAUSE_SECONDS)
            page = WatchEventsResult([], place)
        place = page.last_seq
        yield page


def _page(client: Client, wanted: Wanted, place: int, seconds: float = 0) -> WatchEventsResult:
    page = client.watch_events(
        after_seq=place,
        task_id=wanted.task_id,
        kinds=wanted.kinds,
        wait_secs=seconds,
        limit=_PAGE,
    )
    page.events = [event for event in page.events if wanted.fits(event)]
    return page


def place_that_is_there(place: int, last: int) -> int:
    """The same place; the end of a journal that does not reach it: a backup was restored."""
    if last < place:
        say(f"the journal ends with seq {last} now: it was at {place} before")
    return min(place, last)


def _first_words(error: DaemonUnreachable | RequestRefused) -> str:
    return "the daemon stops" if isinstance(error, StorageError) else str(error).partition(":")[0]
