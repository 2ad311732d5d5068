"""A node's `locks` in a document: paths are meant from where the document is.

The rule this file keeps: the daemon gets absolute paths; what it would refuse is a fault here.
"""

from collections.abc import Sequence

import msgspec

from agentd.api.node_settings import LockSpec, locks_of
from agentd.client.lock_paths import absolute_key, lacks_path
from agentd.documents.fields import Fields, json_kind

_QUOTED = 40
"""Characters of a lock that a fault repeats."""


def are_locks(fields: Fields) -> bool:
    """Is each of the list a lock, as far as can be seen here? Those that are none are faults."""
    given = fields.raw("locks", b"null")
    if json_kind(given) != "a list":
        return True  # that is told as a whole
    wrong = 0
    for number, each in enumerate(msgspec.json.decode(given, type=list[msgspec.Raw])):
        try:
            msgspec.json.decode(each, type=str | LockSpec)
        except msgspec.MsgspecError:
            wrong += 1
            found = bytes(each).decode()
            found = found if len(found) <= _QUOTED else f"{found[:_QUOTED]}..."
            told = "`locks`: expected a key such as file:src/a.py, or {key, mode} with the mode "
            told += f"`exclusive` or `shared`, got {found}"
            fields.place.fault(told, "locks", number)
    return not wrong


def read_locks(fields: Fields, given: Sequence[str | LockSpec]) -> list[str | LockSpec]:
    """The locks, as the daemon is to have them."""
    directory = fields.place.faults.directory
    found: list[str | LockSpec] = []
    for number, each in enumerate(given):
        key = each if isinstance(each, str) else each.key
        if (why := lacks_path(key)) is not None:
            fields.place.fault(f"`locks`: {why}", "locks", number)
            continue
        if isinstance(each, str):
            found.append(absolute_key(each, directory))
        else:
            found.append(LockSpec(absolute_key(each.key, directory), each.mode))
        try:
            locks_of(found[-1:])
        except ValueError as error:
            told = str(error).partition(": ")[2]
            fields.place.fault(f"`locks`: {told}", "locks", number)
    return found
