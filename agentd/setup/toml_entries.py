"""Entries in Codex' settings, which are TOML: put in, and taken out.

The rule this file keeps: what is recognised as agentd's is changed or removed, everything else is
left, and a person's choice of permissions is not made for them.
"""

from agentd.setup.edit import Edit, Entry, State
from agentd.setup.json_text import Place
from agentd.setup.refusal import CannotSetUp, DoesNotParse
from agentd.setup.toml_text import Table, add_table, parse, put_value, remove, value_at
from agentd.setup.wanted import NAME, Wanted, as_it_was, is_our_server

_SERVERS: Place = ("mcp_servers",)
_SERVER = "MCP server"
_SOCKET = "socket in the sandbox"
_ALLOW = "allow"
SOCKETS: Place = ("unix_sockets",)


def put_server(text: str, wanted: Wanted) -> Edit:
    """The MCP server. Raises `CannotSetUp` where one of its name is another program's."""
    document, place = parse(text), (*_SERVERS, NAME)
    there = value_at(document, place)
    if there is None:
        made = _missing(document, place)
        return Edit(add_table(text, place, wanted.server()), (Entry(_SERVER, State.ADDED),), made)
    if not is_our_server(there):
        name = ".".join(place)
        raise CannotSetUp(f"its {name} is another program's: call that one otherwise first")
    differing = wanted.differing(there)
    if not differing:
        return Edit(text, (Entry(_SERVER, State.THERE),))
    _missing(document, (*place, "env", ""))
    for way, value in differing.items():
        text = put_value(text, (*place, *way), value)
    return Edit(text, (Entry(_SERVER, State.CHANGED, as_it_was(there, differing)),))


def take_server(text: str, wanted: Wanted, _made: tuple[Place, ...]) -> Edit:
    """The text without our MCP server."""
    place = (*_SERVERS, NAME)
    if not is_our_server(value_at(parse(text), place)):
        return Edit(text)
    return Edit(remove(text, place, wanted.server()), (Entry(_SERVER, State.REMOVED),))


def put_socket(text: str, wanted: Wanted) -> Edit:
    """The socket, in the permissions that the file selects; without such it is left.

    Codex does not start where permissions are defined and none are selected.
    """
    document = parse(text)
    place = sockets(text)
    if place is None:
        return _left(text, "`default_permissions` selects none of the file's own permissions")
    there = value_at(document, (*place, wanted.socket))
    if there == _ALLOW:
        return Edit(text, (Entry(_SOCKET, State.THERE),))
    if there is not None:
        return _left(text, f"{'.'.join(place)} says {there!r} of it")
    mine = (*place, wanted.socket)
    if value_at(document, place) is None:
        text = add_table(text, place, {wanted.socket: _ALLOW})
    else:
        text = put_value(text, mine, _ALLOW)
    return Edit(text, (Entry(_SOCKET, State.ADDED),), (*_missing(document, mine), mine))


def take_socket(text: str, _wanted: Wanted, made: tuple[Place, ...]) -> Edit:
    """The text without the sockets that were put in by us: it was another one earlier, perhaps."""
    mine = [place for place in made if place[-2:-1] == SOCKETS]
    there = [place for place in mine if value_at(parse(text), place) == _ALLOW]
    for place in there:
        only = {place[-1]: _ALLOW}
        alone = value_at(parse(text), place[:-1]) == only and place[:-1] in made
        text = remove(text, place[:-1], only) if alone else remove(text, place, None)
    return Edit(text, (Entry(_SOCKET, State.REMOVED),) if there else ())


def sockets(text: str) -> Place | None:
    """Where the permissions that the file selects, and defines, allow sockets."""
    document = parse(text)
    selected = document.get("default_permissions")
    if not isinstance(selected, str) or value_at(document, ("permissions", selected)) is None:
        return None
    return ("permissions", selected, "network", *SOCKETS)


def _missing(document: Table, place: Place) -> tuple[Place, ...]:
    """The tables on the way that are not there. Raises `DoesNotParse` where one is no table."""
    ways = [place[:depth] for depth in range(1, len(place))]
    for way in ways:
        if not isinstance(value_at(document, way), dict | None):
            raise DoesNotParse(f"its {'.'.join(way)} has to be a table")
    return tuple(way for way in ways if value_at(document, way) is None)


def _left(text: str, why: str) -> Edit:
    return Edit(text, (Entry(_SOCKET, State.LEFT, why),))
