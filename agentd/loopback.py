"""TCP addresses of this machine alone: `127.0.0.1:7777`, `[::1]:7777`.

The rule this file keeps: an address is parsed, never compared with a beginning, and a name is no
address: who resolves it decides where it leads.
"""

import re
from typing import NamedTuple

_FORM = r"(?:\[(?P<six>[^\[\]]*)\]|(?P<four>[^:\[\]]*)):(?P<port>[0-9]{1,5})"
_HIGHEST_PORT = 65_535


class Loopback(NamedTuple):
    """A host in digits, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Ports(NamedTuple):
    """Where a daemon listens besides its socket, if anywhere: for clients, and for scrapers."""

    tcp: Loopback | None = None
    metrics: Loopback | None = None


def parse_loopback(text: str, *, lowest_port: int = 1) -> Loopback:
    """The address that `text` means. Raises `ValueError`, which says what was expected."""
    from ipaddress import IPv6Address, ip_address  # noqa: PLC0415 - late: few need it

    form = re.fullmatch(_FORM, text.strip())
    if form is None:
        raise ValueError("expected an address and a port, such as 127.0.0.1:7777 or [::1]:7777")
    host, port = form["four"] if form["six"] is None else form["six"], int(form["port"])
    if not lowest_port <= port <= _HIGHEST_PORT:
        raise ValueError(f"expected a port from {lowest_port} to {_HIGHEST_PORT}")
    try:
        found = ip_address(host)
    except ValueError:
        raise ValueError("expected an address in digits: 127.0.0.1 or [::1], no name") from None
    is_six = isinstance(found, IPv6Address)
    # One that has an IPv4 address or a zone in it is a detour that nobody needs.
    if is_six != (form["six"] is not None) or not (
        found == IPv6Address("::1") if is_six else found.is_loopback
    ):
        raise ValueError(
            "expected an address of this machine alone, 127.0.0.1 or [::1]: what comes from "
            "elsewhere comes through `ssh -L`"
        )
    return Loopback(str(found), port)
