"""Entries in settings files that are JSON: put in, and taken out.

The rule this file keeps: what is recognised as agentd's is changed or removed, everything else is
left: a server of our name that is another program's, a group of hooks with its neighbours.
"""

import json
from typing import Any

from agentd.setup import json_text
from agentd.setup.edit import Edit, Entry, State
from agentd.setup.json_text import Place
from agentd.setup.refusal import CannotSetUp, DoesNotParse
from agentd.setup.wanted import NAME, Hook, Wanted, as_it_was, is_our_handler, is_our_server, it_ran

SERVERS: Place = ("mcpServers",)
HOOKS: Place = ("hooks",)
SOCKETS: Place = ("sandbox", "network", "allowUnixSockets")
_SERVER = "MCP server"
_SOCKET = "socket in the sandbox"


def put_server(text: str, wanted: Wanted) -> Edit:
    """The MCP server. Raises `CannotSetUp` where one of its name is another program's."""
    place = (*SERVERS, NAME)
    there = _value(text, place)
    if there is None:
        return _put(text, place, wanted.server(), Entry(_SERVER, State.ADDED))
    if not is_our_server(there):
        name = ".".join(place)
        raise CannotSetUp(f"its {name} is another program's: call that one otherwise first")
    differing = wanted.differing(there)
    if not differing:
        return Edit(text, (Entry(_SERVER, State.THERE),))
    changed = Entry(_SERVER, State.CHANGED, as_it_was(there, differing))
    for way, value in differing.items():
        inside = (*place, *way)
        if _value(text, inside) is None:
            text = _put(text, inside, value, changed).text
        else:
            text = json_text.replace(text, inside, value)
    return Edit(text, (changed,))


def take_server(text: str, _wanted: Wanted, made: tuple[Place, ...]) -> Edit:
    """The text without our MCP server."""
    place = (*SERVERS, NAME)
    if not is_our_server(_value(text, place)):
        return Edit(text)
    text = json_text.remove_member(text, place)
    return Edit(_without_empty(text, SERVERS, made), (Entry(_SERVER, State.REMOVED),))


def put_hooks(text: str, wanted: Wanted) -> Edit:
    """Every hook, each in a group of its own."""
    edit = Edit(text)
    for hook in wanted.hooks:
        edit = edit.then(_put_hook(edit.text, wanted, hook))
    return edit


def take_hooks(text: str, wanted: Wanted, made: tuple[Place, ...]) -> Edit:
    """The text without our handlers, and without the groups that held nothing else."""
    edit = Edit(text)
    for hook in wanted.hooks:
        edit = edit.then(_take_hook(edit.text, hook, made))
    return edit


def put_socket(text: str, wanted: Wanted) -> Edit:
    """The socket, among those that commands in the sandbox may use."""
    there = _read_list(text, SOCKETS)
    if wanted.socket in there:
        return Edit(text, (Entry(_SOCKET, State.THERE),))
    mine = (*SOCKETS, wanted.socket)
    if there or _value(text, SOCKETS) is not None:
        text = json_text.add(text, SOCKETS, wanted.socket)
        return Edit(text, (Entry(_SOCKET, State.ADDED),), (mine,))
    edit = _put(text, SOCKETS, [wanted.socket], Entry(_SOCKET, State.ADDED))
    return Edit(edit.text, edit.entries, (*edit.made, SOCKETS, mine))


def take_socket(text: str, _wanted: Wanted, made: tuple[Place, ...]) -> Edit:
    """The text without the sockets that were put in by us: it was another one earlier, perhaps."""
    mine = [place[-1] for place in made if place[:-1] == SOCKETS]
    at = json_text.find(text, SOCKETS)
    there = _value(text, SOCKETS)
    numbers = [n for n, each in enumerate(there) if each in mine] if isinstance(there, list) else []
    if at is None or not numbers:
        return Edit(text)
    for number in reversed(numbers):
        text = json_text.remove(text, at, number)
    return Edit(_without_empty(text, SOCKETS, made), (Entry(_SOCKET, State.REMOVED),))


def _put_hook(text: str, wanted: Wanted, hook: Hook) -> Edit:
    name, place, command = f"{hook.event} hook", (*HOOKS, hook.event), wanted.command(hook)
    there = _our_handlers(text, hook)
    if not there:
        group = wanted.group(hook)
        if _value(text, place) is None:
            edit = _put(text, place, [group], Entry(name, State.ADDED))
            return Edit(edit.text, edit.entries, (*edit.made, place))
        _read_list(text, place)
        return Edit(json_text.add(text, place, group), (Entry(name, State.ADDED),))
    before = there[0][2]
    if before == command:
        return Edit(text, (Entry(name, State.THERE),))
    group_at, number, _ = there[0]
    handler = _start_of_child(text, _start_of_child(text, group_at, "hooks"), number)
    start = _start_of_child(text, handler, "command")
    end = start + len(_spelling(text, start))
    changed = text[:start] + json.dumps(command, ensure_ascii=False) + text[end:]
    return Edit(changed, (Entry(name, State.CHANGED, it_ran(before)),))


def _take_hook(text: str, hook: Hook, made: tuple[Place, ...]) -> Edit:
    place = (*HOOKS, hook.event)
    entries: tuple[Entry, ...] = ()
    while there := _our_handlers(text, hook):
        group_at, number, _ = there[0]
        text = json_text.remove(text, _start_of_child(text, group_at, "hooks"), number)
        at = json_text.find(text, place)
        assert at is not None  # noqa: S101 - a handler was found in it
        starts = [child.value for child in json_text.children(text, at)]
        if _is_bare_group(text, group_at, hook):
            text = json_text.remove(text, at, starts.index(group_at))
        entries = (Entry(f"{hook.event} hook", State.REMOVED),)
    return Edit(_without_empty(text, place, made) if entries else text, entries)


def _our_handlers(text: str, hook: Hook) -> list[tuple[int, int, str]]:
    """Where a group begins that has a handler of ours, which it is there, and what it runs."""
    at = json_text.find(text, (*HOOKS, hook.event))
    found = []
    for group in json_text.children(text, at) if at is not None else []:
        members = [each for each in json_text.children(text, group.value) if each.key == "hooks"]
        for member in members[-1:]:  # the last of its name is the one that counts
            for number, each in enumerate(json_text.children(text, member.value)):
                handler = json.loads(text[each.value : each.end])
                if is_our_handler(handler, hook):
                    found.append((group.value, number, handler["command"]))
    return found


def _is_bare_group(text: str, at: int, hook: Hook) -> bool:
    """Whether a group is as we make them, and holds nothing any more."""
    return bool(json.loads(_spelling(text, at)) == {"matcher": hook.matcher, "hooks": []})


def _start_of_child(text: str, at: int, key: str | int) -> int:
    """Where the value of a member, or of an item by its number, begins."""
    found = json_text.children(text, at)
    return found[key].value if isinstance(key, int) else _last_member(found, key).value


def _last_member(found: list[json_text.Child], key: str) -> json_text.Child:
    return [child for child in found if child.key == key][-1]


def _spelling(text: str, at: int) -> str:
    _, end = json.JSONDecoder().raw_decode(text, at)
    return text[at:end]


def _put(text: str, place: Place, value: Any, entry: Entry) -> Edit:
    """The value at a place where there is none, in objects that are made where they are missing."""
    known = 0
    while known < len(place) - 1 and _value(text, place[: known + 1]) is not None:
        known += 1
    for depth in range(known + 1):
        _check_object(text, place[:depth])
    made = tuple(place[:depth] for depth in range(known + 1, len(place)))
    for key in reversed(place[known + 1 :]):
        value = {key: value}
    return Edit(json_text.add(text, place[:known], value, place[known]), (entry,), made)


def _value(text: str, place: Place) -> Any:
    """The value there, None where there is none. Raises `DoesNotParse` of an explicit null."""
    at = json_text.find(text, place)
    if at is None:
        return None
    value = json.loads(_spelling(text, at))
    if value is None:
        raise DoesNotParse(f"its {'.'.join(place)} is null: give it a value, or remove it")
    return value


def _check_object(text: str, place: Place) -> None:
    value = _value(text, place)
    if not isinstance(value, dict):
        name = ".".join(place) or "content"
        raise DoesNotParse(f"its {name} is a {type(value).__name__}, and has to be an object")


def _read_list(text: str, place: Place) -> list[Any]:
    for depth in range(len(place)):
        if _value(text, place[:depth]) is not None:
            _check_object(text, place[:depth])
    value = _value(text, place)
    if not isinstance(value, list | None):
        name = ".".join(place)
        raise DoesNotParse(f"its {name} is a {type(value).__name__}, and has to be an array")
    return value or []


def _without_empty(text: str, place: Place, made: tuple[Place, ...]) -> str:
    """The text without the containers on the way to `place` that we made, if nothing is in them."""
    for depth in range(len(place), 0, -1):
        if _value(text, place[:depth]) or place[:depth] not in made:
            break
        text = json_text.remove_member(text, place[:depth])
    return text
