"""Who holds a node, as a person is told."""

import time

from agentd.api import NodeView
from agentd.times import format_clock, format_duration, format_moment


def holder_words(node: NodeView, *, now: bool = True) -> str | None:
    """Its owner, since when, and until when its lease is; None where nobody holds it.

    It is told as it is `now`, or as it was once.
    """
    if node.lease_expires_at is None or node.acquired_at is None:
        return None
    if not now:
        began, ends = format_moment(node.acquired_at), format_moment(node.lease_expires_at)
        return f"{node.lease_owner}, since {began}, until {ends}"
    since = format_duration(int(time.time()) - node.acquired_at)
    return f"{node.lease_owner}, for {since}, until {format_clock(node.lease_expires_at)}"
