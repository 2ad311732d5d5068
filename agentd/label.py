"""What a person calls a node: by its name, or else by the end of its id.

The rule this file keeps: a payload is the user's, and only its `name` is looked at: whatever else
it has, a number that no double holds among it, is passed over. Ids that were made together begin
alike, so it is their ends that tell them apart. A label is text of others, to be shown as such.
"""

import msgspec
from msgspec import Raw, Struct

SHORTEST_ID = 8
"""Characters of an id that is shortened for a person."""


class _NamedPayload(Struct):
    name: Raw = Raw()


def payload_name(payload: bytes | Raw) -> str | None:
    """The short name that a payload gives to its node."""
    try:
        given = msgspec.json.decode(payload, type=_NamedPayload).name
        return msgspec.json.decode(given, type=str) or None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # no object, or no such text
        return None


def node_label(node_id: str, payload: bytes | Raw) -> str:
    """What to call a node where the others of its task are not known."""
    return payload_name(payload) or node_id[-SHORTEST_ID:]
