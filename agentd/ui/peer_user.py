"""Whose browser it is that asks, where the system tells.

The rule this file keeps: a link may be seen on the command line of the browser that it was opened
with, and a cookie goes to every server on this machine that the browser visits; so another user is
refused where it is known to be one. Where nothing is known, link and cookie decide alone.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
"""Of Linux: the connections of all users."""

_LOCAL, _REMOTE, _USER = 1, 2, 7
"""Columns."""


def is_another_user(client: Any, server: Any) -> bool:
    """Whether the one at the other end is neither this user nor root, as far as is known.

    Both are a host and a port, as ASGI has them.
    """
    try:
        user = user_of(_connections(), client, server)
    except (OSError, TypeError, ValueError):
        return False
    return user is not None and user not in (0, os.getuid())


def user_of(
    connections: Iterable[str], client: tuple[str, int], server: tuple[str, int]
) -> int | None:
    """The user whose end is the client's; None where there is none. Raises `ValueError`."""
    ours, theirs = _written(*server), _written(*client)
    for line in connections:
        found = line.split()
        if len(found) > _USER and found[_LOCAL].endswith(theirs) and found[_REMOTE].endswith(ours):
            return int(found[_USER])
    return None


def _written(host: str, port: int) -> str:
    """As it stands in a table; one of IPv6 that holds one of IPv4 ends in the same."""
    number = int.from_bytes(IPv4Address(host).packed, sys.byteorder)
    return f"{number:08X}:{port:04X}"


def _connections() -> Iterator[str]:
    for table in _TABLES:
        path = Path(table)
        if path.exists():
            yield from path.read_text(encoding="ascii").splitlines()[1:]
