"""Who holds a node, as a person is told."""

import time

from agentd.api import NodeView
from agentd.cli.times import format_clock, format_duration


def holder_words(node: NodeView) -> str | None:
    """Its owner, since when, and until when its lease is; None where nobody holds it."""
    if node.lease_expires_at is None or node.acquired_at is None:
        return None
    since = format_duration(int(time.time()) - node.acquired_at)
    return f"{node.lease_owner}, for {since}, until {format_clock(node.lease_expires_at)}"
