"""The journal as a cursor: what is behind a place, and whether somebody watches for an event.

The rule this file keeps: behind the place that is answered nothing that fits was left out, however
little was looked at.
"""

from collections.abc import Sequence

from agentd.api import WatchEventsParams, WatchEventsResult
from agentd.events import HIDDEN, EventCommitted, NodeDue, TaskRegistered
from agentd.journal import Recorded
from agentd.queries.event_fields import ACTION_TYPES, FORK, IMPORT, action_type
from agentd.queries.events import recorded_event_view
from agentd.queries.pages import take_page
from agentd.queries.tasks import require_task_row
from agentd.store import Reader

MOST_LOOKED_AT = 10_000
"""Records that one call looks at."""


def watch_events(reader: Reader, params: WatchEventsParams) -> WatchEventsResult:
    """The events that fit, a page of them. Raises `TaskNotFound`."""
    task_id = params.task_id
    if task_id is not None:
        require_task_row(reader, task_id)
    after = reader.last_seq() if params.after_seq is None else params.after_seq
    until = reader.reach(after, MOST_LOOKED_AT, task_id)
    records = reader.records_of_kinds(after, until, task_id, _event_kinds(params.kinds))
    fitting = ((r.seq, recorded_event_view(r)) for r in records if fits_watch(r, params.kinds))
    page = take_page(fitting, params.limit)
    return WatchEventsResult(page.entries, page.last if page.more else until)


def fits_watch(recorded: Recorded, kinds: Sequence[str] | None) -> bool:
    """Whether the event is of one of these action types; any but a heartbeat where none is said."""
    if kinds is None:
        return not isinstance(recorded.event, HIDDEN)
    return not isinstance(recorded.event, NodeDue) and action_type(recorded) in kinds


def _event_kinds(kinds: Sequence[str] | None) -> list[str]:
    """The events that may be of these action types: what clients commit may be of any."""
    wanted = None if kinds is None else set(kinds)
    if wanted is not None and wanted & {FORK, IMPORT}:
        wanted.add(ACTION_TYPES[TaskRegistered])
    return [EventCommitted.__name__] + [
        event.__name__
        for event, name in ACTION_TYPES.items()
        if (event not in HIDDEN if wanted is None else name in wanted)
    ]
