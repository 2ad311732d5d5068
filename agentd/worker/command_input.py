"""What a command gets on standard input: the context of its node, small.

The rule this file keeps: what others said is cut where it is large, and its size is told; all else
is passed on byte for byte.
"""

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from agentd.api import EventView, NodeContext

LARGEST_PAYLOAD = 4096
"""Bytes of an event's payload that are passed on whole."""


def command_input(context: NodeContext) -> bytes:
    """The context as JSON."""
    events = [_cut_payload(event) for event in context.event_journal]
    return msgspec.json.encode(replace(context, event_journal=events))


def _cut_payload(event: EventView) -> EventView:
    payload = bytes(event.payload)
    if len(payload) <= LARGEST_PAYLOAD:
        return event
    head = payload[:LARGEST_PAYLOAD].decode(errors="ignore")  # the last character may be cut
    cut = {"left_out": True, "bytes": len(payload), "head": head}
    return replace(event, payload=Raw(msgspec.json.encode(cut)))
