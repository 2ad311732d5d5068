"""What a command says that cannot do its node now: when to try again, and whom else to keep off.

The rule this file keeps: it is the last line of standard error or nothing, and only for a command
that ends with the exit code for it: commands repeat what strangers wrote.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

LATER_EXIT = 75
"""The exit code that means "not now" (EX_TEMPFAIL), where nobody says otherwise."""

LATER_SECS = 60.0
"""Seconds for which a node is given back, where nobody says otherwise."""

LATER_PREFIX = b"AGENTD_LATER "

_LONGEST_REASON = 1000
"""Characters of a reason that are passed on."""


class Later(Struct, forbid_unknown_fields=True):
    """What stands behind `LATER_PREFIX`."""

    after_secs: Annotated[float, Meta(ge=0, le=31_536_000)] | None = None
    close_limit: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    reason: str | None = None


def parse_later(line: bytes) -> Later:
    """What the last line of standard error says; nothing where it is any other line.

    Raises `ValueError` for what has not that form.
    """
    if not line.startswith(LATER_PREFIX):
        return Later()
    try:
        later = msgspec.json.decode(line.removeprefix(LATER_PREFIX), type=Later)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    if later.reason is not None:
        later.reason = later.reason[:_LONGEST_REASON]
    return later
