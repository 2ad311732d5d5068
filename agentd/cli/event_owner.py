"""Whose lease an event is about.

The rule this file keeps: only what the daemon has written says it. A client's event may say
whatever it likes, and what a newer daemon writes in another form is about nobody known here.
"""

import msgspec
from msgspec import Struct

from agentd.api import RecordedEventView


class _Owned(Struct):
    lease_owner: str = ""


def event_owner(event: RecordedEventView) -> str:
    """The owner that an event tells of; empty where it tells of none."""
    if event.by_client:
        return ""
    try:
        return msgspec.json.decode(bytes(event.payload), type=_Owned).lease_owner
    except msgspec.MsgspecError:
        return ""
