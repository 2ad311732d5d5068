"""Limits that a plan names, and that were probably meant otherwise.

The rule this file keeps: a limit that nobody has set limits nothing, which is right for one that is
set later; so what is said is a question, and the task is registered all the same.
"""

from contextlib import suppress

from agentd.cli.limit.known import all_limits
from agentd.client import Client
from agentd.documents.document import Document
from agentd.errors import DaemonUnreachable, RequestRefused
from agentd.suggestion import closest_name


def misspelled_limits(client: Client, document: Document) -> list[str]:
    """A line for each limit that there is not, but one with almost its name."""
    defaults = document.node_defaults
    named = {name for node in document.nodes for name in node.limits or ()}
    named |= {*((defaults and defaults.limits) or ())}
    if not named:
        return []
    known: list[str] = []
    with suppress(DaemonUnreachable, RequestRefused):  # it is registered: that is what counts
        known = [limit.name for limit in all_limits(client)]
    meant = {name: closest_name(name, known) for name in sorted(named.difference(known))}
    return [
        f"limit {name!r} is not set; did you mean {other!r}?"
        for name, other in meant.items()
        if other is not None
    ]
