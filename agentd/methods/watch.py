"""WatchEvents."""

from agentd import queries
from agentd.api import WatchEventsParams, WatchEventsResult
from agentd.decide import Context
from agentd.store import Reader


def watch_events(reader: Reader, params: WatchEventsParams, _context: Context) -> WatchEventsResult:
    """A page of the journal."""
    return queries.watch_events(reader, params)
