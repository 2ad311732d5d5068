"""Who worked when: the attempts of tasks, read once and then only what is new.

The rule this file keeps: results and errors are dropped as they come; of a task in which very much
has happened only so much is read, and it is told that there was more.
"""

import time
from datetime import datetime

import msgspec
from msgspec import Struct

from agentd.api import RecordedEventView
from agentd.client import AsyncClient
from agentd.live import SPAN_KINDS, Span, attempt_spans

_PAGE = 1000
_MOST_PAGES = 60
_UNSEEN_SECONDS = 120.0
_NOTHING = msgspec.Raw(b"{}")


class _Read(Struct):
    events: list[RecordedEventView]
    last_seq: int
    is_all: bool
    seen_at: float


class Worked(Struct):
    """The attempts of a task; `is_all`: of all that there were up to then."""

    spans: list[Span]
    is_all: bool


class WorkedTasks:
    """The tasks that somebody looks at."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._known: dict[str, _Read] = {}

    def forget(self) -> None:
        """Read all anew: it may be another journal."""
        self._known = {}

    async def of(self, task_id: str, at: int | str | None = None) -> Worked:
        """The attempts, up to a seq or moment where one is given. Raises `TaskNotFound`."""
        now = time.monotonic()
        self._known = {
            each: read for each, read in self._known.items() if read.seen_at > now - _UNSEEN_SECONDS
        }
        kept = self._known
        known = kept.get(task_id) or _Read([], 0, is_all=True, seen_at=now)
        read = await self._go_on(task_id, known)
        read.seen_at = now
        kept[task_id] = read  # not what took its place meanwhile: that may be of another journal
        events = [each for each in read.events if _is_before(each, at)]
        return Worked(attempt_spans(events), read.is_all)

    async def _go_on(self, task_id: str, known: _Read) -> _Read:
        events, place = [*known.events], known.last_seq
        for _ in range(_MOST_PAGES):
            page = await self._client.watch_events(
                after_seq=place, task_id=task_id, kinds=SPAN_KINDS, limit=_PAGE
            )
            for each in page.events:
                if each.action_type != SPAN_KINDS[0]:
                    each.payload = _NOTHING
            events += page.events
            if page.last_seq == place:
                return _Read(events, page.last_seq, is_all=True, seen_at=0)
            place = page.last_seq
        return _Read(events, place, is_all=False, seen_at=0)


def _is_before(event: RecordedEventView, at: int | str | None) -> bool:
    if isinstance(at, str):
        return datetime.fromisoformat(event.timestamp) <= datetime.fromisoformat(at)
    return at is None or event.seq <= at
