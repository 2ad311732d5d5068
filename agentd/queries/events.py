"""A task's stream of events: page by page, or the newest ones for the context of a node."""

from typing import cast

from msgspec import Raw

from agentd.api import EventView, RecordedEventView, TaskEventsParams, TaskEventsResult
from agentd.journal import Recorded
from agentd.queries.event_fields import event_fields, is_by_client
from agentd.queries.pages import take_page
from agentd.queries.tasks import require_task_row
from agentd.queries.values import to_json
from agentd.store import Reader

_CACHE_ENTRIES = 4_096
"""Encoded events in the cache: every worker that acquires is shown the same newest ones."""

_CACHED_PAYLOAD_BYTES = 1_024
"""Bytes of payload up to which an event is cached."""

_event_cache: dict[bytes, Raw] = {}  # by the record's hash, which stands for all that it holds


def task_events(reader: Reader, params: TaskEventsParams) -> TaskEventsResult:
    """A page of a task's events. Raises `TaskNotFound`."""
    task_id, after, limit = params.task_id, params.after, params.limit
    require_task_row(reader, task_id)
    records = reader.records_without_heartbeats(
        task_id, after, limit if after is None else limit + 1
    )
    page = take_page(((r.seq, recorded_event_view(r)) for r in records), limit)
    return TaskEventsResult(page.entries, page.last or after or 0, page.more)


def recorded_event_view(recorded: Recorded) -> RecordedEventView:
    """Any event, with its place in the journal."""
    return RecordedEventView(*event_fields(recorded), recorded.seq, is_by_client(recorded))


def event_journal(tail: list[Recorded]) -> list[EventView]:
    """The tail as clients see it, each event encoded once for all the contexts that show it."""
    encoded = [_event_cache.get(recorded.hash) or _encode_and_cache(recorded) for recorded in tail]
    return cast("list[EventView]", encoded)  # what is encoded already is encoded as it is


def _encode_and_cache(recorded: Recorded) -> Raw:
    """The event as JSON; a small one is cached."""
    encoded = to_json(EventView(*event_fields(recorded)))
    if recorded.payload is None or len(recorded.payload) <= _CACHED_PAYLOAD_BYTES:
        if len(_event_cache) >= _CACHE_ENTRIES:
            _event_cache.clear()
        _event_cache[recorded.hash] = encoded
    return encoded
