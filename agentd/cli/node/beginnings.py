"""When the attempts of a node began: NodeStatus tells of the newest only, the journal of all.

The rule this file keeps: of a task in which very much has happened only so much is read; what is
not known then is left out.
"""

from datetime import datetime

from agentd.api import NodeStatusResult
from agentd.client import Client

_MOST_PAGES = 20
_PAGE = 1000


def find_beginnings(client: Client, status: NodeStatusResult) -> dict[int, float]:
    """Unix seconds, by the attempt's number."""
    node = status.node
    if node.acquired_at is None and not status.attempts:
        return {}
    if node.attempt == 1 and node.acquired_at is not None:
        return {1: float(node.acquired_at)}
    moments: list[float] = []
    place = 0
    for _ in range(_MOST_PAGES):
        page = client.watch_events(
            after_seq=place, task_id=node.task_id, kinds=["ACQUIRE_NODE"], limit=_PAGE
        )
        moments += [
            datetime.fromisoformat(event.timestamp).timestamp()
            for event in page.events
            if event.node_id == node.id and not event.by_client
        ]
        if len(moments) >= node.attempt or page.last_seq == place:
            return dict(enumerate(moments, 1))
        place = page.last_seq
    return {}
